"""Beginning from a network with other tokens or phones: what they share is carried over by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from starter.recognizer.tokenizer import Tokens

__all__ = ["carried_heads", "carried_tokens"]

_NOISE = 0.02
"""Deviation that tells tokens with the same beginning apart."""


def carried_tokens(embeddings: torch.Tensor, old: Tokens, new: Tokens) -> torch.Tensor:
    """Return embeddings for other tokens, by their strings.

    A token that is new begins at 0.7 times the mean of the old tokens that spell it; a time stamp
    beyond the old ones begins as the last of those.

    Args:
        embeddings: [old tokens, width].
        old: Their tokens.
        new: The tokens to find embeddings for.
    """
    numbers = {name: number for number, name in enumerate(old.names)}
    generator = torch.Generator().manual_seed(1)
    rows = []
    for number, name in enumerate(new.names):
        if name in numbers:
            rows.append(embeddings[numbers[name]])
            continue
        noise = _NOISE * torch.randn(embeddings.shape[1], generator=generator)
        rows.append(_beginning(embeddings, old, new, number) + noise)
    return torch.stack(rows)


def _beginning(embeddings: torch.Tensor, old: Tokens, new: Tokens, number: int) -> torch.Tensor:
    if number >= new.first_time_stamp:
        return embeddings[old.size - 1]
    spelled = new.spelled(number)
    pieces = old.encode(spelled)
    if not spelled.startswith(" "):  # `encode` has put a space before it
        pieces = pieces[1:] or pieces
    return 0.7 * embeddings[pieces].mean(0)


def carried_heads(
    weights: Mapping[str, torch.Tensor],
    fresh: Mapping[str, torch.Tensor],
    old: Sequence[str],
    new: Sequence[str],
) -> dict[str, torch.Tensor]:
    """Return the CTC heads for other phones, by name; phones that are new begin as in `fresh`.

    Args:
        weights: Weights of the old network; those of its heads are read.
        fresh: Weights of the new one, as they were made.
        old: The old network's phones; the blank is no phone, and comes before them.
        new: The new network's phones.
    """
    found = {}
    for name in ("phones.weight", "phones.bias", "early_phones.weight", "early_phones.bias"):
        head = fresh[name].clone()
        head[0] = weights[name][0]
        for number, phone in enumerate(new, 1):
            if phone in old:
                head[number] = weights[name][old.index(phone) + 1]
        found[name] = head
    return found
