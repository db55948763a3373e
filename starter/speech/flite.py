"""Flite's voices inside this process: three statistical ones, two of diphones.

The statistical voices (slt, awb, rms; "clustergen") take their excitation from the C library's
`rand`, which is seeded by the text here: the same sentence always sounds the same. They take a
factor for their pitch; the diphone voices (kal at 8 kHz, kal16 at 16 kHz) take a mean in Hz and a
deviation. Facts: flite 2.2, cst_wave.h, cst_val.h, cmu_us_kal.c and cst_cg.c.
"""

from __future__ import annotations

import ctypes
import functools
import zlib
from collections.abc import Iterator
from ctypes import POINTER, c_char_p, c_float, c_int, c_short, c_uint, c_void_p
from typing import Any, Final

import numpy as np

from starter.errors import RecipeError
from starter.speech.packages import not_installed
from starter.speech.speaker import NEUTRAL, Manner, Speaker, Speech

__all__ = ["NAMES", "PREFIX", "FliteSpeaker"]

PREFIX: Final = "flite:"
NAMES: Final = ("slt", "awb", "rms", "kal", "kal16")

_STATISTICAL: Final = ("slt", "awb", "rms")
_MEAN_HZ, _DEVIATION_HZ = 95.0, 11.0
"""Of kal and kal16."""
_PACKAGE: Final = "libflite1"


class _Wave(ctypes.Structure):
    _fields_ = (
        ("type", c_char_p), ("sample_rate", c_int), ("num_samples", c_int), ("num_channels", c_int),
        ("samples", POINTER(c_short)),
    )  # fmt: skip


class _Voice(ctypes.Structure):
    _fields_ = (("name", c_char_p), ("features", c_void_p))


def _load(name: str, mode: int = ctypes.DEFAULT_MODE) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(name, mode)
    except OSError as error:
        raise not_installed(name, _PACKAGE) from error


@functools.cache
def _library() -> ctypes.CDLL:
    flite = _load("libflite.so.1", ctypes.RTLD_GLOBAL)
    for part in ("libflite_cmulex.so.1", "libflite_usenglish.so.1"):
        _load(part, ctypes.RTLD_GLOBAL)
    if flite.flite_init() < 0:
        raise RecipeError(f"flite could not be initialized; reinstall {_PACKAGE}")
    flite.flite_text_to_wave.argtypes = (c_char_p, c_void_p)
    flite.flite_text_to_wave.restype = POINTER(_Wave)
    flite.flite_feat_set_float.argtypes = (c_void_p, c_char_p, c_float)
    flite.delete_wave.argtypes = (c_void_p,)
    return flite


@functools.cache
def _random() -> Any:  # noqa: ANN401  (a ctypes function)
    seed = ctypes.CDLL(None).srand
    seed.argtypes, seed.restype = (c_uint,), None
    return seed


@functools.cache
def _voice(name: str) -> Any:  # noqa: ANN401  (a ctypes pointer)
    _library()
    register = getattr(_load(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
    register.argtypes, register.restype = (c_void_p,), POINTER(_Voice)
    voice = register(None)
    if not voice:
        raise RecipeError(f"flite's voice {name} could not be loaded; reinstall {_PACKAGE}")
    return voice


class FliteSpeaker(Speaker):
    """One of flite's voices; a sentence takes 2 ms of CPU (kal, kal16) or 30 ms (the others).

    Args:
        voice: One of `NAMES`.

    Raises:
        RecipeError: If it is not installed.
    """

    def __init__(self, voice: str) -> None:
        self._name, self._voice = voice, _voice(voice)

    @property
    def name(self) -> str:
        """See `Speaker.name`."""
        return PREFIX + self._name

    def speak(self, text: str, manner: Manner = NEUTRAL) -> Speech:
        """See `Speaker.speak`; the statistical voices have no range."""
        flite, features = _library(), self._voice.contents.features
        for feature, value in self._features(manner):
            flite.flite_feat_set_float(features, feature, value)
        content = text.encode()
        _random()(zlib.crc32(content))
        wave = flite.flite_text_to_wave(content, ctypes.cast(self._voice, c_void_p))
        if not wave:
            raise RecipeError(f"flite's voice {self._name} refused to speak {text!r}")
        try:
            return _copied(wave.contents)
        finally:
            flite.delete_wave(ctypes.cast(wave, c_void_p))

    def _features(self, manner: Manner) -> Iterator[tuple[bytes, float]]:
        # They stay set, so each is set for every sentence.
        yield b"duration_stretch", manner.stretch
        if self._name in _STATISTICAL:
            yield b"f0_shift", manner.pitch
        else:
            yield b"int_f0_target_mean", _MEAN_HZ * manner.pitch
            yield b"int_f0_target_stddev", _DEVIATION_HZ * manner.range


def _copied(wave: _Wave) -> Speech:
    if wave.num_channels != 1:
        raise RecipeError(f"flite spoke on {wave.num_channels} channels, expected one")
    if wave.num_samples <= 0:
        return Speech(np.zeros(0, np.float32), wave.sample_rate)
    samples = np.ctypeslib.as_array(wave.samples, (wave.num_samples,))
    return Speech(samples.astype(np.float32) / np.float32(32768), wave.sample_rate)
