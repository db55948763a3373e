"""The sounds of a sentence as the recognizer's encoder is taught them: espeak-ng's, without stress.

An accent says one of them differently, and that is what shall be learnt: the sounds are those of
American English whoever speaks.
"""

from __future__ import annotations

import re
from typing import Final

from starter.speech.espeak import library

__all__ = ["PHONES", "phones"]

_NAMES: Final = (
    "n t I s i d m aI l k z r E @ 3 w f V p a D eI u v b @2 oU a# h t# j aU O2 N O@ T g 0 I2 I# "
    "tS A@ o@ @L dZ U O aa S e@ A t2 i@ i@3 U@ Z aI@ OI aI3 x"
)
PHONES: Final = tuple(_NAMES.split())
"""All that occur in the domain, by espeak's names, most frequent first; 60 units.

The order is fixed: layers were trained with it.
"""

_NO_PART: Final = re.compile(r"[^A-Za-z0-9@&#]")


def phones(text: str) -> list[str]:
    """Return a sentence's sounds, in order.

    A few that only foreign words have may be missing from `PHONES`.

    Raises:
        RecipeError: If espeak-ng is not installed.
    """
    named = re.split(r"[ |]", library().phonemes(text))
    plain = (_NO_PART.sub("", name) for name in named)
    return [phone for phone in plain if phone]
