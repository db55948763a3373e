"""The acoustic network: symbols to durations, and to the frames of those durations.

Two stacks of dilated convolutions with residual connections. The first reads symbols and the kind
of the sentence, and tells how long each symbol lasts; its states, repeated for as long, and where
a step lies within its symbol and its sentence, are what the second makes frames of.

A step lasts 10 ms and gives `SUBFRAMES` frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import nn
from torch.nn import functional

from starter.voice import frames, phones

__all__ = ["OUTPUTS", "STEP", "SUBFRAMES", "Acoustic", "Sizes", "expand", "ticks"]

STEP: Final = 160
"""Samples of a step: what durations are counted in."""
SUBFRAMES: Final = STEP // frames.HOP
OUTPUTS: Final = SUBFRAMES * frames.SIZE
_POSITIONS: Final = 5
_PREDICTOR: Final = 96
_LONGEST: Final = 100.0
"""Steps after which the time since the beginning of a sentence makes no difference any more."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The network's dimensions.

    Attributes:
        symbols: How many numbers of symbols there are.
        states: Channels of the first stack.
        channels: Channels of the second.
        encoder: Dilation of each convolution of the first stack.
        decoder: Of the second.
        width: Taps of a convolution.
        last_width: Taps of the last layer. Five instead of one come nearer to the frames (error
            0.28 against 0.32), but blur them: pocketsphinx makes 1.13 instead of 1.06 times the
            errors that it makes on the voice which is learnt from.
    """

    symbols: int
    states: int = 160
    channels: int = 224
    encoder: tuple[int, ...] = (1, 1, 2, 4)
    decoder: tuple[int, ...] = (1, 2, 4, 1, 2, 1)
    width: int = 5
    last_width: int = 1

    def shape(self) -> dict[str, Any]:
        """Return what a checkpoint says about its shape."""
        return {
            "symbols": self.symbols, "states": self.states, "channels": self.channels,
            "encoder": list(self.encoder), "decoder": list(self.decoder), "width": self.width,
            "last_width": self.last_width, "outputs": OUTPUTS,
        }  # fmt: skip

    @classmethod
    def of(cls, shape: Mapping[str, Any]) -> Sizes:
        """Return the sizes that a checkpoint was trained with."""
        return cls(
            shape["symbols"], shape["states"], shape["channels"],
            tuple(shape["encoder"]), tuple(shape["decoder"]), shape["width"],
            shape["last_width"],
        )  # fmt: skip

    @property
    def reach(self) -> int:
        """Steps to either side whose symbols a step's frames depend on by the second stack."""
        return (self.width // 2) * (1 + sum(self.decoder)) + self.last_width // 2


class _Convolution(nn.Module):
    """A convolution over time that keeps its length, with its weights as one matrix.

    `starter.training.muon` wants matrices.
    """

    def __init__(self, inputs: int, outputs: int, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.shape, self.dilation = (outputs, inputs, width), dilation
        bound = (inputs * width) ** -0.5
        self.matrix = nn.Parameter(torch.empty(outputs, inputs * width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        padding = self.dilation * (self.shape[2] // 2)
        weights = self.matrix.reshape(self.shape)
        return functional.conv1d(
            states, weights, self.bias, padding=padding, dilation=self.dilation
        )


class _Layer(nn.Module):
    """A residual convolution over time; what is masked stays zero."""

    def __init__(self, channels: int, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.convolution = _Convolution(channels, channels, width, dilation)

    def forward(self, states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        normal = self.norm(states.transpose(1, 2)).transpose(1, 2)
        states = states + functional.gelu(self.convolution(normal))
        return states if mask is None else states * mask


class Acoustic(nn.Module):
    """Symbols to durations and frames.

    Buffers `mean`, `deviation` and `spread` belong to the weights: frames are learnt relative to
    mean and deviation of the data, and are spread about the mean by a little more than the
    network does, which averages over what it cannot know.
    """

    mean: torch.Tensor
    deviation: torch.Tensor
    spread: torch.Tensor
    silent: torch.Tensor

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        width, symbols = sizes.width, phones.identifiers()
        self.symbol = nn.Embedding(sizes.symbols, sizes.states)
        self.kind = nn.Embedding(3, sizes.states)
        self.encoder = nn.ModuleList(_Layer(sizes.states, width, d) for d in sizes.encoder)
        self.duration = nn.Sequential(
            nn.Conv1d(sizes.states, _PREDICTOR, 3, padding=1),
            nn.GELU(),
            nn.Conv1d(_PREDICTOR, 1, 1),
        )
        inputs = sizes.states + _POSITIONS
        self.entry = _Convolution(inputs, sizes.channels, width)
        self.decoder = nn.ModuleList(_Layer(sizes.channels, width, d) for d in sizes.decoder)
        self.exit = _Convolution(sizes.channels, OUTPUTS, sizes.last_width)
        for name, value in (("mean", 0.0), ("deviation", 1.0), ("spread", 1.0)):
            self.register_buffer(name, torch.full((frames.SIZE,), value))
        silent = [number for symbol, number in symbols.items() if phones.is_silent(symbol)]
        flags = torch.zeros(sizes.symbols)
        flags[silent] = 1.0
        self.register_buffer("silent", flags, persistent=False)
        self._question, self._exclamation = symbols["?"], symbols["!"]

    def encode(
        self, symbols: torch.Tensor, mask: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Read sentences.

        Args:
            symbols: Numbers, int64 of shape (batch, symbols).
            mask: 1 for symbols, 0 for padding, of the same shape; None where nothing is padded.

        Returns:
            States of shape (batch, states, symbols), and the logarithm of each symbol's steps.
        """
        asks = (symbols == self._question).any(1).long()
        kind = asks + 2 * (symbols == self._exclamation).any(1).long()
        states = self.symbol(symbols) + self.kind(kind.clamp(max=2))[:, None]
        states = states.transpose(1, 2)
        wide = None if mask is None else mask[:, None]
        for layer in self.encoder:
            states = layer(states, wide)
        lengths: torch.Tensor = self.duration(states)
        return states, lengths[:, 0]

    def inputs_of(
        self,
        symbols: torch.Tensor,
        mask: torch.Tensor,
        owners: torch.Tensor,
        places: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Read sentences, and lay their states out in time by durations that are known.

        Args:
            symbols: As `encode` takes them.
            mask: Likewise.
            owners: The index of each step's symbol, shape (batch, steps).
            places: Where each step lies (`expand`), shape (batch, 5, steps).

        Returns:
            What `decode` takes, and the logarithm of each symbol's steps.
        """
        states, logarithms = self.encode(symbols, mask)
        owners = owners[:, None].expand(-1, states.shape[1], -1)
        return torch.cat([torch.gather(states, 2, owners), places], 1), logarithms

    def states(self, inputs: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Return what the last layer sees, shape (batch, channels, steps); see `decode`."""
        wide = None if mask is None else mask[:, None]
        states = functional.gelu(self.entry(inputs))
        for layer in self.decoder:
            states = layer(states, wide)
        return states

    def decode(self, inputs: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Make frames, still relative to mean and deviation.

        Args:
            inputs: States and positions of each step, shape (batch, states + 5, steps).
            mask: 1 for steps, 0 for padding, shape (batch, steps).

        Returns:
            Shape (batch, steps * `SUBFRAMES`, `frames.SIZE`).
        """
        outputs: torch.Tensor = self.exit(self.states(inputs, mask)).transpose(1, 2)
        return outputs.reshape(outputs.shape[0], -1, frames.SIZE)

    def finished(self, outputs: torch.Tensor) -> torch.Tensor:
        """Turn what `decode` gives into frames that the vocoder understands."""
        return torch.addcmul(self.mean, outputs, self.spread * self.deviation)


def ticks(count: torch.Tensor) -> torch.Tensor:
    """Return 0, 1, ... count - 1; a trace keeps the count a variable."""
    return torch.arange(count, device=count.device)  # type: ignore[call-overload, no-any-return]


def expand(durations: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Lay a sentence's symbols out in time.

    Args:
        durations: Steps of each symbol, whole numbers as floats, shape (symbols,); not all 0.

    Returns:
        The index of each step's symbol, and where the step lies, shape (5, steps): since the
        symbol's beginning and until its end as shares, the logarithm of its length, the share of
        the sentence, and the time since the sentence's beginning.
    """
    ends = torch.cumsum(durations, 0)
    count = ends[-1].long()
    times = ticks(count).to(durations.dtype)
    owner = (times[:, None] >= ends[None]).long().sum(1)
    length = durations[owner].clamp(min=1)
    share = (times - (ends - durations)[owner] + 0.5) / length
    places: Sequence[torch.Tensor] = (
        share,
        1 - share,
        torch.log(length) * 0.3,
        (times + 0.5) / count.to(durations.dtype),
        torch.clamp(times, max=_LONGEST) / _LONGEST,
    )
    return owner, torch.stack(list(places), 0)
