import numpy as np
import pytest

from pipeline.engines import SAMPLE_RATE
from starter.errors import RecipeError
from starter.evaluation.bench import Bench, exported_models, shipped_models
from starter.evaluation.listening import Utterance, as_captured, listen, utterance


def test_a_session_adds_its_pre_roll_and_its_tail():
    speech = np.full(SAMPLE_RATE, 0.5, np.float32)
    spoken = utterance("Yes.", speech)
    assert spoken.seconds == pytest.approx(1.8)
    assert spoken.end == round(1.5 * SAMPLE_RATE)
    assert not spoken.audio[: SAMPLE_RATE // 2].any()
    assert (spoken.audio[SAMPLE_RATE // 2 : spoken.end] == 16384).all()


def test_what_is_too_loud_for_the_microphone_is_clipped():
    assert as_captured(np.array([2, -2, 0.5, 0], np.float32)).tolist() == [32767, -32768, 16384, 0]


@pytest.mark.engines
def test_silence_is_heard_as_nothing_and_progress_is_told(tmp_path):
    told: list[tuple[str, int, int]] = []
    models = shipped_models()
    bench = Bench(models, "shipped", tmp_path, report=lambda *what: told.append(what))
    silence = Utterance("", np.zeros(2 * SAMPLE_RATE, np.int16), 2 * SAMPLE_RATE)
    heard = listen(models.recognizer, [silence, silence], bench=bench, what="listening")
    assert [one.heard for one in heard] == ["", ""]
    assert told == [("listening", 0, 2), ("listening", 1, 2), ("listening", 2, 2)]


def test_a_recognizer_that_is_not_there_is_named(tmp_path):
    models = exported_models(tmp_path, "measuring")
    folder = tmp_path / "recognizer-measuring" / "model"
    assert models.recognizer.path == folder
    assert models.recognizer.contexts == shipped_models().recognizer.contexts
    with pytest.raises(RecipeError, match=r"there is no recognizer .*python -m starter make"):
        models.require(["recognizer"])
    with pytest.raises(RecipeError, match="has no config"):
        listen(models.recognizer, [])


def test_the_short_form_measures_a_tenth_and_never_next_to_nothing(tmp_path):
    short = Bench(shipped_models(), "shipped", tmp_path, portion=0.1)
    assert [short.items(number) for number in (400, 240, 12)] == [40, 24, 12]
    assert Bench(shipped_models(), "shipped", tmp_path).items(240) == 240
