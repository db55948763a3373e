"""Every word of the domain, spelled as it is written within a sentence."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator

from starter.domain.agreement import SINGULARS
from starter.domain.kept_names import KEPT_WORDS
from starter.domain.lists import FOLDER, read_lines
from starter.domain.numbers import NUMBER_WORDS, ORDINAL_WORDS
from starter.domain.slots import SLOTS
from starter.domain.templates import PROPER_OPENINGS, TEMPLATES

__all__ = [
    "CAPITALIZED",
    "ENGLISH",
    "KNOWN",
    "LETTERS",
    "SLOTS",
    "VOCABULARY",
    "is_known",
    "words_of",
]

LETTERS = tuple(letter for letter in string.ascii_uppercase if letter not in "AI")
"""Letters as the assistant spells with them; "a" and "I" are words."""

_GAP = re.compile(r"\{\w+\}|[ .,?!]+")
_POSSESSIVE = re.compile(r"'s?$")


def words_of(text: str) -> list[str]:
    """Return the words of a text without marks, each spelled as it is within a sentence."""
    return [word if word in CAPITALIZED else word.lower() for word in _split(text)]


def is_known(text: str) -> bool:
    """Say whether every word of a text is in `KNOWN`, as it is or with 's behind it."""
    words = (word.lower() for part in _split(text) for word in part.split("-"))
    return all(word in KNOWN or _POSSESSIVE.sub("", word) in KNOWN for word in words)


def _split(text: str) -> list[str]:
    return [word for word in _GAP.split(text) if word]


def _listed(name: str) -> tuple[str, ...]:
    return tuple(word for line in read_lines(FOLDER / name) for word in line.split())


def _within_sentences() -> Iterator[str]:
    """Yield all words but those at the beginning of a sentence: their capitals are their own."""
    for template in TEMPLATES:
        for sentence in re.split(r"(?<=[.?!]) ", template.text):
            yield from _split(sentence if sentence.startswith("{") else _behind_first(sentence))
    for values in SLOTS.values():
        for value in values:
            yield from _split(value)
    for name in ("common_words.txt", "answer_words.txt", "foreign_words.txt"):
        yield from _listed(name)
    yield from LETTERS
    yield from PROPER_OPENINGS


def _behind_first(sentence: str) -> str:
    return sentence.partition(" ")[2]


def _capitalized(words: Iterable[str]) -> frozenset[str]:
    return frozenset(word for word in words if word[0].isupper())


CAPITALIZED: frozenset[str] = _capitalized(_within_sentences())
"""Words with a capital of their own: "Monday", "I'm". Some of them exist without: "may", "new"."""


def _vocabulary() -> Iterator[str]:
    yield from _within_sentences()
    for template in TEMPLATES:
        yield from words_of(template.text)
    yield from (*NUMBER_WORDS, *ORDINAL_WORDS, *SINGULARS, "oh")


VOCABULARY: tuple[str, ...] = tuple(sorted(set(_vocabulary()) - {"s", "'s"}))
"""Every word of the templates, their slots and the lists of words beside them."""

KNOWN: frozenset[str] = frozenset(
    word.lower() for word in (*VOCABULARY, *_listed("dialogue_words.txt"), *KEPT_WORDS)
)
"""The vocabulary in small letters, with the rarer words that only the dialogues use."""

_NOT_ENGLISH = frozenset(word.lower() for word in (*LETTERS, *_listed("foreign_words.txt")))

ENGLISH: frozenset[str] = frozenset(word.lower() for word in VOCABULARY) - _NOT_ENGLISH
"""The vocabulary in small letters, without letters and the words of other languages."""
