import numpy as np
import pytest

from benchmarks.speech import SPEAKERS, speak, starter_voice
from pipeline.engines import webrtc_vad

pytestmark = pytest.mark.engines


def heard(detector, audio):
    size = detector.block
    whole = audio[: audio.size // size * size].reshape(-1, size)
    return np.array([detector.probability(block) for block in whole])


@pytest.mark.parametrize("block", webrtc_vad.BLOCKS)
def test_speech_is_heard_and_silence_is_not(block):
    conversation = speak(starter_voice(), ["Wake me up at seven."], SPEAKERS[0], seed=0)
    found = heard(webrtc_vad.load(block=block).detector(), conversation.audio)
    mask = conversation.speech_mask()
    spoken = mask[: found.size * block].reshape(-1, block).all(axis=1)
    assert set(found) == {0.0, 1.0}
    assert found[spoken].mean() > 0.95
    assert found[: conversation.utterances[0].begin // block - 1].mean() < 0.1


def test_the_gate_is_at_least_as_eager_as_the_judge():
    conversation = speak(starter_voice(), ["Wake me up at seven."], SPEAKERS[1], seed=0)
    model = webrtc_vad.load(3)
    judged = heard(model.detector(), conversation.audio)
    gated = heard(model.gate(), conversation.audio)
    assert gated.sum() > judged.sum()


def test_after_a_reset_nothing_of_the_past_is_left():
    noise = np.random.default_rng(1).integers(-9000, 9000, 16_000).astype(np.int16)
    detector = webrtc_vad.load(0).detector()
    assert heard(detector, noise).all()
    # It holds on to speech for some blocks; after a reset there is nothing to hold on to.
    assert detector.probability(np.zeros(480, np.int16)) == 1.0
    detector.reset()
    assert detector.probability(np.zeros(480, np.int16)) == 0.0


@pytest.mark.parametrize("aggressiveness", [-1, 4])
def test_an_unknown_aggressiveness_is_refused(aggressiveness):
    with pytest.raises(ValueError, match=f"aggressiveness is {aggressiveness}, expected 0 to 3"):
        webrtc_vad.load(aggressiveness)


def test_an_unknown_block_is_refused():
    with pytest.raises(ValueError, match="block is 512 samples, expected one of"):
        webrtc_vad.load(block=512)


def test_a_block_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"shape \(512,\), expected \(480,\)"):
        webrtc_vad.load().detector().probability(np.zeros(512, np.int16))
