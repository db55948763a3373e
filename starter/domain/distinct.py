"""Words that listening alone tells from all others: what rows of words are made of."""

from __future__ import annotations

from starter.domain.lists import FOLDER, read_lines
from starter.domain.words import ENGLISH, VOCABULARY

__all__ = ["DISTINCT", "sounds_like_another"]

_HOMOPHONES = frozenset(
    word.lower() for line in read_lines(FOLDER / "homophones.txt") for word in line.split()[1:]
)


def sounds_like_another(word: str) -> bool:
    """Say whether listening alone takes a word for a commoner one: "two" for "to"."""
    return word.lower() in _HOMOPHONES


DISTINCT: tuple[str, ...] = tuple(
    word for word in VOCABULARY if word.lower() in ENGLISH and not sounds_like_another(word)
)
"""English words of the vocabulary without those that sound like a commoner one."""
