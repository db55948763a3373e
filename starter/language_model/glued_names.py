"""Names glued together from pieces of known words: "Coldplay" is made of two, "Naples" ends in one.

Who copies such a name must not stop where a word that he knows ends, nor go on as that word does.
Invented names (`starter.dialogues.invented`) do not show this: their tokens are syllables.
"""

from __future__ import annotations

from random import Random
from typing import Final

from starter.dialogues.names import (
    ARTISTS,
    CITIES,
    HELD_ARTISTS,
    HELD_CITIES,
    HELD_NAMES,
    NAMES,
)
from starter.domain.words import VOCABULARY

__all__ = ["glued_name"]

_TAKEN: Final = frozenset((*HELD_NAMES, *HELD_CITIES, *HELD_ARTISTS, *NAMES, *CITIES, *ARTISTS))
_WORDS: Final = tuple(word for word in VOCABULARY if word.isalpha() and word.islower())
_LETTERS: Final = range(4, 12)


def glued_name(random: Random) -> str:
    """Return something like "Tablear", with a capital letter; never a name that exists."""
    while True:
        head, tail = random.choice(_WORDS), random.choice(_WORDS)
        name = head[: random.randint(2, 6)] + tail[-random.randint(1, 5) :]
        if len(name) in _LETTERS and (found := name.capitalize()) not in _TAKEN:
            return found
