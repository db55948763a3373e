"""Following a detected language."""

import pytest

from pipeline.languages import LanguageTracker, language_name, tell_language


def test_the_first_language_counts_at_once_and_another_only_after_a_long_utterance():
    tracker = LanguageTracker()
    assert tracker.hear("de", 0.3)
    assert not tracker.hear("de", 5.0)
    assert not tracker.hear("en", 0.6)
    assert tracker.current == "de"
    assert tracker.hear("en", 2.0)
    assert tracker.current == "en"


def test_an_utterance_without_a_language_changes_nothing():
    tracker = LanguageTracker()
    assert not tracker.hear("", 9.0)
    assert tracker.current == ""


@pytest.mark.parametrize(
    ("tag", "name"), [("de", "German"), ("pt-BR", "Portuguese"), ("tlh", "tlh")]
)
def test_languages_are_called_by_their_english_names(tag, name):
    assert language_name(tag) == name
    assert tell_language(tag) == f"The user speaks {name}; answer in {name}."
