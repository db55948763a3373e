from __future__ import annotations

from starter.domain.holding_out import is_test_sentence
from starter.voice.texts import plain_english, sentences


def test_sentences_are_different_and_none_is_tested_on() -> None:
    chosen = sentences(60, "shipped", seed=3)
    assert len(chosen) == len(set(chosen)) == 60
    assert not any(is_test_sentence(text) for text in chosen)
    assert all(text[-1] in ".?!" for text in chosen)


def test_the_same_seed_chooses_the_same() -> None:
    first = sentences(10, "shipped", seed=1)
    assert first == sentences(10, "shipped", seed=1)
    assert first != sentences(10, "shipped", seed=2)


def test_plain_english_is_words_that_can_be_read_aloud() -> None:
    found = plain_english()
    assert len(found) > 1000
    assert all(text[0].isupper() and text[-1] in ".?" for text in found)
    assert not any(
        character.isdigit() or character in "_()`" for text in found for character in text
    )
