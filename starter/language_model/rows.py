"""Rows of tokens to learn from, packed into batches of about equal size."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

import torch

from starter.language_model.tokenizer import Tokenizer

__all__ = ["Batch", "Row", "Segments", "Source", "batches", "encoded", "packed"]

Segments: TypeAlias = Sequence[tuple[str, bool]]
"""A rendered dialogue: its text in parts, and whether a part is to be learnt."""
Source: TypeAlias = Callable[[random.Random, float], Segments]
"""Makes a dialogue, given random numbers and how much of the training is over (0 ... 1)."""

_POOL = 900
"""Rows that are sorted by length at a time: little padding, yet every batch is another mixture."""


@dataclass(frozen=True, slots=True)
class Row:
    """One dialogue.

    Attributes:
        ids: Its tokens.
        answers: The parts that are learnt, as ranges of positions in `ids`.
    """

    ids: tuple[int, ...]
    answers: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows side by side.

    Attributes:
        ids: Shape (rows, tokens), int64; the end of shorter rows is padded.
        wanted: Flat positions (row * tokens + token) whose next token is learnt.
        targets: Those next tokens.
        answers: For each position, which answer of the batch it belongs to, counted from zero.
        tokens: How many tokens are no padding.
    """

    ids: torch.Tensor
    wanted: torch.Tensor
    targets: torch.Tensor
    answers: torch.Tensor
    tokens: int


def encoded(segments: Segments, tokenizer: Tokenizer) -> Row:
    """Turn a rendered dialogue into tokens.

    Its parts are tokenized one by one: each begins or ends with a mark, over which no token
    reaches.
    """
    ids: list[int] = []
    answers: list[tuple[int, int]] = []
    for text, learnt in segments:
        begin = len(ids)
        ids += tokenizer.encode(text)
        if learnt:
            answers.append((begin, len(ids)))
    return Row(tuple(ids), tuple(answers))


def batches(
    source: Source,
    tokenizer: Tokenizer,
    *,
    generator: random.Random,
    share: Callable[[], float],
    tokens: int,
    longest: int,
) -> Iterator[Batch]:
    """Yield batches without end.

    Args:
        source: Where dialogues come from.
        tokenizer: Theirs.
        generator: Of random numbers; equal ones give equal batches as long as `share` is equal.
        share: How much of the training is over, for the source.
        tokens: About how many tokens a batch holds, padding included.
        longest: Rows with more tokens are left out.
    """
    while True:
        made = (encoded(source(generator, share()), tokenizer) for _ in iter(int, 1))
        fitting = (row for row in made if row.answers and len(row.ids) <= longest)
        pool = list(islice(fitting, _POOL))
        groups = list(_grouped(pool, tokens, generator))
        generator.shuffle(groups)
        yield from map(packed, groups)


def packed(rows: Sequence[Row]) -> Batch:
    """Put rows side by side, padded to the longest."""
    length = max(len(row.ids) for row in rows)
    ids = torch.zeros((len(rows), length), dtype=torch.int64)
    wanted: list[int] = []
    owners: list[int] = []
    answers = 0
    for number, row in enumerate(rows):
        ids[number, : len(row.ids)] = torch.tensor(row.ids)
        for begin, end in row.answers:
            positions = range(max(begin, 1) - 1, end - 1)  # each says the token after it
            wanted += [number * length + position for position in positions]
            owners += [answers] * len(positions)
            answers += 1
    places = torch.tensor(wanted, dtype=torch.int64)
    return Batch(
        ids, places, ids.flatten()[places + 1], torch.tensor(owners, dtype=torch.int64),
        sum(len(row.ids) for row in rows),
    )  # fmt: skip


def _grouped(rows: Sequence[Row], tokens: int, generator: random.Random) -> Iterator[list[Row]]:
    group: list[Row] = []
    for row in sorted(rows, key=lambda row: len(row.ids) * (1 + 0.02 * generator.random())):
        if group and (len(group) + 1) * len(row.ids) > tokens:
            yield group
            group = []
        group.append(row)
    if group:
        yield group
