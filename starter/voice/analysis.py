"""From flite's parameter tracks to frames: what the network shall learn to say."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from starter.voice import flite, frames

__all__ = ["frames_of"]

_POINTS = 96
"""On the mel axis, at which envelopes are compared."""
_STEP = round(frames.HOP / frames.SAMPLE_RATE / flite.FRAME_SECONDS)


def frames_of(tracks: flite.Tracks) -> npt.NDArray[np.float32]:
    """Return a sentence's frames, shape (n, `frames.SIZE`).

    As flite's own vocoder does (cst_mlsa.c): formants are made sharper without changing the power,
    and the excitation is a sum of pulses and noise whose amplitudes in a band add up to one. What
    their power lacks to one is taken from the envelope. Where nothing is voiced, only the noise
    remains, at that amplitude.
    """
    pitch, cepstra, strengths = (
        track[::_STEP].astype(np.float64)
        for track in (tracks.pitch, tracks.cepstra, tracks.strengths)
    )
    voiced = pitch > 0
    axes = _axes()
    strengths = strengths.clip(0, 1)
    noise = (1 - strengths) @ axes.bands
    pulses = np.where(voiced[:, None], strengths @ axes.bands, 0)
    power = np.hypot(pulses, noise).clip(min=1e-3)
    envelope = _sharpened(cepstra, axes) + np.log(power)
    shares = noise / power @ axes.shares
    columns = [envelope @ axes.to_cepstra, _filled(pitch, voiced), voiced[:, None], shares]
    return np.concatenate(columns, 1).astype(np.float32)


def _sharpened(cepstra: npt.NDArray[np.float64], axes: _Axes) -> npt.NDArray[np.float64]:
    """Return the log amplitude on our axis, for samples in [-1, 1]."""
    strength = np.where(np.arange(cepstra.shape[1]) < 2, 1.0, 1 + flite.POSTFILTER)
    sharp = cepstra * strength
    before, after = (np.exp(2 * one @ axes.power).mean(1) for one in (cepstra, sharp))
    level = 0.5 * np.log(before / after) + math.log(flite.GAIN / 32768)
    return np.asarray(sharp @ axes.to_envelope + level[:, None])


def _filled(
    pitch: npt.NDArray[np.float64], voiced: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Return the logarithm of the pitch, going straight on where nothing is voiced."""
    places = np.flatnonzero(voiced)
    if not len(places):
        return np.full((len(pitch), 1), math.log(180.0))
    return np.interp(np.arange(len(pitch)), places, np.log(pitch[places]))[:, None]


@dataclass(frozen=True, slots=True)
class _Axes:
    """Matrices between flite's frequencies and ours.

    Attributes:
        to_envelope: flite's cepstra -> log amplitude at points equally spaced in mel.
        power: flite's cepstra -> log amplitude at points equally spaced in Hz.
        to_cepstra: Log amplitude in mel -> our cepstra.
        bands: flite's five bands -> amplitude at the points in mel.
        shares: Points in mel -> means over our bands.
    """

    to_envelope: npt.NDArray[np.float64]
    power: npt.NDArray[np.float64]
    to_cepstra: npt.NDArray[np.float64]
    bands: npt.NDArray[np.float64]
    shares: npt.NDArray[np.float64]


@functools.cache
def _axes() -> _Axes:
    position = np.linspace(0, 1, _POINTS)
    hertz = 700 * np.expm1(position * math.log1p(frames.SAMPLE_RATE / 2 / 700))
    ours = np.cos(np.arange(frames.CEPSTRA)[:, None] * math.pi * position)
    places = 500.0 * np.arange(flite.BANDS.shape[1])
    members = np.stack([(hertz >= low) & (hertz <= high) for low, high in frames.BANDS], 1)
    return _Axes(
        to_envelope=_flites(hertz),
        power=_flites(np.linspace(0, frames.SAMPLE_RATE / 2, _POINTS)),
        to_cepstra=np.linalg.pinv(ours),
        bands=np.stack([np.interp(hertz, places, band) for band in flite.BANDS]),
        shares=members / members.sum(0),
    )


def _flites(hertz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return what flite's cepstra are multiplied with for the log amplitude at frequencies."""
    angle = 2 * math.pi * hertz / frames.SAMPLE_RATE
    bend = flite.WARPING * np.sin(angle) / (1 - flite.WARPING * np.cos(angle))
    return np.asarray(np.cos(np.arange(25)[:, None] * (angle + 2 * np.arctan(bend))))
