import shutil
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from pipeline.engines import SAMPLE_RATE
from starter.domain.holding_out import is_test_sentence
from starter.evaluation import test_sets
from starter.evaluation.bench import Bench, shipped_models
from starter.evaluation.spoken import Spoken, Wanted, speak_all, trimmed
from starter.order import Build
from starter.speech.voices import VOICES

FLITE = pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")


def bench(folder: Path, build: Build = "shipped") -> Bench:
    return Bench(shipped_models(), build, folder, portion=0.1)


def buzz(seconds: float) -> np.ndarray:
    return (0.1 * np.sign(np.sin(np.arange(round(seconds * SAMPLE_RATE)) / 20))).astype("f4")


def test_sentences_are_held_out_all_different_and_the_same_every_time(tmp_path):
    def draw(name: str, kind: str) -> list[str]:
        definition = test_sets._SETS[kind]
        return list(islice(test_sets._texts(name, definition, bench(tmp_path)), 20))

    for kind in test_sets._SETS:
        texts = draw("one", kind)
        assert len(texts) == len(set(texts)) == 20
        assert all(map(is_test_sentence, texts))
        assert texts == draw("one", kind)
        assert texts != draw("other", kind)


def test_the_voice_is_tested_with_answers_in_words(tmp_path):
    texts = test_sets.spoken_answers(bench(tmp_path), 200)
    assert len(texts) == len(set(texts)) == 20
    assert all(map(is_test_sentence, texts))
    assert not any(each.isdigit() or each in "<{" for text in texts for each in text)


def test_the_measuring_build_is_asked_what_it_could_learn_and_what_it_could_not(tmp_path):
    measuring = bench(tmp_path, "measuring")
    known, held = (
        set(islice(test_sets._texts("x", test_sets._SETS[name], measuring), 30))
        for name in ("new", "templates")
    )
    assert known & held == set()


def test_every_voice_exists_and_is_learnt_by_the_builds_that_it_tests():
    both = frozenset({"shipped", "measuring"})
    assert all(VOICES[name].learnt_by == both for name in test_sets.TRAINED_VOICES)
    assert all(VOICES[name].learnt_by == frozenset() for name in test_sets.UNSEEN_VARIANTS)
    assert VOICES["flite:rms"].held_out
    assert VOICES["festival:voice_ked_diphone"].held_out


@pytest.mark.parametrize("name", test_sets.DISTURBED)
def test_disturbed_speech_keeps_its_text_and_says_where_it_ends(name):
    clean = [Spoken(f"Text {at}.", "nobody", buzz(0.5 + at / 10)) for at in range(3)]
    heard = list(test_sets._disturbed(name, clean))
    assert [one.text for one in heard] == [one.text for one in clean]
    for one, before in zip(heard, clean, strict=True):
        assert one.audio.dtype == np.int16
        assert len(before.speech) * 0.8 < one.end <= len(one.audio)
        assert np.abs(one.audio[: one.end].astype("i4")).max() > 1000


def test_four_sentences_make_one_turn_with_the_pauses_between_them():
    parts = [Spoken(f"Text {at}.", "nobody", buzz(2.5)) for at in range(4)]
    turn = test_sets._one_turn(parts, np.random.default_rng(1))
    assert turn.text == "Text 0. Text 1. Text 2. Text 3."
    assert len(turn.pauses) == 3
    for end, on in turn.pauses:
        assert 0.25 <= (on - end) / SAMPLE_RATE <= 0.7
        assert not turn.audio[end:on].any()
        assert turn.audio[end - 5 : end].any()
        assert turn.audio[on : on + 5].any()
    assert len(turn.audio) - turn.end == round(0.3 * SAMPLE_RATE)


def test_speech_is_trimmed_and_brought_to_one_level():
    sound = np.concatenate([np.zeros(500, "f4"), 0.01 * buzz(1), np.zeros(900, "f4")])
    speech = trimmed(sound)
    assert speech.size == pytest.approx(SAMPLE_RATE, abs=30)
    assert np.sqrt(np.mean(speech**2)) == pytest.approx(0.1, rel=0.01)
    assert trimmed(np.zeros(100, "f4")).size == 0


@FLITE
def test_what_was_spoken_once_is_read_from_the_folder(tmp_path):
    wanted = [Wanted("Stop the music.", "flite:slt"), Wanted("Yes.", "flite:slt")]
    spoken = speak_all(wanted, bench(tmp_path))
    files = sorted(tmp_path.rglob("*.npy"))
    times = [file.stat().st_mtime_ns for file in files]
    assert len(files) == 2
    assert list(tmp_path.rglob("*.partial")) == []
    again = speak_all([*wanted, wanted[0]], bench(tmp_path))
    assert [file.stat().st_mtime_ns for file in files] == times
    assert [one.text for one in again] == ["Stop the music.", "Yes.", "Stop the music."]
    assert np.array_equal(again[2].speech, spoken[0].speech)
    assert 0.5 < len(spoken[0].speech) / SAMPLE_RATE < 2
