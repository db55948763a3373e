"""Names that nobody has: only who copies them piece by piece gets them right."""

from __future__ import annotations

from random import Random
from typing import Final

__all__ = ["invented_name", "invented_title", "nonsense_word"]

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_ONSETS: Final = (
    *("b", "c", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z"),
    *("br", "ch", "cl", "cr", "dr", "fl", "fr", "gr", "ph", "qu", "sh", "sl", "st", "th", "tr"),
)
_VOWELS: Final = ("a", "a", "a", "e", "e", "e", "i", "i", "i", "o", "o", "o", "u", "ai", "ea", "ee",
                  "ia", "ie", "io", "oo", "ou", "y")  # fmt: skip
_CODAS: Final = ("n", "n", "r", "r", "s", "l", "l", "m", "t", "d", "th", "rt", "nd", "ck", "x",
                 "rs", "ll", "ne", "ra", "la", "na", "ly", "per", "win", "ton", "son", "bert",
                 "land", "ville", "berg", "ford")  # fmt: skip
_SYLLABLES: Final = ("ka", "lo", "mi", "ta", "re", "su", "no", "vi", "da", "el", "bor", "wen",
                     "gar", "tin", "pol", "ser", "han", "dus", "fre", "zo")  # fmt: skip


def invented_name(random: Random) -> str:
    """Return something like "Brea", "Nokel" or "Velton", with a capital letter."""
    kind = random.random()
    if kind < 0.35:
        name = "".join(_plain_syllable(random) for _ in range(random.choice((2, 2, 3))))
        name += random.choice(("", "", "n", "r", "s", "l"))
    elif kind < 0.75:
        name = "".join(
            random.choice(_ONSETS) + random.choice(_VOWELS) for _ in range(random.choice((1, 1, 2)))
        )
        name += random.choice(_CODAS) + random.choice(("", "", random.choice(_VOWELS)))
    elif kind < 0.9:
        parts = (_VOWELS, _ONSETS, _VOWELS, _CODAS)
        name = "".join(random.choice(part) for part in parts)
    else:
        name = "".join(random.choice(_LETTERS) for _ in range(random.choice((3, 4, 5))))
    return name.capitalize()


def _plain_syllable(random: Random) -> str:
    return random.choice("bdfghjklmnprstvwz") + random.choice("aeiou")


def invented_title(random: Random) -> str:
    """Return one invented name, or now and then two."""
    name = invented_name(random)
    return name if random.random() < 0.75 else f"{name} {invented_name(random)}"


def nonsense_word(random: Random) -> str:
    """Return something like "kalo" or "garvino", in lower case."""
    return "".join(random.choice(_SYLLABLES) for _ in range(random.choice((2, 2, 3))))
