"""A small Llama: RMSNorm, rotary positions, SwiGLU, tied embeddings.

The architecture is llama.cpp's "llama" (Touvron et al. 2023), so that the product's own
engine runs what is trained here. Query, key and value are one matrix, gate and up another: a CPU
multiplies few large matrices faster than many small ones; `export` takes them apart.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
from torch.nn import functional

__all__ = ["Llama", "Sizes"]

_PLAIN_ATTENTION = 448
"""Up to so many tokens the plain form trains 2.5 x faster on a CPU than the fused one."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a network is built from.

    Attributes:
        vocabulary: Number of tokens.
        width: Length of a token's vector; a multiple of `heads`.
        layers: Number of layers.
        heads: Heads of attention.
        inner: Width of the feed-forward layers; a multiple of 32, as `width`, for 8-bit export.
        context: Longest text in tokens.
        theta: Base of the rotary frequencies.
        epsilon: Of the norms.
    """

    vocabulary: int
    width: int = 256
    layers: int = 4
    heads: int = 4
    inner: int = 704
    context: int = 1024
    theta: float = 10000.0
    epsilon: float = 1e-5

    def as_shape(self) -> dict[str, float | int]:
        """Return the sizes by name, for a checkpoint."""
        return asdict(self)


class Llama(torch.nn.Module):
    """The network: token ids in, logits out.

    Args:
        sizes: See there.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.embedding = _matrix(sizes.vocabulary, sizes.width, spread=0.02)
        self.layers = torch.nn.ModuleList(_Layer(sizes) for _ in range(sizes.layers))
        self.norm = torch.nn.Parameter(torch.ones(sizes.width))
        cosines, sines = _rotations(sizes)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)

    def forward(self, ids: torch.Tensor, wanted: torch.Tensor | None = None) -> torch.Tensor:
        """Return the logits of what follows.

        Args:
            ids: Shape (rows, tokens), int64; rows are padded at their end with anything.
            wanted: Flat positions (row * tokens + token) whose logits are needed: computing only
                those that are learnt from saves most of the last multiplication. None for all.

        Returns:
            Shape (rows * tokens or number of wanted positions, vocabulary).
        """
        cosines, sines = self.get_buffer("cosines"), self.get_buffer("sines")
        length = ids.shape[1]
        states = functional.embedding(ids, self.embedding)
        for layer in self.layers:
            states = layer(states, cosines[:length], sines[:length])
        states = states.flatten(0, 1)
        if wanted is not None:
            states = states[wanted]
        states = functional.rms_norm(states, states.shape[-1:], self.norm, self.sizes.epsilon)
        return functional.linear(states, self.embedding)


class _Layer(torch.nn.Module):
    """Attention, then a gated feed-forward layer, each added to what came in."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width, inner = sizes.width, sizes.inner
        self._heads, self._epsilon = sizes.heads, sizes.epsilon
        spread, deep = width**-0.5, math.sqrt(2 * sizes.layers)
        self.attention_norm = torch.nn.Parameter(torch.ones(width))
        self.query_key_value = _matrix(3 * width, width, spread=spread)
        self.attention_out = _matrix(width, width, spread=spread / deep)
        self.feed_norm = torch.nn.Parameter(torch.ones(width))
        self.gate_up = _matrix(2 * inner, width, spread=spread)
        self.down = _matrix(width, inner, spread=inner**-0.5 / deep)

    def forward(
        self, states: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor
    ) -> torch.Tensor:
        width = states.shape[-1:]
        normed = functional.rms_norm(states, width, self.attention_norm, self._epsilon)
        states = states + self._attend(normed, cosines, sines)
        normed = functional.rms_norm(states, width, self.feed_norm, self._epsilon)
        gate, up = functional.linear(normed, self.gate_up).chunk(2, -1)
        return states + functional.linear(functional.silu(gate) * up, self.down)

    def _attend(
        self, states: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor
    ) -> torch.Tensor:
        rows, length, width = states.shape
        parts = functional.linear(states, self.query_key_value)
        parts = parts.view(rows, length, 3, self._heads, width // self._heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # rows, heads, tokens, width of a head
        query, key = _rotate(query, cosines, sines), _rotate(key, cosines, sines)
        seen = _attention(query, key, value)
        return functional.linear(seen.transpose(1, 2).reshape(states.shape), self.attention_out)


def _attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    rows, heads, length, size = query.shape
    if query.is_cuda or length > _PLAIN_ATTENTION:
        value = value.to(query.dtype)
        return functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    query, key, value = (one.reshape(rows * heads, length, size) for one in (query, key, value))
    future = torch.full((length, length), float("-inf"), dtype=query.dtype).triu(1)
    scores = torch.baddbmm(
        future.expand(rows * heads, length, length), query, key.transpose(1, 2), alpha=size**-0.5
    )
    return torch.bmm(torch.softmax(scores, -1), value).view(rows, heads, length, size)


def _rotate(states: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """Turn the halves of each vector against each other, by its position (Su et al. 2021)."""
    turned = states.roll(states.shape[-1] // 2, -1)
    return states * cosines + turned * sines


def _rotations(sizes: Sizes) -> tuple[torch.Tensor, torch.Tensor]:
    """Return cosines and signed sines, (context, width of a head) each."""
    size = sizes.width // sizes.heads
    frequencies = sizes.theta ** (-torch.arange(0, size, 2).float() / size)
    angles = torch.outer(torch.arange(sizes.context).float(), frequencies)
    cosines, sines = angles.cos(), angles.sin()
    return torch.cat([cosines, cosines], 1), torch.cat([-sines, sines], 1)


def _matrix(rows: int, columns: int, *, spread: float) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.randn(rows, columns) * spread)
