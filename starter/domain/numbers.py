"""Numbers in words, as they are spoken: cardinals, ordinals."""

from __future__ import annotations

__all__ = ["NUMBER_WORDS", "ORDINAL_WORDS", "ordinal", "say"]

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip

NUMBER_WORDS = (*_ONES, *_TENS, "hundred", "thousand", "minus")
"""Every word that `say` uses, but "and"."""


def say(number: int) -> str:
    """Return a number in words: 342 is "three hundred and forty two".

    Raises:
        ValueError: From a million on.
    """
    if number < 0:
        return f"minus {say(-number)}"
    if number < 20:
        return _ONES[number]
    if number < 100:
        return _joined(_TENS[number // 10 - 2], " ", number % 10)
    if number < 1000:
        return _joined(f"{_ONES[number // 100]} hundred", " and ", number % 100)
    if number < 1_000_000:
        return _joined(f"{say(number // 1000)} thousand", " ", number % 1000)
    raise ValueError(f"{number} is too large to be said; at most 999999")


def ordinal(number: int) -> str:
    """Return the ordinal of a positive number in words: 21 is "twenty first".

    Raises:
        ValueError: Below one, and from a million on.
    """
    if number < 1:
        raise ValueError(f"{number} has no ordinal; at least 1")
    *before, last = say(number).split()
    return " ".join((*before, _ordinal_word(last)))


def _joined(words: str, link: str, rest: int) -> str:
    return f"{words}{link}{say(rest)}" if rest else words


def _ordinal_word(word: str) -> str:
    if word in _ORDINALS:
        return _ORDINALS[word]
    return f"{word[:-1]}ieth" if word.endswith("y") else f"{word}th"


ORDINAL_WORDS = tuple(_ordinal_word(word) for word in (*_ONES[1:], *_TENS, "hundred", "thousand"))
"""Every last word that `ordinal` gives."""
