import re
import tomllib
from pathlib import Path

import pytest

from pipeline.models import Catalogue
from starter.evaluation.bench import shipped_models
from starter.evaluation.conversing import SCRIPT, Exchange, Turn, _models_file


def exchange(right: str, heard: str) -> Exchange:
    return Exchange(Turn("What is it?", right), "What is it?", "?", heard)


@pytest.mark.parametrize(
    ("right", "heard", "is_right"),
    [
        ("paris", "The capital of France is Paris.", True),
        ("paris", "The capital of France is Parish.", False),
        ("twelve", "Seven plus five is, twelve!", True),
        ("six|seven", "It is Seven.", True),
        ("c a t", "C, A, T.", True),
        ("c a t", "See a tea.", False),
        ("blue", "", False),
    ],
)
def test_a_reply_counts_by_the_words_that_were_heard(right, heard, is_right):
    assert exchange(right, heard).is_right is is_right


def test_the_script_has_twenty_turns_with_patterns_that_silence_does_not_match():
    assert len(SCRIPT) == 20
    assert len({turn.asked for turn in SCRIPT}) == 20
    for turn in SCRIPT:
        assert re.compile(turn.right).search("") is None
        assert not Exchange(turn, turn.asked, "", "sorry i did not understand that").is_right


def test_the_server_is_given_the_measured_models_with_the_shipped_settings():
    with _models_file(shipped_models()) as flags:
        assert flags[0] == "--models"
        written = Path(flags[1])
        mine, shipped = Catalogue.load(written), Catalogue.load()
        for name in ("recognizer", "language_model", "voice"):
            one, other = (
                getattr(catalogue.profile("starter"), name) for catalogue in (mine, shipped)
            )
            assert one.path.resolve() == other.path.resolve()
            assert one.settings == other.settings
            assert one.clock == other.clock
        assert tomllib.loads(written.read_text())["schema"] == 2
    assert not written.exists()
