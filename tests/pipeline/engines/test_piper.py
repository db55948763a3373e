from __future__ import annotations

import json
import sys
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engines import Int16Audio, SpeakJob, SpokenAudio, TimedText
from pipeline.engines.piper import Pauses, PiperSettings, PiperVoice, cuda_problem, load
from pipeline.engines.thread import EngineThread, StopToken
from pipeline.errors import EngineUnavailable
from pipeline.segmentation import Segmenter

pytestmark = pytest.mark.engines

STARTER = Path(__file__).parents[3] / "starter" / "models" / "voice" / "starter.onnx"
RATE = 16_000
SENTENCE = "The weather of the town is **mostly** sunny today, and I am glad."


@pytest.fixture(scope="module")
def voice() -> PiperVoice:
    return load(PiperSettings(STARTER))


def spoken(voice: PiperVoice, text: str, speed: float = 1.0) -> list[SpokenAudio]:
    return list(voice.speak(SpeakJob(text, speed), stop=StopToken()))


def audio_of(stretches: list[SpokenAudio]) -> Int16Audio:
    return np.concatenate([stretch.audio for stretch in stretches])


def words_of(stretches: list[SpokenAudio]) -> list[TimedText]:
    return [word for stretch in stretches for word in stretch.words]


def sounding_level(audio: Int16Audio) -> float:
    """RMS in dBFS over the frames that sound."""
    frames = audio[: len(audio) // 160 * 160].reshape(-1, 160) / 32768
    power = np.mean(frames**2, axis=1)
    return float(10 * np.log10(power[power > power.max() * 1e-4].mean()))


def trailing_silence(audio: Int16Audio) -> float:
    """Seconds after the last sample within 40 dB of the peak."""
    loud = np.flatnonzero(np.abs(audio.astype(int)) > np.abs(audio.astype(int)).max() / 100)
    return float(len(audio) - loud[-1] - 1) / RATE


# -- sound ---------------------------------------------------------------------------------------


def test_speech_has_the_level_of_the_settings_and_headroom(voice: PiperVoice) -> None:
    audio = audio_of(spoken(voice, SENTENCE))
    assert voice.sample_rate == RATE
    assert audio.dtype == np.int16
    assert sounding_level(audio) == pytest.approx(-18, abs=1.5)
    assert np.abs(audio.astype(int)).max() <= 32768 * 10 ** (-1 / 20)


def test_a_short_clause_is_not_blown_up(voice: PiperVoice) -> None:
    levels = [sounding_level(audio_of(spoken(voice, text))) for text in ("Yes.", SENTENCE)]
    assert levels == pytest.approx([-18, -18], abs=3)


def test_the_gain_follows_the_settings(voice: PiperVoice) -> None:
    quiet = load(PiperSettings(STARTER, gain_dbfs=-30))
    assert 20 * np.log10(voice.gain / quiet.gain) == pytest.approx(12)
    loud = load(PiperSettings(STARTER, gain_dbfs=0))
    peak = np.abs(audio_of(spoken(loud, SENTENCE)).astype(int)).max() / 32768
    assert 0.75 < peak <= 10 ** (-1 / 20)  # bent, not clipped


def test_the_same_text_sounds_the_same(voice: PiperVoice) -> None:
    once, again = spoken(voice, SENTENCE), spoken(voice, SENTENCE)
    assert np.array_equal(audio_of(once), audio_of(again))
    assert words_of(once) == words_of(again)


@pytest.mark.parametrize(
    ("text", "pause_ms"),
    [
        ("Good morning,", 120),
        ("The list is:", 180),
        ("That is all.", 280),
        ("Is that all?", 280),
        ("Wait, what!", 280),
        ("A heading", 280),
        ("cut in the middle ", 120),
        ("A heading\n", 280),
    ],
)
def test_silence_at_the_end_is_ours(voice: PiperVoice, text: str, pause_ms: int) -> None:
    audio = audio_of(spoken(voice, text))
    pause = pause_ms * RATE // 1000
    assert not audio[-pause:].any()
    assert audio[: len(audio) - pause].any()
    assert pause_ms <= trailing_silence(audio) * 1000 <= pause_ms + 30
    assert trailing_silence(audio[::-1]) < 0.025  # the start


def test_the_ends_of_a_sentence_are_faded(voice: PiperVoice) -> None:
    audio = np.abs(audio_of(spoken(voice, "All is well.")).astype(int))
    assert audio[0] < 60
    assert audio[-280 * RATE // 1000 - 1] < 60


def test_twice_the_speed_is_half_as_long(voice: PiperVoice) -> None:
    lengths = [len(audio_of(spoken(voice, SENTENCE, speed))) for speed in (1.0, 2.0, 0.5)]
    assert lengths[0] / lengths[1] == pytest.approx(2, rel=0.1)
    assert lengths[2] / lengths[0] == pytest.approx(2, rel=0.1)


def test_a_speed_beyond_all_bounds_is_brought_within_them(voice: PiperVoice) -> None:
    assert np.array_equal(
        audio_of(spoken(voice, "Hello.", 1e9)), audio_of(spoken(voice, "Hello.", 4.0))
    )
    assert np.array_equal(
        audio_of(spoken(voice, "Hello.", 0)), audio_of(spoken(voice, "Hello.", 0.25))
    )


def test_a_slow_voice_pauses_longer() -> None:
    slow = load(PiperSettings(STARTER, length_scale=2.0, pauses=Pauses(comma_ms=50)))
    assert not audio_of(spoken(slow, "Hello there,"))[-RATE // 10 :].any()
    assert 0.1 <= trailing_silence(audio_of(spoken(slow, "Hello there,"))) < 0.13


@pytest.mark.parametrize("text", ["", "  \n", "😀👍🏽", "...", "```\ncode\n```", "---", "**"])
def test_text_with_nothing_to_say_yields_nothing(voice: PiperVoice, text: str) -> None:
    assert spoken(voice, text) == []


# -- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        SENTENCE,
        "I am going to the end of the road. It is in the north, at the sea! Is it?",
        "It costs $5.99 on 2026-11-20 at 10:30, e.g. for 3 km/h. Dr. Smith agrees, 50%.",
        "- Eggs\n- **Milk** 😀\n- [Fresh bread](http://a.b)",
        "GPUs, AT&T and https://example.com are R&D.",
        "Call +1 555-123-4567 now",
        "twenty-one well-known rock'n'roll don'ts",
        "Naïve Straße 你好 done",
        "Sure, ",
    ],
)
@pytest.mark.parametrize("speed", [1.0, 1.7])
def test_every_written_word_has_its_time(voice: PiperVoice, text: str, speed: float) -> None:
    stretches = spoken(voice, text, speed)
    words = words_of(stretches)
    joined = text.replace("+1 555-123-4567", "telephone").replace("3 km/h", "3km/h")
    written = [word for word in joined.split() if word not in "-😀"]
    assert len(words) == len(written)
    begin = 0
    for before, after in pairwise(words):
        assert before.start < before.end <= after.start
        assert before.end_sample <= after.start_sample
    for stretch in stretches:
        end = begin + len(stretch.audio)
        for word in stretch.words:
            assert 0 <= word.start_sample <= word.end_sample
            assert begin < word.end_sample <= end
            assert not any(map(str.isspace, text[word.start - 1 : word.start].strip()))
        begin = end
    assert all(word.end_sample > word.start_sample for word in words)


def test_words_end_where_they_sound_not_where_the_pause_ends(voice: PiperVoice) -> None:
    stretches = spoken(voice, "Good morning. Good evening.")
    first, second = stretches
    assert [word.end for word in words_of(stretches)] == [4, 13, 18, 27]
    pause = RATE * 280 // 1000
    assert first.words[-1].end_sample <= len(first.audio) - pause
    assert second.words[0].start_sample >= len(first.audio)


def test_word_times_meet_the_energy_of_the_sound(voice: PiperVoice) -> None:
    """A gap that the model makes at a comma lies between the words beside it."""
    stretches = spoken(voice, "The summer is over, winter begins.")
    audio, words = audio_of(stretches), words_of(stretches)
    over, winter = words[3], words[4]
    gap = np.abs(audio[over.end_sample : winter.start_sample].astype(int))
    assert len(gap) > RATE // 50
    assert gap.mean() < np.abs(audio.astype(int)).mean() / 3


def test_word_times_come_from_the_model(voice: PiperVoice) -> None:
    assert voice.has_word_times


REPLY = (
    "Sure, here is *what* I found. Dr. Smith paid $5.99 on Nov. 20, 2026! 😀\n"
    "- First, [read this](http://a.b)\n- Second, rest\n```\nx = 1\n```\nIs that all?"
)


def test_what_was_heard_of_a_reply_is_found_by_the_offsets(voice: PiperVoice) -> None:
    heard, offset = [], 0
    segmenter = Segmenter(language=voice.language)
    for segment in segmenter.feed(REPLY) + segmenter.flush():
        for word in words_of(spoken(voice, segment)):
            heard.append(REPLY[offset + word.start : offset + word.end])
        offset += len(segment)
    assert heard == [
        *("Sure,", "here", "is", "*what*", "I", "found.", "Dr.", "Smith", "paid", "$5.99", "on"),
        *("Nov. 20, 2026!", "First,", "[read", "this](http://a.b)", "Second,", "rest"),
        *("Is", "that", "all?"),
    ]


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=40) | st.text("ab Cé1.,?-'$%:()\"…😀你\n", max_size=40))
def test_any_text_can_be_spoken(voice: PiperVoice, text: str) -> None:
    position = sample = 0
    for word in words_of(spoken(voice, text, 4.0)):
        assert position <= word.start < word.end <= len(text)
        assert sample <= word.start_sample <= word.end_sample
        position, sample = word.end, word.end_sample


