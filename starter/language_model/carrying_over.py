"""Beginning a network from the weights of another one, with other tokens or fewer layers.

Whoever widens the domain adds words, and layers to hold them, without training from nothing: a
known token keeps its vector, a new one begins as the mean of the pieces that it was written with so
far, and an added layer begins by adding nothing: at first the network says what the old one said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from starter.language_model.network import Llama, Sizes
from starter.language_model.tokenizer import SPACE, Tokenizer, Vocabulary
from starter.training.checkpoint import Checkpoint, require_shapes

__all__ = ["carry_over"]


def carry_over(
    checkpoint: Checkpoint, sizes: Sizes, vocabulary: Vocabulary, path: Path
) -> dict[str, torch.Tensor]:
    """Return the weights that a network of other sizes begins with.

    Args:
        checkpoint: Whose weights to begin from; its shape holds its sizes and its vocabulary.
        sizes: Of the new network; as many layers or more, and as wide.
        vocabulary: Of the new network.
        path: The checkpoint's, for messages.

    Raises:
        RecipeError: If another size differs, or there are fewer layers.
    """
    old = Vocabulary.from_shape(checkpoint.shape)
    weights = {name: weight.float() for name, weight in checkpoint.weights.items()}
    fresh = Llama(sizes).state_dict()
    begun = {name: weight for name, weight in _added_layers(fresh).items() if name not in weights}
    carried = begun | weights
    expected = Llama(replace(sizes, vocabulary=len(old.tokens))).state_dict()
    require_shapes(carried, expected, path)
    carried["embedding"] = _vectors(weights["embedding"], old, vocabulary)
    return carried


def _added_layers(fresh: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return layers' weights with nothing in the matrices whose products are added."""
    ends = ("attention_out", "down")
    return {
        name: torch.zeros_like(weight) if name.endswith(ends) else weight
        for name, weight in fresh.items()
        if name.startswith("layers.")
    }


def _vectors(embedding: torch.Tensor, old: Vocabulary, new: Vocabulary) -> torch.Tensor:
    ids = {token: number for number, token in enumerate(old.tokens)}
    tokenizer = Tokenizer(old)
    rows = [[ids[piece] for piece in _ancestors(token, ids, tokenizer)] for token in new.tokens]
    return torch.stack([embedding[row].mean(0) for row in rows])


def _ancestors(token: str, known: Mapping[str, int], tokenizer: Tokenizer) -> list[str]:
    """Return the old tokens nearest to a token: itself, itself beside a space, or its pieces."""
    for near in (token, SPACE + token, token.removeprefix(SPACE)):
        if near in known:
            return [near]
    return tokenizer.pieces(token)
