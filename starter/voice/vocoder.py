"""From frames to samples, whole or in windows: harmonics of the pitch beside shaped noise.

Both halves are in closed form, so a window needs little from its neighbours: one frame on either
side, the phase of the fundamental at its first sample, and its place in the noise.

* Harmonics: cosines at multiples of the pitch, in phase, with the amplitudes of the envelope. The
  phase is a running sum of the pitch. Amplitudes and pitch are linear between frames.
* Noise: a fixed table of spectra (`_NOISE_FRAMES` of them, 4 s, in turn), multiplied by the
  envelope, transformed back, overlapped by half. The table is fixed so that the same frames always
  give the same samples.

References: harmonic plus noise model, Stylianou 2001 (IEEE TSAP 9-1).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch
from torch import nn

from starter.voice import frames

__all__ = ["Vocoder"]

_HARMONICS: Final = 72
"""Up to 7.8 kHz from a pitch of 108 Hz on."""
_GROUP: Final = 8
_GROUPS: Final = _HARMONICS // _GROUP
_HIGHEST: Final = frames.SAMPLE_RATE / 2 - 200
_PITCHES: Final = (60.0, 400.0)
_NOISE_FRAMES: Final = 800
_NOISE_BINS: Final = frames.HOP + 1
_ENVELOPE_BINS: Final = 640
"""Of the table in which the harmonics' amplitudes are looked up: 12.5 Hz each."""


