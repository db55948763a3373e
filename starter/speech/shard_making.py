"""One shard from its number: the same number always gives the same sentences by the same voices."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final, TypeAlias

from starter.domain.holding_out import Split
from starter.domain.spoken import Utterance, utterance
from starter.speech.casting import Take, cast
from starter.speech.recording import Studio
from starter.speech.reply_voice import MODEL
from starter.speech.shards import write_shard
from starter.speech.voices import Family

__all__ = ["BYTES_OF_A_ROW", "Plan", "Source", "make_shard"]

Source: TypeAlias = Callable[[Random, Split], Utterance]
"""Draws what is said; a function of a module, or an object that can be pickled."""

BYTES_OF_A_ROW: Final = 60_000
"""Roughly: 2.9 s of speech and silence, 16 kB a second, and what is said of it."""

_HELD_SHARE: Final = 0.08
"""Of the rows: what the measuring build must not learn from."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What shards are made, and where.

    Attributes:
        folder: Where they go.
        seed: Of all random numbers, together with a shard's own number.
        rows: Of a shard; a few less where sentences are too long or cannot be heard.
        source: What is said.
        family: Whose voices speak; None for all.
        reply_voice: Model of the voice "starter", where another one than Parley's shall be learnt.
    """

    folder: Path
    seed: int = 1
    rows: int = 1000
    source: Source = utterance
    family: Family | None = None
    reply_voice: Path = MODEL

    def path(self, number: int) -> Path:
        """Return a shard's path, without an ending."""
        return self.folder / f"train_{self.seed}_{number:04d}"

    def is_made(self, number: int) -> bool:
        """Whether a shard is there, whole."""
        path = self.path(number)
        return all(path.with_name(path.name + end).exists() for end in (".npy", ".json"))

    def takes(self, number: int) -> Iterator[Take]:
        """Draw a shard's utterances, and cast them."""
        random = Random(f"{self.seed} {number}")
        for _ in range(self.rows):
            split: Split = "held" if random.random() < _HELD_SHARE else "train"
            said = self.source(random, split)
            yield cast(random, said, held=split == "held", family=self.family)


def make_shard(
    plan: Plan,
    number: int,
    studio: Studio,
    *,
    stopped: Callable[[], bool] = lambda: False,
    counted: Callable[[], None] = lambda: None,
) -> float | None:
    """Make one shard.

    Args:
        plan: See there.
        number: From 0.
        studio: Who speaks.
        stopped: Asked before each row, whether to leave it unfinished: nothing is written then.
        counted: Called after each row.

    Returns:
        Seconds of sound in it; None if it was left.

    Raises:
        RecipeError: If a synthesizer is missing or fails, or the disk is full.
    """
    rows, spectra = [], []
    takes = list(itertools.takewhile(lambda _: not stopped(), plan.takes(number)))
    for row, one in studio.record(takes, stopped):
        rows.append(row)
        spectra.append(one)
        counted()
    if stopped() or not rows:
        return None
    write_shard(plan.path(number), rows, spectra)
    return sum(row.frames for row in rows) / 100
