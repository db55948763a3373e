"""Sentences as tensors, side by side: what the network is fed with while it learns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch.nn.utils.rnn import pad_sequence

from starter.voice.network import SUBFRAMES, Acoustic, expand
from starter.voice.rows import Row

__all__ = ["Batch", "Sentence", "batch_of", "grouped", "prepared"]

_BATCH_STEPS: Final = 2400
"""Steps of 10 ms in a batch: some eight sentences."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A row as tensors; frames relative to mean and deviation."""

    symbols: torch.Tensor
    durations: torch.Tensor
    frames: torch.Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """Sentences side by side, padded with zeros.

    Attributes:
        symbols: Shape (batch, symbols).
        symbol_mask: 1 for symbols, of the same shape.
        durations: Steps of each symbol, as floats.
        owners: The index of each step's symbol, shape (batch, steps).
        places: Where each step lies, shape (batch, 5, steps).
        step_mask: 1 for steps, shape (batch, steps).
        frames: Relative to mean and deviation, shape (batch, frames, `frames.SIZE`).
    """

    symbols: torch.Tensor
    symbol_mask: torch.Tensor
    durations: torch.Tensor
    owners: torch.Tensor
    places: torch.Tensor
    step_mask: torch.Tensor
    frames: torch.Tensor

    def to(self, device: str) -> Batch:
        """Return it on another device."""
        return Batch(*(getattr(self, name).to(device) for name in self.__slots__))


def prepared(row: Row, network: Acoustic) -> Sentence:
    """Return a row relative to the network's mean and deviation."""
    mean, deviation = network.mean.cpu(), network.deviation.cpu()
    return Sentence(
        torch.from_numpy(row.symbols),
        torch.from_numpy(row.steps).float(),
        (torch.from_numpy(row.frames) - mean) / deviation,
    )


def grouped(rows: Sequence[Sentence]) -> Iterator[list[Sentence]]:
    """Put sentences together, in their order, until a batch is full."""
    group: list[Sentence] = []
    for row in rows:
        longest = max(len(one.frames) // SUBFRAMES for one in (*group, row))
        if group and longest * (len(group) + 1) > _BATCH_STEPS:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def batch_of(rows: Sequence[Sentence]) -> Batch:
    """Put sentences side by side."""
    laid_out = [expand(row.durations) for row in rows]
    steps = [len(owners) for owners, _ in laid_out]
    places = pad_sequence([places.T for _, places in laid_out], batch_first=True)
    return Batch(
        symbols=pad_sequence([row.symbols for row in rows], batch_first=True),
        symbol_mask=_mask([len(row.symbols) for row in rows]),
        durations=pad_sequence([row.durations for row in rows], batch_first=True),
        owners=pad_sequence([owners for owners, _ in laid_out], batch_first=True),
        places=places.transpose(1, 2),
        step_mask=_mask(steps),
        frames=pad_sequence([row.frames for row in rows], batch_first=True),
    )


def _mask(lengths: Sequence[int]) -> torch.Tensor:
    return (torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]).float()
