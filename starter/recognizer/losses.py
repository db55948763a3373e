"""What the recognizer is trained on: the next token, the phones, and where it listens."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from starter.recognizer.batches import IGNORED, Batch
from starter.recognizer.network import Padding, Recognizer, Watch

__all__ = ["Losses", "Weights", "losses_of"]

_SMOOTHING = 0.05


@dataclass(frozen=True, slots=True)
class Weights:
    """What the parts of the loss count beside the next token, which counts 1.

    Attributes:
        phones: CTC on phones behind the encoder.
        early_phones: CTC on phones behind half of it.
        listening: Attention outside the window around a token's expected place.
        reach: Positions of that window on both sides, or the bell's width.
        gaussian: Whether attention shall have the form of a bell; see `Watch`.
    """

    phones: float = 0.35
    early_phones: float = 0.15
    listening: float = 0.1
    reach: float = 25.0
    gaussian: bool = False


@dataclass(frozen=True, slots=True)
class Losses:
    """The parts of the loss of a batch, and their weighted sum."""

    total: torch.Tensor
    words: torch.Tensor
    phones: torch.Tensor
    listening: torch.Tensor


def losses_of(
    network: Recognizer, batch: Batch, padding: Padding | None, weights: Weights
) -> Losses:
    """Run the network over a batch and compare."""
    encoded = network.encoder(batch.features, padding)
    watch = Watch(batch.centers, weights.reach, weights.gaussian)
    memory = network.decoder.memory(encoded)
    states = network.decoder(batch.tokens, memory, encoded.bias, watch)
    asked = batch.labels != IGNORED
    words = functional.cross_entropy(
        network.logits(states[asked], batch.vocabulary).float(),
        batch.labels[asked],
        label_smoothing=_SMOOTHING,
    )
    late = _phones(network.phones(encoded.states), batch)
    early = _phones(network.early_phones(encoded.early), batch)
    listening = torch.as_tensor(watch.loss)
    total = (
        words + weights.phones * late + weights.early_phones * early + weights.listening * listening
    )
    return Losses(total, words.detach(), late.detach(), listening.detach())


def _phones(scores: torch.Tensor, batch: Batch) -> torch.Tensor:
    found = functional.ctc_loss(
        scores.float().log_softmax(-1).transpose(0, 1),
        batch.phones,
        batch.positions,
        batch.phone_counts,
        reduction="sum",
        zero_infinity=True,
    )
    return found / max(1, len(batch.phones))
