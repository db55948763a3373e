"""Ways of saying one thing, some of which are held out; read from the text files in data/."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final, Literal, TypeAlias

from starter.domain.holding_out import stable_hash

__all__ = ["Phrasings", "Split", "lines", "load", "load_lines", "pairs"]

Split: TypeAlias = Literal["train", "held_phrasings", "held_values", "all"]
"""What a dialogue may be made of.

"train": neither held-out phrasings nor held-out values. "held_phrasings": held-out ones wherever a
list has some. "held_values": trained phrasings, and values (names, cities, clock times, dates ...)
that no training sees. "all": every phrasing, but still no held-out value.
"""

_DATA: Final = Path(__file__).parent / "data"


def lines(text: str) -> tuple[str, ...]:
    """Return the lines that are not empty, without blanks at their ends."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def load(name: str) -> dict[str, Any]:
    """Read the tables of data/NAME.toml."""
    with (_DATA / f"{name}.toml").open("rb") as file:
        return tomllib.load(file)


def load_lines(name: str) -> tuple[str, ...]:
    """Read data/NAME.txt: a line is one thing, ``#`` begins a remark."""
    text = (_DATA / f"{name}.txt").read_text(encoding="utf-8")
    return tuple(line for line in lines(text) if not line.startswith("#"))


def pairs(text: str) -> Mapping[str, str]:
    """Read lines of the form ``France = Paris``."""
    split = (line.partition(" = ") for line in lines(text))
    return {key.strip(): value.strip() for key, _, value in split}


_ALWAYS_TRAINED: Final = frozenset(load_lines("always_trained"))


def _is_held_out(text: str) -> bool:
    """One in sixteen, by hash, so that it stays the same; the commonest ones never are."""
    if text in _ALWAYS_TRAINED:
        return False
    return stable_hash(text) % 8 == 0 and stable_hash("2" + text) % 2 == 0


@dataclass(frozen=True, slots=True)
class Phrasings:
    """Ways of saying one thing, with slots in braces.

    Attributes:
        all: All of them.
        trained: What the measuring build learns.
        held: What it does not learn. Lists of up to three are learnt whole.
    """

    all: tuple[str, ...]
    trained: tuple[str, ...]
    held: tuple[str, ...]

    @classmethod
    def of(cls, texts: str | Iterable[str]) -> Phrasings:
        """Take the lines of a text, or single texts."""
        every = lines(texts) if isinstance(texts, str) else tuple(texts)
        held = tuple(text for text in every if len(every) > 3 and _is_held_out(text))
        trained = tuple(text for text in every if text not in held)
        return cls(every, trained or every, held)

    def choose(self, random: Random, split: Split) -> str:
        """Return one of them."""
        if split == "all":
            return random.choice(self.all)
        return random.choice(self.held if split == "held_phrasings" and self.held else self.trained)
