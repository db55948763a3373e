"""Which template a text may have come from."""

import random

import pytest

from starter.domain.matching import pattern_of, says_held_out
from starter.domain.sentences import plain_sentence


def test_whatever_a_held_out_template_gives_is_found() -> None:
    source = random.Random(6)
    sentences = [plain_sentence(source, "held") for _ in range(1500)]
    assert [one for one in sentences if not says_held_out(one)] == []


def test_few_sentences_to_train_on_look_like_a_held_out_template() -> None:
    source = random.Random(6)
    sentences = [plain_sentence(source, "train") for _ in range(2000)]
    assert sum(map(says_held_out, sentences)) < 20


@pytest.mark.parametrize(
    "text",
    [
        "Turn off the lamp in the kitchen.",
        "Well, turn off the lamp in the kitchen, please.",
        "Hello. Turn off the lamp in the kitchen.",
        "Hey computer, what is six times seven?",
    ],
)
def test_words_around_a_held_out_sentence_do_not_hide_it(text: str) -> None:
    assert says_held_out(text)


def test_a_sentence_of_another_template_is_not_found() -> None:
    assert not says_held_out("Turn off the lights in the kitchen.")
    assert not says_held_out("Turn off the lamp in the hospital.")


def test_a_pattern_allows_the_article_and_the_number_that_the_value_asks_for() -> None:
    pattern = pattern_of(["I saw a {animal} for {n20} minutes."])
    assert pattern.fullmatch("I saw an elephant for one minute.")
    assert pattern.fullmatch("I saw a dog for twenty minutes.")
    assert not pattern.fullmatch("I saw a dog for many minutes.")