class Vocoder(nn.Module):
    """Turns a window of frames into samples."""

    noise_cosines: torch.Tensor
    noise_sines: torch.Tensor
    noise_envelope: torch.Tensor
    noise_bands: torch.Tensor
    noise: torch.Tensor
    envelope: torch.Tensor
    numbers: torch.Tensor
    groups: torch.Tensor
    ramp: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        window = 2 * frames.HOP
        times = torch.arange(window, dtype=torch.float64)
        bins = torch.arange(_NOISE_BINS, dtype=torch.float64)
        angles = 2 * math.pi * bins[:, None] * times / window
        shape = torch.sin(math.pi * times / window)  # overlapped halves keep the power constant
        scale = math.sqrt(2 / window)
        self._keep("noise_cosines", torch.cos(angles) * shape * scale)
        self._keep("noise_sines", torch.sin(angles) * shape * scale)
        hertz = bins.numpy() * frames.SAMPLE_RATE / window
        self._keep("noise_envelope", _cosine_basis(hertz))
        members = [(hertz >= low) & (hertz < high + (high == 8000)) for low, high in frames.BANDS]
        self._keep("noise_bands", torch.tensor(np.stack(members)))
        generator = torch.Generator().manual_seed(1)
        noise = torch.randn(2, _NOISE_FRAMES, _NOISE_BINS, generator=generator)
        self._keep("noise", noise.half())
        bin_hertz = np.arange(_ENVELOPE_BINS + 2) * frames.SAMPLE_RATE / 2 / _ENVELOPE_BINS
        self._keep("envelope", _cosine_basis(bin_hertz))
        self._keep("numbers", torch.arange(1, _HARMONICS + 1))
        self._keep("groups", torch.arange(_GROUPS) * _GROUP)
        self._keep("ramp", torch.arange(frames.HOP) / frames.HOP)

    def _keep(self, name: str, values: torch.Tensor) -> None:
        self.register_buffer(name, values.float(), persistent=False)

    def forward(
        self, window: torch.Tensor, phase: torch.Tensor, index: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the samples of a window, and the phase after it.

        Args:
            window: Shape (n + 2, `frames.SIZE`): n frames, the one before them and the one after;
                at the ends of an utterance its first or last frame again.
            phase: Shape (1,), float64: of the fundamental, in cycles; 0 at the beginning.
            index: Shape (1,), int64: number of the first of the n frames in the utterance.

        Returns:
            Samples of shape (n * `frames.HOP`,), and the phase to go on with, shape (1,).
        """
        voiced, phase = self._harmonics(window[1:], phase)
        return voiced + self._noise(window[:-1], index), phase

    def _harmonics(
        self, window: torch.Tensor, phase: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        pitch = torch.exp(window[:, frames.PITCH]).clamp(*_PITCHES)
        amplitudes = self._amplitudes(window, pitch)
        steps = (pitch[:-1, None] * (1 - self.ramp) + pitch[1:, None] * self.ramp) / (
            frames.SAMPLE_RATE
        )
        cycles = phase + torch.cumsum(steps.reshape(-1).double(), 0)
        cycles = cycles - torch.floor(cycles)
        voiced = self._sum(cycles.float().reshape(-1, frames.HOP, 1), amplitudes)
        return voiced.reshape(-1), cycles[-1:].reshape(1)

    def _sum(self, cycles: torch.Tensor, amplitudes: torch.Tensor) -> torch.Tensor:
        """Add up the harmonics; shapes (n, hop, 1) and (n + 1, harmonics) give (n, hop).

        Harmonics come in groups: cos(g + k) = cos g cos k - sin g sin k, where k counts within a
        group. That takes half as many cosines, and matrix products do the rest.
        """
        near = 2 * math.pi * cycles * self.numbers[:_GROUP]
        turns = cycles * self.groups
        far = 2 * math.pi * (turns - torch.floor(turns))
        each = amplitudes.reshape(-1, _GROUPS, _GROUP).transpose(1, 2)
        bounds = torch.cat([each[:-1], each[1:]], 2)
        cosines = self._blended(torch.matmul(torch.cos(near), bounds))
        sines = self._blended(torch.matmul(torch.sin(near), bounds))
        return (cosines * torch.cos(far) - sines * torch.sin(far)).sum(2)

    def _blended(self, bounds: torch.Tensor) -> torch.Tensor:
        """Go from the values of a frame's groups to those of the next frame's."""
        ramp = self.ramp[:, None]
        return bounds[:, :, :_GROUPS] * (1 - ramp) + bounds[:, :, _GROUPS:] * ramp

    def _amplitudes(self, window: torch.Tensor, pitch: torch.Tensor) -> torch.Tensor:
        hertz = pitch[:, None] * self.numbers
        logarithms = torch.matmul(window[:, : frames.CEPSTRA], self.envelope)
        place = (hertz * (2 * _ENVELOPE_BINS / frames.SAMPLE_RATE)).clamp(max=_ENVELOPE_BINS)
        below = torch.floor(place)
        low = torch.gather(logarithms, 1, below.long())
        high = torch.gather(logarithms, 1, below.long() + 1)
        envelope = torch.exp(low + (high - low) * (place - below))
        share = self._aperiodicity(window)
        noise = torch.zeros_like(hertz)
        for number, (lowest, highest) in enumerate(frames.BANDS):
            member = ((hertz >= lowest) & (hertz < highest)).float()
            noise = noise + member * share[:, number : number + 1]
        voiced = torch.sqrt((1 - noise * noise).clamp(min=0)) * self._voicing(window)
        audible = (hertz < _HIGHEST).float()
        return envelope * voiced * audible * torch.sqrt(pitch * (4 / frames.SAMPLE_RATE))[:, None]

    def _noise(self, window: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Return the noise of all frames but the first, which only rings on."""
        envelope = torch.exp(torch.matmul(window[:, : frames.CEPSTRA], self.noise_envelope))
        voicing = self._voicing(window)
        share = torch.matmul(self._aperiodicity(window), self.noise_bands)
        size = envelope * (share * voicing + (1 - voicing))
        count = torch.arange(size.shape[0], device=size.device)
        size = size * ((count + index) > 0).float()[:, None]  # nothing rings before the utterance
        turn = (count + index + _NOISE_FRAMES - 1) % _NOISE_FRAMES
        sound = torch.matmul(size * self.noise[0][turn], self.noise_cosines)
        sound = sound + torch.matmul(size * self.noise[1][turn], self.noise_sines)
        return (sound[1:, : frames.HOP] + sound[:-1, frames.HOP :]).reshape(-1)

    @staticmethod
    def _voicing(window: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(8 * (window[:, frames.VOICING : frames.VOICING + 1] - 0.5))

    @staticmethod
    def _aperiodicity(window: torch.Tensor) -> torch.Tensor:
        return window[:, frames.APERIODICITY : frames.SIZE].clamp(0.0, 1.0)


def _cosine_basis(hertz: np.ndarray[tuple[int], np.dtype[np.float64]]) -> torch.Tensor:
    """Return what cepstra are multiplied with for the log amplitude, shape (cepstra, hertz)."""
    numbers = np.arange(frames.CEPSTRA)[:, None]
    return torch.tensor(np.cos(numbers * math.pi * frames.mel_position(hertz)))
