"""Compares words: case, punctuation and hyphens do not count."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from starter.evaluation.listening import Heard

__all__ = ["plain", "wrong_words"]

_NOT_LETTERS: Final = re.compile(r"[^\w' ]+")


def plain(text: str) -> str:
    """Return the words of a text, in small letters, a space between them."""
    lowered = text.casefold().replace("’", "'").replace("-", " ")
    words = _NOT_LETTERS.sub(" ", lowered).split()
    return " ".join(word.strip("'") for word in words if word.strip("'"))


def wrong_words(pairs: Sequence[Heard]) -> tuple[list[int], list[int]]:
    """Count words replaced, left out and added (by jiwer), and words said, for each pair."""
    import jiwer

    errors, sizes = [], []
    for pair in pairs:
        found = jiwer.process_words(plain(pair.said), plain(pair.heard))
        errors.append(found.substitutions + found.deletions + found.insertions)
        sizes.append(found.hits + found.substitutions + found.deletions)
    return errors, sizes
