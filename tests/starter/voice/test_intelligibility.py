from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pocketsphinx")
pytest.importorskip("jiwer")

from starter.voice import flite
from starter.voice.intelligibility import WordErrors, word_error


@pytest.mark.usefixtures("_flite")
def test_a_stranger_understands_speech_but_not_what_was_not_said() -> None:
    right = word_error(lambda text: flite.speak(text).audio, ["My sister plays the piano."])
    wrong = word_error(lambda _: flite.speak("Good night.").audio, ["My sister plays the piano."])
    assert right.words == wrong.words == 5
    assert right.errors <= 2
    assert wrong.errors >= 4


def test_silence_is_all_words_left_out() -> None:
    said = word_error(lambda _: np.zeros(16_000, np.float32), ["Good morning, Anna!"])
    assert said == WordErrors(3, 3)
    assert said.rate == 1.0
