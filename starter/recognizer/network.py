"""Whisper's architecture, computed so that one CPU core can train it.

The network is Whisper's (Radford et al. 2022, https://arxiv.org/abs/2212.04356): two convolutions
over log-mel frames, pre-norm transformer layers, tied token embeddings. What differs from a plain
forward pass:

* Padding is sampled. Whisper always decodes 30 s, Parley the utterance and a second; computing the
  padding of either would cost many times the utterance. Where nothing but padding is left, all
  positions hold the same content: a few of them, chosen at random and weighted in the attention
  (`Padding`), stand for the rest.
* Two heads on the encoder tell phones for a CTC loss; the export leaves them out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

__all__ = ["MARGIN", "Encoded", "Padding", "Recognizer", "Sizes", "Watch", "sinusoids"]

MARGIN = 8
"""Frames of padding behind a batch's longest row, which give the content of padding positions."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the network is built from.

    Attributes:
        vocabulary: Tokens, time stamps included.
        phones: Phones that the CTC heads tell apart, without the blank.
        width: Numbers per position; feed-forward layers have four times as many.
        heads: Heads of every attention.
        encoder_layers: Layers of the encoder.
        decoder_layers: Layers of the decoder.
        mels: Bands of the log-mel spectrum.
        audio_positions: Positions of 20 ms that the encoder knows; faster-whisper needs 1,500.
        text_positions: Tokens that the decoder knows in a row.
    """

    vocabulary: int
    phones: int
    width: int = 192
    heads: int = 4
    encoder_layers: int = 4
    decoder_layers: int = 3
    mels: int = 80
    audio_positions: int = 1500
    text_positions: int = 448


@dataclass(frozen=True, slots=True)
class Padding:
    """Positions that stand for all the padding of a context.

    Attributes:
        positions: Their numbers, each behind the sound; shape [n].
        bias: What their attention logits get: the logarithm of how many positions each stands for.
    """

    positions: torch.Tensor
    bias: float = 0.0

    def to(self, device: str) -> Padding:
        """Return the same on a device."""
        return Padding(self.positions.to(device), self.bias)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A batch after the encoder.

    Attributes:
        states: [rows, positions, width].
        early: States after half of the layers.
        bias: For attention to the states, [1, 1, 1, positions], or None.
    """

    states: torch.Tensor
    early: torch.Tensor
    bias: torch.Tensor | None


@dataclass(slots=True)
class Watch:
    """Collects how much the decoder attends to where a token should be heard.

    Attributes:
        centers: Expected position of each token in the sound, [rows, tokens]; below 0: unknown.
        reach: Positions on both sides.
        gaussian: Whether attention shall look like a bell of that reach (it finds the alignment,
            but keeps attention wide), instead of only staying within the reach.
        loss: Sum of what was missed, one number for each layer that was watched.
    """

    centers: torch.Tensor
    reach: float
    gaussian: bool
    loss: torch.Tensor | float = 0.0

    def look(self, attention: torch.Tensor) -> None:
        """Take in attention of shape [rows, heads, tokens, positions]; the last head is free."""
        seen = attention[:, :-1].mean(1).float() if attention.shape[1] > 1 else attention[:, 0]
        where = torch.arange(seen.shape[-1], device=seen.device)
        distance = where - self.centers[..., None]
        if self.gaussian:
            bell = torch.exp(-0.5 * (distance / self.reach) ** 2)
            bell = bell / (bell.sum(-1, keepdim=True) + 1e-6)
            hit = (bell * torch.log(seen + 1e-6)).sum(-1)
        else:
            hit = torch.log((seen * (distance.abs() <= self.reach)).sum(-1) + 1e-4)
        known = (self.centers >= 0).float()
        self.loss = self.loss - (hit * known).sum() / known.sum().clamp(min=1)