# -- stopping ------------------------------------------------------------------------------------


def test_a_job_that_was_stopped_before_says_nothing(voice: PiperVoice) -> None:
    stop = StopToken()
    stop.set()
    assert list(voice.speak(SpeakJob(SENTENCE), stop=stop)) == []


def test_a_stop_between_sentences_ends_the_job(voice: PiperVoice) -> None:
    stop = StopToken()
    speech = voice.speak(SpeakJob("One is here. Two is there. Three is gone."), stop=stop)
    assert next(speech).words[0].start == 0
    stop.set()
    assert list(speech) == []


class StopDuringRun(StopToken):
    """Stops as soon as somebody can be called back, which is when the model begins to run."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = False

    def calling(self, callback):  # type: ignore[no-untyped-def]
        self.waited = True
        self.set()
        return super().calling(callback)


def test_a_stop_ends_a_running_synthesis_and_the_voice_lives_on(voice: PiperVoice) -> None:
    before = audio_of(spoken(voice, SENTENCE))
    stop = StopDuringRun()
    assert list(voice.speak(SpeakJob(SENTENCE * 3), stop=stop)) == []
    assert stop.waited
    assert np.array_equal(audio_of(spoken(voice, SENTENCE)), before)


def test_a_stop_signal_without_callbacks_will_do(voice: PiperVoice) -> None:
    class Bare:
        def is_set(self) -> bool:
            return False

    assert len(list(voice.speak(SpeakJob("Hello."), stop=Bare()))) == 1


def test_several_threads_may_speak_at_once(voice: PiperVoice) -> None:
    texts = ["One and two are three.", "It is late.", SENTENCE, "Hello there, my friend."]
    expected = [audio_of(spoken(voice, text)) for text in texts]
    results: dict[int, Int16Audio] = {}

    def work(number: int) -> None:
        results[number] = audio_of(spoken(voice, texts[number]))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(results[number], expected[number]) for number in range(len(texts)))


async def test_it_speaks_on_its_engine_thread() -> None:
    engine = EngineThread("tts", lambda: load(PiperSettings(STARTER)))
    await engine.start()
    try:
        job = SpeakJob("Hello there. How are you?")
        async with engine.run(lambda voice, stop: voice.speak(job, stop=stop)) as results:
            stretches = [stretch async for stretch in results]
        assert len(stretches) == 2
    finally:
        assert await engine.close()


def test_warming_up_leaves_the_voice_as_it_was(voice: PiperVoice) -> None:
    before = audio_of(spoken(voice, "Hello."))
    voice.warm_up()
    assert np.array_equal(audio_of(spoken(voice, "Hello.")), before)


# -- what can be wrong with the files ------------------------------------------------------------


def changed(tmp_path: Path, model: bytes | None = None, **config: object) -> PiperSettings:
    """Write a copy of the starter voice with changes."""
    content = json.loads(STARTER.with_name("starter.onnx.json").read_text(encoding="utf-8"))
    content.update(config)
    path = tmp_path / "voice.onnx"
    path.write_bytes(STARTER.read_bytes() if model is None else model)
    path.with_name("voice.onnx.json").write_text(json.dumps(content), encoding="utf-8")
    return PiperSettings(path)


def test_a_missing_voice_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"no voice at .*nobody\.onnx; check the path"):
        load(PiperSettings(tmp_path / "nobody.onnx"))


@pytest.mark.parametrize("package", ["piper", "onnxruntime"])
def test_a_missing_package_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EngineUnavailable, match=f"{package}.*run: pip install"):
        load(PiperSettings(STARTER))


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    changed_settings = changed(tmp_path)
    changed_settings.path.with_name("voice.onnx.json").unlink()
    with pytest.raises(EngineUnavailable, match=r"voice\.onnx\.json cannot be read .* beside it"):
        load(changed_settings)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "holds list, expected an object"),
        ("{}", "is no Piper voice configuration"),
        ('{"num_symbols": 1, "num_speakers": 1, "audio": 7}', "is no Piper voice configuration"),
    ],
)
def test_a_wrong_configuration_is_refused(tmp_path: Path, content: str, message: str) -> None:
    changed_settings = changed(tmp_path)
    changed_settings.path.with_name("voice.onnx.json").write_text(content, encoding="utf-8")
    with pytest.raises(EngineUnavailable, match=message):
        load(changed_settings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"phoneme_id_map": {"^": [1], "a": [14]}}, r"phoneme_id_map lacks \$ _"),
        ({"audio": {"sample_rate": 5}}, "sample_rate is 5, expected 8000 to 48000"),
        ({"num_symbols": "many", "phoneme_id_map": None}, "no Piper voice configuration"),
    ],
)
def test_a_configuration_that_no_voice_can_have_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(EngineUnavailable, match=message):
        load(changed(tmp_path, **change))


def test_the_configuration_of_another_voice_is_refused(tmp_path: Path) -> None:
    ids = {
        symbol: [999 + number] for number, symbol in enumerate("^_$ .?abcdefghijklmnopqrstuvwxyz")
    }
    with pytest.raises(EngineUnavailable, match="is it a Piper voice"):
        load(changed(tmp_path, phoneme_id_map=ids))


def test_a_voice_of_letters_needs_no_phonemes_of_the_reference(tmp_path: Path) -> None:
    symbols = "^_$ .абвгд"
    ids = {symbol: [number] for number, symbol in enumerate(symbols)}
    voice = load(changed(tmp_path, phoneme_type="text", phoneme_id_map=ids))
    words = words_of(spoken(voice, "да баг вада"))
    assert [(word.start, word.end) for word in words] == [(0, 2), (3, 6), (7, 11)]


def test_a_voice_whose_phonemes_come_from_the_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="phoneme_type is 'pinyin', expected espeak"):
        load(changed(tmp_path, phoneme_type="pinyin"))


@pytest.mark.parametrize("keep", [0, 1, 1000, -1000])
def test_a_model_that_is_cut_short_is_refused(tmp_path: Path, keep: int) -> None:
    with pytest.raises(EngineUnavailable, match=r"voice\.onnx (is no ONNX model|cannot be loaded)"):
        load(changed(tmp_path, model=STARTER.read_bytes()[:keep]))


def test_another_file_in_place_of_the_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"download the voice again"):
        load(changed(tmp_path, model=b"<!DOCTYPE html><html></html>"))


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    # graph { initializer { data_location: EXTERNAL } }, which merges into the model's own graph
    external = bytes.fromhex("3a 04 2a 02 70 01")
    with pytest.raises(EngineUnavailable, match="weights in another file"):
        load(changed(tmp_path, model=STARTER.read_bytes() + external))


def test_a_speaker_that_the_voice_lacks_is_named(tmp_path: Path) -> None:
    changed_settings = changed(tmp_path, num_speakers=2, speaker_id_map={"ann": 0, "ben": 1})
    with pytest.raises(EngineUnavailable, match="no speaker 'eve'; it has ann, ben"):
        load(PiperSettings(changed_settings.path, speaker="eve"))
    with pytest.raises(EngineUnavailable, match="no speaker 7"):
        load(PiperSettings(STARTER, speaker=7))


def test_a_voice_without_durations_has_approximate_times(tmp_path: Path) -> None:
    # Another operator of the same length, so that nothing tells which tensor holds the durations.
    model = STARTER.read_bytes().replace(b"\x04Ceil", b"\x04Relu")
    voice = load(changed(tmp_path, model=model))
    assert not voice.has_word_times
    words = words_of(spoken(voice, "The summer is over."))
    assert [word.start for word in words] == [0, 4, 11, 14]
    assert all(word.start_sample < word.end_sample for word in words)


def test_a_gpu_that_was_asked_for_and_is_missing_says_how_to_get_one():
    if not cuda_problem():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(EngineUnavailable, match="onnxruntime-gpu"):
        load(PiperSettings(STARTER, device="cuda"))
