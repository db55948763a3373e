"""Every word of the domain."""

import pytest

from starter.domain.distinct import DISTINCT, sounds_like_another
from starter.domain.words import CAPITALIZED, ENGLISH, VOCABULARY, is_known, words_of


def test_words_are_spelled_as_they_are_within_a_sentence() -> None:
    assert words_of("Well, I'm in New York. Are you?") == [
        *("well", "I'm", "in", "New", "York", "are", "you"),
    ]
    assert {"Monday", "I", "Berlin", "English"} <= CAPITALIZED
    assert not {"The", "What", "Turn", "Please"} & CAPITALIZED


def test_a_word_is_known_in_any_case_and_as_an_owner() -> None:
    assert is_known("MY mother's lamp, please.")
    assert is_known("Bonjour!")
    assert not is_known("My zorb.")
    assert not is_known("At 7 o'clock.")


def test_the_vocabulary_has_every_word_once_and_no_slots_or_marks() -> None:
    assert len(set(VOCABULARY)) == len(VOCABULARY)
    assert all(word.replace("'", "").isalpha() for word in VOCABULARY)


@pytest.mark.parametrize(("kept", "left_out"), [("to", "two"), ("I", "eye"), ("red", "read")])
def test_of_words_that_sound_alike_the_commonest_is_distinct(kept: str, left_out: str) -> None:
    assert kept in DISTINCT
    assert left_out in VOCABULARY
    assert left_out not in DISTINCT
    assert sounds_like_another(left_out)


def test_letters_and_other_languages_are_no_english_words() -> None:
    assert {"b", "m", "bonjour", "danke"}.isdisjoint(ENGLISH)
    assert {"a", "i", "morning"} <= ENGLISH