def sinusoids(length: int, width: int) -> torch.Tensor:
    """Return Whisper's position table of the encoder: sines, then cosines, [length, width]."""
    scale = math.log(10000) / (width // 2 - 1)
    angles = torch.arange(length)[:, None] * torch.exp(-scale * torch.arange(width // 2))[None]
    return torch.cat([angles.sin(), angles.cos()], 1)


class Attention(nn.Module):
    """Attention of several heads; keys have no bias, as in Whisper."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.value, self.output = nn.Linear(width, width), nn.Linear(width, width)

    def memory(self, source: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return keys and values of what is attended to, [rows, heads, positions, part]."""
        return self._split(self.key(source)), self._split(self.value(source))

    def forward(
        self,
        states: torch.Tensor,
        memory: tuple[torch.Tensor, torch.Tensor],
        bias: torch.Tensor | None = None,
        watch: Watch | None = None,
    ) -> torch.Tensor:
        """Attend from states [rows, tokens, width] to a memory; `bias` is added to the logits."""
        queries = self._split(self.query(states))
        keys, values = memory
        if watch is None:
            found = functional.scaled_dot_product_attention(queries, keys, values, bias)
        else:
            logits = queries @ keys.transpose(2, 3) * queries.shape[-1] ** -0.5
            attention = (logits if bias is None else logits + bias).softmax(-1)
            watch.look(attention)
            found = attention.to(values.dtype) @ values
        joined: torch.Tensor = self.output(found.transpose(1, 2).reshape(states.shape))
        return joined

    def _split(self, states: torch.Tensor) -> torch.Tensor:
        rows, positions, width = states.shape
        return states.view(rows, positions, self.heads, width // self.heads).transpose(1, 2)


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.expand, self.contract = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Transform each position on its own."""
        found: torch.Tensor = self.contract(functional.gelu(self.expand(states)))
        return found


class EncoderLayer(nn.Module):
    """Attention of the sound to itself, then a feed-forward network."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(sizes.width)
        self.attention = Attention(sizes.width, sizes.heads)
        self.feed_forward_norm = nn.LayerNorm(sizes.width)
        self.feed_forward = FeedForward(sizes.width)

    def forward(self, states: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """Return the states of the next layer."""
        normal = self.attention_norm(states)
        states = states + self.attention(normal, self.attention.memory(normal), bias)
        found: torch.Tensor = states + self.feed_forward(self.feed_forward_norm(states))
        return found


class Encoder(nn.Module):
    """Log-mel frames to states of 20 ms."""

    positions: torch.Tensor

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.convolution_1 = nn.Conv1d(sizes.mels, sizes.width, 3, padding=1)
        self.convolution_2 = nn.Conv1d(sizes.width, sizes.width, 3, stride=2, padding=1)
        self.layers = nn.ModuleList(EncoderLayer(sizes) for _ in range(sizes.encoder_layers))
        self.norm = nn.LayerNorm(sizes.width)
        table = sinusoids(sizes.audio_positions, sizes.width)
        self.register_buffer("positions", table, persistent=False)

    def forward(self, features: torch.Tensor, padding: Padding | None) -> Encoded:
        """Encode features [rows, mels, frames].

        Args:
            features: An even number of frames. With `padding`, the last `MARGIN` frames are
                nothing but padding in every row.
            padding: What follows the sound; None takes the features for the whole context.
        """
        states = functional.gelu(self.convolution_1(features))
        states = functional.gelu(self.convolution_2(states)).transpose(1, 2)
        places = self.positions
        bias = None
        if padding is None:
            states = (states + places[: states.shape[1]]).contiguous()
        else:
            # The second position behind the sound is the first that sees padding only.
            sound = states.shape[1] - MARGIN // 2 + 1
            content = states[:, sound : sound + 1] + places[padding.positions]
            states = torch.cat([states[:, :sound] + places[:sound], content], 1)
            if padding.bias:
                bias = states.new_zeros(1, 1, 1, states.shape[1])
                bias[..., sound:] = padding.bias
        early = states
        for number, layer in enumerate(self.layers):
            states = layer(states, bias)
            if number == len(self.layers) // 2 - 1:
                early = states
        return Encoded(self.norm(states), early, bias)


class DecoderLayer(nn.Module):
    """Attention of the text to itself, then to the sound, then a feed-forward network."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(sizes.width)
        self.attention = Attention(sizes.width, sizes.heads)
        self.sound_norm = nn.LayerNorm(sizes.width)
        self.sound = Attention(sizes.width, sizes.heads)
        self.feed_forward_norm = nn.LayerNorm(sizes.width)
        self.feed_forward = FeedForward(sizes.width)

    def forward(
        self,
        states: torch.Tensor,
        causal: torch.Tensor,
        memory: tuple[torch.Tensor, torch.Tensor],
        bias: torch.Tensor | None,
        watch: Watch | None,
    ) -> torch.Tensor:
        """Return the states of the next layer."""
        normal = self.attention_norm(states)
        states = states + self.attention(normal, self.attention.memory(normal), causal)
        states = states + self.sound(self.sound_norm(states), memory, bias, watch)
        found: torch.Tensor = states + self.feed_forward(self.feed_forward_norm(states))
        return found


class Decoder(nn.Module):
    """Tokens and encoded sound to states that predict the next token."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.tokens = nn.Embedding(sizes.vocabulary, sizes.width)
        self.positions = nn.Parameter(torch.zeros(sizes.text_positions, sizes.width))
        self.layers = nn.ModuleList(DecoderLayer(sizes) for _ in range(sizes.decoder_layers))
        self.norm = nn.LayerNorm(sizes.width)

    def memory(self, encoded: Encoded) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return what each layer attends to in the sound; decoding step by step keeps it."""
        return [layer.sound.memory(encoded.states) for layer in self.layers]  # type: ignore[operator, union-attr, unused-ignore]

    def forward(
        self,
        tokens: torch.Tensor,
        memory: list[tuple[torch.Tensor, torch.Tensor]],
        bias: torch.Tensor | None,
        watch: Watch | None = None,
    ) -> torch.Tensor:
        """Return states [rows, tokens, width]; the last two layers are watched."""
        length = tokens.shape[1]
        states = self.tokens(tokens) + self.positions[:length]
        causal = states.new_full((1, 1, length, length), -torch.inf).triu(1)
        for number, layer in enumerate(self.layers):
            watched = watch if number >= len(self.layers) - 2 else None
            states = layer(states, causal, memory[number], bias, watched)
        found: torch.Tensor = self.norm(states)
        return found


class Recognizer(nn.Module):
    """The whole network.

    Args:
        sizes: See there.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.encoder, self.decoder = Encoder(sizes), Decoder(sizes)
        self.phones = nn.Linear(sizes.width, sizes.phones + 1)
        self.early_phones = nn.Linear(sizes.width, sizes.phones + 1)
        nn.init.normal_(self.decoder.tokens.weight, std=0.02)
        nn.init.normal_(self.decoder.positions, std=0.02)

    def logits(self, states: torch.Tensor, vocabulary: int | None = None) -> torch.Tensor:
        """Score the first tokens of the vocabulary, or all, after states of the decoder."""
        return states @ self.decoder.tokens.weight[:vocabulary].T
