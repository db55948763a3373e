from pathlib import Path

import numpy as np
import pytest

from benchmarks.speech import SPEAKERS, Conversation, speak, starter_voice
from pipeline.engines import silero
from pipeline.errors import EngineUnavailable

pytestmark = pytest.mark.engines


@pytest.fixture(scope="module")
def model() -> silero.SileroModel:
    return silero.load()


@pytest.fixture(scope="module")
def conversation() -> Conversation:
    return speak(starter_voice(), ["Turn on the light, please.", "Yes."], SPEAKERS[0], seed=0)


def scores(detector, audio):
    whole = audio[: audio.size // 512 * 512].reshape(-1, 512)
    return np.array([detector.probability(block) for block in whole])


def test_speech_scores_high_and_silence_low(model, conversation):
    mask = conversation.speech_mask()
    whole = mask[: mask.size // 512 * 512].reshape(-1, 512)
    found = scores(model.detector(), conversation.audio)
    assert (found[whole.all(axis=1)] >= 0.5).mean() > 0.85
    # The network takes some 100 ms to believe that speech is over.
    silence = ~whole.any(axis=1)
    quiet = silence & np.roll(silence, 8) & np.roll(silence, -1)
    assert quiet.sum() > 100
    assert found[quiet].max() < 0.35


def test_sessions_share_the_network_but_no_memory(model, conversation):
    alone = scores(model.detector(), conversation.audio)
    first, second = model.detector(), model.detector()
    noise = np.random.default_rng(0).integers(-9000, 9000, conversation.audio.size, np.int16)
    together = []
    for at in range(0, conversation.audio.size // 512 * 512, 512):
        together.append(first.probability(conversation.audio[at : at + 512]))
        second.probability(noise[at : at + 512])
    assert np.array_equal(alone, together)


def test_after_a_reset_nothing_of_the_past_is_left(model, conversation):
    detector = model.detector()
    first = scores(detector, conversation.audio[:16_000])
    assert not np.array_equal(first, scores(detector, conversation.audio[:16_000]))
    detector.reset()
    assert np.array_equal(first, scores(detector, conversation.audio[:16_000]))


def test_a_block_sees_the_end_of_the_block_before_it(model, conversation):
    begin = conversation.utterances[0].begin
    block = conversation.audio[begin : begin + 512]
    after_silence, after_noise = model.detector(), model.detector()
    after_silence.probability(np.zeros(512, np.int16))
    quiet_then_loud = np.zeros(512, np.int16)
    quiet_then_loud[-64:] = 8000
    after_noise.probability(quiet_then_loud)
    assert after_silence.probability(block) != after_noise.probability(block)


def test_the_block_is_not_changed(model):
    block = np.full(512, 1234, np.int16)
    block.flags.writeable = False
    model.detector().probability(block)
    assert (block == 1234).all()


def test_a_block_of_another_length_is_refused(model):
    with pytest.raises(ValueError, match=r"shape \(480,\), expected \(512,\)"):
        model.detector().probability(np.zeros(480, np.int16))


def test_the_network_is_found_without_importing_faster_whisper():
    path = silero.bundled_model()
    assert path.name == "silero_vad_v6.onnx"
    assert path.is_file()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match="pip install faster-whisper"):
        silero.bundled_model()


def test_a_file_that_is_no_network_is_named(tmp_path: Path):
    path = tmp_path / "silero_vad_v6.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(EngineUnavailable, match=r"silero_vad_v6\.onnx cannot be loaded"):
        silero.load(path)


def test_another_network_is_refused_by_its_inputs():
    voice = Path(__file__).parents[3] / "starter" / "models" / "voice" / "starter.onnx"
    with pytest.raises(EngineUnavailable, match="expected c, h and input"):
        silero.load(voice)
