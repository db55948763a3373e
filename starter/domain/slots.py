"""What may stand in a template's slots: lists of values, drawn numbers and times."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from random import Random

from starter.domain.lists import FOLDER, read_table
from starter.domain.numbers import ordinal, say

__all__ = ["DRAWN", "SLOTS", "draw", "fill"]

SLOTS: Mapping[str, tuple[str, ...]] = read_table(FOLDER / "slots.txt")
"""Slot -> its values, as they are written within a sentence; some hold slots themselves."""

_ROUND_MINUTES = (5, 10, 15, 20, 25, 30, 45, 60)
_DAYS_OF_A_MONTH = range(1, 32)
_SLOT = re.compile(r"\{(\w+)\}")


def _minutes(random: Random) -> str:
    return say(random.choice(_ROUND_MINUTES) if random.random() < 0.12 else random.randrange(2, 61))


def _to_thousands(random: Random) -> str:
    if random.random() < 0.8:
        return say(random.randrange(1, 1000))
    return say(random.randrange(1000, 10_000, 50))


def _minute_of_an_hour(random: Random) -> str:
    minute = random.randrange(1, 60)
    return f"oh {say(minute)}" if minute < 10 else say(minute)


DRAWN: Mapping[str, Callable[[Random], str]] = {
    "n10": lambda random: say(random.randrange(11)),
    "n20": lambda random: say(random.randrange(1, 21)),
    "n60": _minutes,
    "n100": lambda random: say(random.randrange(1, 101)),
    "n1000": _to_thousands,
    "hr": lambda random: say(random.randrange(1, 13)),
    "min": _minute_of_an_hour,
    "ord": lambda random: ordinal(random.choice(_DAYS_OF_A_MONTH)),
}
"""Slot -> what draws a number for it."""


def draw(random: Random, slot: str) -> str:
    """Return a value for a slot: one in a list of `SLOTS`, or a number in words.

    Raises:
        KeyError: If there is no such slot. A slot with a capital, `N100`, is the small one.
    """
    name = slot.lower()
    if name in DRAWN:
        return DRAWN[name](random)
    return random.choice(SLOTS[name])


def fill(random: Random, text: str) -> str:
    """Fill every slot of a text, and every slot in what was filled in, with drawn values."""
    while "{" in text:
        text = _SLOT.sub(lambda slot: draw(random, slot[1]), text)
    return text
