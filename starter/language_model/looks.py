"""Looks at a network in training: how well it says what it was not trained on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch.nn import functional

from starter.language_model.network import Llama
from starter.language_model.rows import Batch, Source, encoded, packed
from starter.language_model.tokenizer import Tokenizer

__all__ = ["Look", "fixed_batches", "look"]

_ROWS_AT_A_TIME = 16


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen.

    Attributes:
        loss: Mean negative log likelihood of a token that is to be said, in nats.
        answers: Share of the answers in which every token was the likeliest one, given the right
            ones before it: what greedy decoding would say word for word.
    """

    loss: float
    answers: float


def fixed_batches(
    source: Source, tokenizer: Tokenizer, *, seed: int, dialogues: int, longest: int
) -> tuple[Batch, ...]:
    """Make a small fixed set, which only steers: the evaluation has sets of its own."""
    generator = random.Random(seed)
    rows = [encoded(source(generator, 1.0), tokenizer) for _ in range(dialogues)]
    fitting = sorted(
        (row for row in rows if row.answers and len(row.ids) <= longest),
        key=lambda row: len(row.ids),
    )
    groups = range(0, len(fitting), _ROWS_AT_A_TIME)
    return tuple(packed(fitting[begin : begin + _ROWS_AT_A_TIME]) for begin in groups)


@torch.no_grad()
def look(
    network: Llama, batches: Sequence[Batch], precision: AbstractContextManager[object]
) -> Look:
    """Measure a network on a fixed set."""
    device = network.embedding.device
    losses, tokens, right, answers = 0.0, 0, 0, 0
    for batch in batches:
        with precision:
            logits = network(batch.ids.to(device), batch.wanted.to(device)).float().cpu()
        losses += functional.cross_entropy(logits, batch.targets, reduction="sum").item()
        tokens += len(batch.targets)
        wrong = torch.zeros(int(batch.answers[-1]) + 1).index_add_(
            0, batch.answers, (logits.argmax(1) != batch.targets).float()
        )
        right += int((wrong == 0).sum())
        answers += len(wrong)
    return Look(losses / tokens, right / answers)
