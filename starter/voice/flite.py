"""flite's statistical voice slt, asked for what it knows: phones and its own parameter tracks.

The library computes, every 5 ms, the mel-cepstrum, the pitch and the strength of voicing in five
bands, and only then a waveform. Reading these from the utterance is exact and takes a tenth of the
time that analysing the waveform takes. Structures as in flite 2.2: cst_track.h, cst_utterance.h;
the meaning of the tracks as in cst_cg.c and cst_mlsa.c.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from starter.errors import RecipeError

__all__ = ["BANDS", "FRAME_SECONDS", "GAIN", "POSTFILTER", "WARPING", "Tracks", "require", "speak"]

FRAME_SECONDS: Final = 0.005
WARPING: Final = 0.42
"""Of the cepstra's frequency axis: a bilinear transform (first-order all-pass)."""
POSTFILTER: Final = 0.4
"""By how much more than itself each cepstrum from the second on counts."""
GAIN: Final = 1.5
"""Of the whole voice."""
BANDS: Final = np.array(
    [
        [1.00, 0.71, 0.07, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00],
        [0.00, 0.02, 0.56, 0.53, 0.02, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00],
        [0.00, 0.00, 0.00, 0.08, 0.74, 1.00, 1.00, 0.92, 0.26, 0.00, 0.00, 0.00, 0.00, 0.00],
        [0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.08, 0.74, 1.00, 1.00, 1.00, 0.79, 0.11],
        [0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.21, 0.89],
    ]
)
"""Amplitude of the excitation's five filters at 0, 0.5 ... 6.5 kHz; above, the last is 1."""
_UNHEARD: Final = 20
"""How many of the cepstra flite's own synthesis shall leave out where nobody hears it."""
_LIBRARIES: Final = ("libflite_usenglish.so.1", "libflite_cmulex.so.1", "libflite_cmu_us_slt.so.1")


@dataclass(frozen=True, slots=True)
class Tracks:
    """A sentence as flite speaks it.

    Attributes:
        phones: Names, such as "ax"; pauses are "pau".
        ends: Seconds at which each phone ends.
        pitch: Hz for each frame of 5 ms, 0 where nothing is voiced; float32.
        cepstra: Shape (frames, 25): mel-cepstrum of the log amplitude, for samples as 16-bit
            numbers; see `WARPING`.
        strengths: Shape (frames, 5): how much of the excitation goes through the filters of 0-1,
            1-2, 2-4, 4-6 and 6-8 kHz as pulses.
        audio: 16 kHz, in [-1, 1]; empty if it was not wanted.
    """

    phones: tuple[str, ...]
    ends: tuple[float, ...]
    pitch: npt.NDArray[np.float32]
    cepstra: npt.NDArray[np.float32]
    strengths: npt.NDArray[np.float32]
    audio: npt.NDArray[np.float32]


class _Voice(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("features", ctypes.c_void_p))


class _Track(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_char_p),
        ("frame_count", ctypes.c_int),
        ("channel_count", ctypes.c_int),
        ("times", ctypes.POINTER(ctypes.c_float)),
        ("frames", ctypes.POINTER(ctypes.POINTER(ctypes.c_float))),
    )


class _Wave(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("sample_count", ctypes.c_int),
        ("channel_count", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    )


def speak(text: str, *, with_audio: bool = True) -> Tracks:
    """Let slt speak one sentence.

    Args:
        text: In ASCII.
        with_audio: Whether sound is wanted, too; without, it takes half the time.

    Raises:
        RecipeError: If flite's libraries are not installed.
    """
    return _library().speak(text, with_audio=with_audio)


def require() -> None:
    """Make sure that the voice is there.

    Raises:
        RecipeError: If flite's libraries are not installed.
    """
    _library()


@functools.cache
def _library() -> _Library:
    try:
        flite = ctypes.CDLL("libflite.so.1", mode=ctypes.RTLD_GLOBAL)
        others = [ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL) for name in _LIBRARIES]
    except OSError as error:
        message = (
            f"flite's voice slt is missing ({error}); install it: sudo apt-get install libflite1"
        )
        raise RecipeError(message) from error
    return _Library(flite, others[-1])


