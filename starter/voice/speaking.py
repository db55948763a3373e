"""The voice as one computation: Piper's inputs to frames and durations, and on to samples.

`Speaking` is Piper's contract in full; `Framing` and `Vocoder` are its halves, for those who want
the first samples before the last are computed (STREAMING.md).
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import nn
from torch.nn import functional

from starter.voice import frames, phones
from starter.voice.intonation import QuestionRise
from starter.voice.network import SUBFRAMES, Acoustic, expand
from starter.voice.vocoder import Vocoder

__all__ = ["Framing", "Speaking"]

_PITCH_WANDERS: Final = 0.06
"""Deviation of the logarithm of the pitch at a noise scale of 1: one semitone."""
_SOUND_WANDERS: Final = 0.12
"""Deviation of the cepstra, in units of the data's own, at a noise scale of 1."""
_LENGTHS_WANDER: Final = 0.12
"""Deviation of the logarithm of durations at a noise scale of 1."""
_SLOWNESS: Final = 31
"""Frames that the variation is averaged over, twice: it wanders, it does not tremble."""


class Framing(nn.Module):
    """Piper's inputs to frames."""

    wanders: torch.Tensor
    is_pitch: torch.Tensor

    def __init__(self, acoustic: Acoustic) -> None:
        super().__init__()
        self.acoustic, self.rise = acoustic, QuestionRise()
        wanders = acoustic.deviation * _SOUND_WANDERS
        wanders[0] = 0.0  # loudness stays
        wanders[frames.CEPSTRA :] = 0.0
        wanders[frames.PITCH] = _PITCH_WANDERS
        self.register_buffer("wanders", wanders, persistent=False)
        is_pitch = (torch.arange(frames.SIZE) == frames.PITCH).float()
        self.register_buffer("is_pitch", is_pitch, persistent=False)

    def forward(
        self, symbols: torch.Tensor, lengths: torch.Tensor, scales: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the frames of a sentence, and how long each symbol lasts.

        Args:
            symbols: Piper's ids, int64 of shape (1, n); 0 between them.
            lengths: How many of them count, int64 of shape (1,).
            scales: Noise, length, and noise of the lengths, float32 of shape (3,). With both
                noises 0 the same ids always give the same frames.

        Returns:
            Frames of shape (frames + 2, `frames.SIZE`): the first and the last are there twice,
            as the vocoder's windows want them. Steps of each id, as floats of shape (n,).
        """
        ids = symbols[0][: lengths[0]]
        sounding = ids != phones.PAD
        own = torch.masked_select(ids, sounding)
        states, logarithms = self.acoustic.encode(own[None])
        variation = _LENGTHS_WANDER * scales[2] * torch.randn_like(logarithms[0])
        wanted = torch.exp(logarithms[0] + variation) * scales[1] * (1 - self.acoustic.silent[own])
        spread = torch.zeros_like(ids, dtype=wanted.dtype).masked_scatter(sounding, wanted)
        steps = torch.ceil(spread - 0.5)  # the one Ceil node: where Piper looks for durations
        durations = torch.masked_select(steps, sounding)
        nothing = (durations.sum() < 1).to(durations.dtype)
        durations = torch.cat([durations[:-1], durations[-1:] + nothing])
        return self._frames(own, states, durations, scales[0]), steps

    def _frames(
        self,
        symbols: torch.Tensor,
        states: torch.Tensor,
        durations: torch.Tensor,
        noise: torch.Tensor,
    ) -> torch.Tensor:
        owners, places = expand(durations)
        inputs = torch.cat([states[:, :, owners], places[None]], 1)
        spoken: torch.Tensor = self.acoustic.finished(self.acoustic.decode(inputs)[0])
        rise: torch.Tensor = self.rise(symbols, durations)
        rise = torch.repeat_interleave(rise, SUBFRAMES)
        spoken = spoken + rise[:, None] * self.is_pitch + noise * self.wanders * _wandering(spoken)
        return torch.cat([spoken[:1], spoken, spoken[-1:]])


def _wandering(like: torch.Tensor) -> torch.Tensor:
    """Return slow noise of deviation one, in the shape of some frames."""
    noise = torch.randn_like(like).transpose(0, 1)[None]
    for _ in range(2):
        noise = functional.avg_pool1d(noise, _SLOWNESS, 1, _SLOWNESS // 2)
    return noise[0].transpose(0, 1) * math.sqrt(1.5 * _SLOWNESS)


class Speaking(nn.Module):
    """Piper's inputs to Piper's output."""

    def __init__(self, framing: Framing, vocoder: Vocoder) -> None:
        super().__init__()
        self.framing, self.vocoder = framing, vocoder

    def forward(
        self, symbols: torch.Tensor, lengths: torch.Tensor, scales: torch.Tensor
    ) -> torch.Tensor:
        """Return the samples of a sentence, shape (1, 1, 1, samples); inputs as `Framing`'s."""
        spoken, _ = self.framing(symbols, lengths, scales)
        begin = torch.zeros(1, dtype=torch.int64)
        samples: torch.Tensor = self.vocoder(spoken, torch.zeros(1, dtype=torch.float64), begin)[0]
        return samples.reshape(1, 1, 1, -1)
