"""Dialogues whose people, cities and artists have names that were never heard before.

A name that a training shows a hundred times is known by its beginning; one that is new has to be
read to its end, from the user's sentence into the call or the answer.
"""

from __future__ import annotations

import re
from random import Random
from typing import Final

from starter.dialogues.names import ARTISTS, CITIES, NAMES
from starter.domain.words import VOCABULARY
from starter.language_model.glued_names import glued_name
from starter.language_model.rows import Segments

__all__ = ["renamed"]

_COMMON: Final = frozenset(VOCABULARY)


def _names() -> list[str]:
    """Return the names that always stand whole: "U two" and "the Doors" may lose a word."""
    every = dict.fromkeys((*NAMES, *CITIES, *ARTISTS))
    return sorted((name for name in every if name.istitle()), key=len, reverse=True)


def _pattern() -> re.Pattern[str]:
    """Match names, and what an imperfect recognizer makes of them where that is no other word."""
    forms = (form for name in _names() for form in {name, name.lower()} - _COMMON | {name})
    return re.compile(rf"\b({'|'.join(map(re.escape, forms))})\b")


_NAME: Final = _pattern()
_SPELLED: Final = re.compile(r"\b[A-Z], [A-Z]\b")


def renamed(pieces: Segments, random: Random) -> Segments:
    """Give each name of a rendered dialogue another of as many words, the same wherever it stands.

    A dialogue in which something is spelled stays as it is, since its letters would not fit.
    """
    if any(_SPELLED.search(text) for text, _ in pieces):
        return pieces
    others: dict[str, str] = {}

    def other(found: re.Match[str]) -> str:
        said = found[0]
        if said.lower() not in others:
            others[said.lower()] = " ".join(glued_name(random) for _ in said.split())
        new = others[said.lower()]
        return new if said[0].isupper() else new.lower()

    return [(_NAME.sub(other, text), learnt) for text, learnt in pieces]