class _Library:
    """The functions of the C library that are used, with their types."""

    def __init__(self, flite: ctypes.CDLL, slt: ctypes.CDLL) -> None:
        pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_float
        self._synthesize = _function(flite.flite_synth_text, pointer, text, pointer)
        self._feature = _function(flite.feat_val, pointer, pointer, text)
        self._track_of = _function(flite.val_track, pointer, pointer)
        self._database_of = _function(flite.val_cg_db, pointer, pointer)
        self._smoothed = _function(flite.mlpg, pointer, pointer, pointer)
        self._wave = _function(flite.utt_wave, pointer, pointer)
        self._relation = _function(flite.utt_relation, pointer, pointer, text)
        self._head = _function(flite.relation_head, pointer, pointer)
        self._next = _function(flite.item_next, pointer, pointer)
        self._name = _function(flite.item_feat_string, text, pointer, text)
        self._number = _function(flite.item_feat_float, number, pointer, text)
        self._delete_track = _function(flite.delete_track, None, pointer)
        self._delete_utterance = _function(flite.delete_utterance, None, pointer)
        flite.flite_init()
        self._set = _function(flite.feat_set_int, None, pointer, text, ctypes.c_int)
        self._voice = _function(slt.register_cmu_us_slt, pointer, text)(None)

    def speak(self, text: str, *, with_audio: bool) -> Tracks:
        """See the function of that name."""
        voice = ctypes.cast(self._voice, ctypes.POINTER(_Voice)).contents
        self._set(voice.features, b"mlsa_speed_param", 0 if with_audio else _UNHEARD)
        utterance = self._synthesize(text.encode("ascii", "ignore"), self._voice)
        try:
            return self._tracks(utterance, with_audio=with_audio)
        finally:
            self._delete_utterance(utterance)

    def _tracks(self, utterance: int, *, with_audio: bool) -> Tracks:
        features = ctypes.cast(utterance, ctypes.POINTER(ctypes.c_void_p)).contents.value
        raw = self._track_of(self._feature(features, b"param_track"))
        database = self._database_of(self._feature(features, b"cg_db"))
        smoothed = self._smoothed(raw, database)  # maximum likelihood, as before its own vocoder
        parameters = _array(smoothed)
        self._delete_track(smoothed)
        strengths = _array(self._track_of(self._feature(features, b"str_track")))
        segments = tuple(self._segments(utterance))
        return Tracks(
            phones=tuple(name for name, _ in segments),
            ends=tuple(end for _, end in segments),
            pitch=parameters[:, 0],
            cepstra=parameters[:, 1:],
            strengths=strengths,
            audio=self._audio(utterance) if with_audio else np.zeros(0, np.float32),
        )

    def _segments(self, utterance: int) -> Iterator[tuple[str, float]]:
        item = self._head(self._relation(utterance, b"Segment"))
        while item:
            yield self._name(item, b"name").decode(), self._number(item, b"end")
            item = self._next(item)

    def _audio(self, utterance: int) -> npt.NDArray[np.float32]:
        wave = ctypes.cast(self._wave(utterance), ctypes.POINTER(_Wave)).contents
        samples = np.ctypeslib.as_array(wave.samples, (wave.sample_count,))
        return samples.astype(np.float32) / np.float32(32768)


def _function(
    symbol: Any,  # noqa: ANN401 - of a type that ctypes does not name
    result: type | None,
    *arguments: type,
) -> Callable[..., Any]:
    symbol.restype, symbol.argtypes = result, arguments
    return cast("Callable[..., Any]", symbol)


def _array(address: int) -> npt.NDArray[np.float32]:
    track = ctypes.cast(address, ctypes.POINTER(_Track)).contents
    rows = (track.frames[number] for number in range(track.frame_count))
    return np.stack([np.ctypeslib.as_array(row, (track.channel_count,)).copy() for row in rows])
