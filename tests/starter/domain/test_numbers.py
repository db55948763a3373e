"""Numbers in words."""

import pytest

from starter.domain.numbers import NUMBER_WORDS, ORDINAL_WORDS, ordinal, say


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (40, "forty"),
        (42, "forty two"),
        (100, "one hundred"),
        (342, "three hundred and forty two"),
        (1005, "one thousand five"),
        (9950, "nine thousand nine hundred and fifty"),
        (-7, "minus seven"),
    ],
)
def test_a_number_is_said_as_people_say_it(number: int, words: str) -> None:
    assert say(number) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "first"), (12, "twelfth"), (20, "twentieth"), (21, "twenty first"), (38, "thirty eighth")],
)
def test_an_ordinal_ends_the_number(number: int, words: str) -> None:
    assert ordinal(number) == words


def test_no_two_numbers_sound_alike() -> None:
    assert len({say(number) for number in range(20_000)}) == 20_000


def test_every_word_of_a_number_is_listed() -> None:
    said = {word for number in range(2000) for word in say(number).split()}
    assert said <= {*NUMBER_WORDS, "and"}
    assert {ordinal(number).split()[-1] for number in range(1, 2000)} <= set(ORDINAL_WORDS)


def test_what_cannot_be_said_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 999999"):
        say(1_000_000)
    with pytest.raises(ValueError, match="at least 1"):
        ordinal(0)
