import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.guards import (
    Decoded,
    Defect,
    GuardSettings,
    Loop,
    compression_ratio,
    defect_of,
    find_loop,
    kept_tokens,
    loud_seconds,
    worth_a_retry,
)


def decoded(text="What time is it?", tokens=None, *, ended=True, log_probability=-0.2, silence=0.0):
    tokens = list(range(len(text.split()))) if tokens is None else tokens
    return Decoded(text, tokens, ended, log_probability, silence)


def tone(seconds, level):
    """A 200 Hz tone with an RMS level in dBFS."""
    time = np.arange(round(seconds * 16_000)) / 16_000
    amplitude = 10 ** (level / 20) * np.sqrt(2)
    return (amplitude * np.sin(2 * np.pi * 200 * time)).astype(np.float32)


def test_digital_silence_is_never_loud():
    assert loud_seconds(np.zeros(16_000, np.float32)) == 0.0
    assert loud_seconds(np.zeros(0, np.float32)) == 0.0


def test_a_hiss_below_the_threshold_is_silence():
    assert loud_seconds(tone(1, -70)) == 0.0
    assert loud_seconds(tone(1, -60)) == 1.0


def test_only_the_sound_in_the_audio_counts():
    audio = np.concatenate([tone(0.5, -90), tone(0.4, -20), tone(0.5, -90)])
    assert loud_seconds(audio) == pytest.approx(0.4, abs=0.021)


def test_a_bang_does_not_hide_quiet_speech():
    audio = np.concatenate([tone(0.02, -1), tone(0.98, -40)])
    assert loud_seconds(audio) == 1.0


def test_a_plain_sentence_has_no_defect():
    found = defect_of(decoded(), sound_seconds=1.0)
    assert found is Defect.NONE
    assert not worth_a_retry(found)
    assert kept_tokens(decoded(), found) == 4


def test_no_text_is_no_defect():
    nothing = decoded("", [], log_probability=0.0, silence=0.9)
    assert defect_of(nothing, sound_seconds=0.0) is Defect.NONE
    assert kept_tokens(nothing, Defect.NONE) == 0


def test_doubtful_words_where_the_model_heard_no_speech_are_dropped():
    phrase = decoded("Thanks for watching!", silence=0.7, log_probability=-1.2)
    assert defect_of(phrase, sound_seconds=2) is Defect.NO_SPEECH
    assert kept_tokens(phrase, Defect.NO_SPEECH) == 0
    assert not worth_a_retry(Defect.NO_SPEECH)


def test_sure_words_are_kept_whatever_the_model_says_about_speech():
    assert defect_of(decoded(silence=0.9), sound_seconds=2) is Defect.NONE


def test_doubtful_words_are_tried_again_and_then_kept():
    murmur = decoded(log_probability=-1.3)
    assert defect_of(murmur, sound_seconds=2) is Defect.IMPROBABLE
    assert worth_a_retry(Defect.IMPROBABLE)
    assert kept_tokens(murmur, Defect.IMPROBABLE) == 4


def test_words_that_the_model_does_not_believe_are_dropped():
    assert kept_tokens(decoded(log_probability=-2.5), Defect.IMPROBABLE) == 0


def test_more_words_than_the_sound_has_room_for_are_dropped():
    click = decoded("I would like to go there now")
    assert defect_of(click, sound_seconds=0.3) is Defect.TOO_FAST
    assert worth_a_retry(Defect.TOO_FAST)
    assert kept_tokens(click, Defect.TOO_FAST) == 0
    assert defect_of(click, sound_seconds=0.5) is Defect.NONE


@pytest.mark.parametrize(
    ("tokens", "loop"),
    [
        ([1, 2, 3, 3, 3, 3], None),
        ([1, 2, 3, 3, 3, 3, 3], Loop(2, 1)),
        ([9, 1, 2, 1, 2, 1, 2, 1, 2], None),
        ([9, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2], Loop(1, 2)),
        ([9, *[1, 2, 3, 4, 5] * 2], None),
        ([9, *[1, 2, 3, 4, 5] * 3], Loop(1, 5)),
        ([], None),
    ],
)
def test_a_loop_is_a_phrase_that_comes_too_often_in_a_row(tokens, loop):
    assert find_loop(tokens, repeats=4) == loop


@given(st.lists(st.integers(0, 3), max_size=60))
def test_cutting_at_the_loop_leaves_no_loop(tokens):
    loop = find_loop(tokens, repeats=4)
    if loop is not None:
        assert find_loop(tokens[: loop.start + loop.size], repeats=4) is None


def test_an_endless_loop_is_tried_again_and_then_cut_after_its_first_copy():
    text = "turn on the light " + "light " * 30
    endless = decoded(text, [1, 2, 3, *[4] * 31], ended=False)
    assert defect_of(endless, sound_seconds=2) is Defect.LOOP
    assert worth_a_retry(Defect.LOOP)
    assert kept_tokens(endless, Defect.LOOP) == 4


def test_an_endless_loop_from_the_start_is_dropped():
    endless = decoded("so " * 30, [4] * 30, ended=False)
    assert defect_of(endless, sound_seconds=2) is Defect.LOOP
    assert kept_tokens(endless, Defect.LOOP) == 0


def test_somebody_who_says_no_six_times_is_heard():
    assert defect_of(decoded("no no no no no no", [7] * 6), sound_seconds=2) is Defect.NONE


def test_a_text_that_only_seems_to_vary_is_a_loop_by_its_compression():
    text = "the cat and the dog and the cat and a dog and the cat and the dog and the cat and a dog"
    text = " ".join([text, "and", text])
    assert compression_ratio(text) > 2.4
    assert defect_of(decoded(text), sound_seconds=20) is Defect.LOOP


def test_plain_speech_does_not_compress_too_well():
    assert compression_ratio("Please set a timer for ten minutes and turn on the light.") < 1.5
    assert compression_ratio("") == 0.0


def test_a_text_without_an_end_is_tried_again_and_then_kept():
    long = decoded(ended=False)
    assert defect_of(long, sound_seconds=2) is Defect.NO_END
    assert worth_a_retry(Defect.NO_END)
    assert kept_tokens(long, Defect.NO_END) == 4
    assert kept_tokens(decoded(ended=False, log_probability=-6), Defect.NO_END) == 0


def test_thresholds_can_be_set():
    strict = GuardSettings(min_word_seconds=0.5)
    assert defect_of(decoded(), sound_seconds=1.0, settings=strict) is Defect.TOO_FAST
    assert loud_seconds(tone(1, -70), GuardSettings(silence_dbfs=-80)) == 1.0
