"""Which recognizer listens."""

import pytest

from pipeline.engines.recognizers import RecognizersByLanguage
from pipeline.engines.scripted import Meter, ScriptedRecognizer


@pytest.fixture
def english():
    return ScriptedRecognizer(["Hello."], Meter())


@pytest.fixture
def german():
    return ScriptedRecognizer(["Guten Tag."], Meter())


def heard(recognizers, language):
    import numpy as np

    from pipeline.engines import HypothesisKind, RecognitionJob
    from pipeline.engines.thread import StopToken

    job = RecognitionJob(np.zeros(16_000, np.float32), HypothesisKind.FINAL)
    return recognizers.utterance(language=language).recognize(job, stop=StopToken()).text


def test_a_language_with_a_recognizer_of_its_own_is_heard_by_it(english, german):
    recognizers = RecognizersByLanguage(english, {"de": german})
    assert heard(recognizers, "de") == "Guten Tag."
    assert heard(recognizers, "en") == "Hello."


def test_a_language_that_is_to_be_detected_is_heard_by_the_default(english, german):
    assert heard(RecognizersByLanguage(english, {"de": german}), None) == "Hello."


def test_the_shortest_window_holds_for_all(english, german):
    recognizers = RecognizersByLanguage(english, {"de": german})
    assert recognizers.window_seconds == min(english.window_seconds, german.window_seconds)
