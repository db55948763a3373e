"""eSpeak NG inside this process: its voices, and the phonemes that it reads a text as.

The library has one state for all and no thread of its own in the mode used here. Half its voices
use noise, and phases go on from one sentence to the next: the same sentence never sounds the same
twice. Where it must, `starter.speech.espeak_afresh` speaks.

Facts: speak_lib.h of espeak-ng 1.51 (enumerations, return codes), and its voice.c for pitch: the
base is multiplied by 2 ** ((value - 50) / 50).
"""

from __future__ import annotations

import ctypes
import functools
import math
from ctypes import POINTER, c_char_p, c_int, c_short, c_size_t, c_uint, c_void_p
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.engines import Int16Audio
from starter.errors import RecipeError
from starter.speech.packages import not_installed
from starter.speech.speaker import NEUTRAL, Manner, Speaker, Speech

__all__ = ["PREFIX", "EspeakLibrary", "EspeakSpeaker", "library"]

PREFIX: Final = "espeak:"

_SYNCHRONOUS: Final = 2
"""AUDIO_OUTPUT_SYNCHRONOUS: samples go to the callback, before espeak_Synth returns."""
_UTF8: Final = 1
_BY_CHARACTER: Final = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
"""espeakRATE in words per minute, espeakPITCH and espeakRANGE of 0 ... 99."""
_WORDS_PER_MINUTE: Final = 175
_MIDDLE: Final = 50
_SEPARATOR: Final = ord("|") << 8
"""Bits 8 ... 23 of a phoneme mode: what stands between the phonemes of a word."""

_Callback = ctypes.CFUNCTYPE(c_int, POINTER(c_short), c_int, c_void_p)


class EspeakLibrary:
    """libespeak-ng, loaded and initialized; use the one that `library` returns.

    Raises:
        RecipeError: If it is not installed, or has no voices.
    """

    def __init__(self) -> None:
        try:
            self._native = ctypes.CDLL("libespeak-ng.so.1")
        except OSError as error:
            raise not_installed("libespeak-ng.so.1", "libespeak-ng1") from error
        self._declare()
        self._pieces: list[Int16Audio] = []
        self._callback = _Callback(self._keep)  # the library calls it: it must live as long
        self.rate: Final = int(self._native.espeak_Initialize(_SYNCHRONOUS, 0, None, 0))
        if self.rate <= 0:
            raise not_installed("the data of espeak-ng", "espeak-ng")
        self._native.espeak_SetSynthCallback(self._callback)
        self._folder = self._data_folder()

    def _declare(self) -> None:
        native = self._native
        native.espeak_Synth.argtypes = (
            c_char_p, c_size_t, c_uint, c_int, c_uint, c_uint, c_void_p, c_void_p,
        )  # fmt: skip
        native.espeak_SetVoiceByName.argtypes = (c_char_p,)
        native.espeak_TextToPhonemes.argtypes = (POINTER(c_char_p), c_int, c_int)
        native.espeak_TextToPhonemes.restype = c_char_p
        native.espeak_Info.argtypes = (POINTER(c_char_p),)
        native.espeak_Info.restype = c_char_p

    def _data_folder(self) -> Path:
        folder = c_char_p()
        self._native.espeak_Info(ctypes.byref(folder))
        return Path((folder.value or b"").decode())

    def _keep(self, samples: ctypes._Pointer[c_short], count: int, events: int | None) -> int:
        if count > 0:  # the last call has neither samples nor a count
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def choose(self, voice: str) -> None:
        """Choose who speaks next.

        Args:
            voice: An accent, or an accent and a variant: "en-us+f3".

        Raises:
            RecipeError: If this installation has no such voice.
        """
        _, _, variant = voice.partition("+")
        # The library takes an unknown variant for none, and says nothing.
        known = not variant or (self._folder / "voices" / "!v" / variant).is_file()
        if not known or self._native.espeak_SetVoiceByName(voice.encode()) != 0:
            raise RecipeError(
                f"espeak-ng knows no voice {voice}; expected one of espeak-ng 1.51's "
                f"in {self._folder}: apt install --reinstall espeak-ng-data"
            )

    def speak(self, text: str, voice: str, manner: Manner) -> Speech:
        """Speak with a voice; see `Speaker.speak`."""
        self.choose(voice)
        for parameter, value in (
            (_RATE, _WORDS_PER_MINUTE / manner.stretch),
            (_PITCH, min(99.0, max(0.0, _MIDDLE + 50 * math.log2(manner.pitch)))),
            (_RANGE, min(99.0, max(0.0, _MIDDLE * manner.range))),
        ):
            self._check(self._native.espeak_SetParameter(parameter, round(value), 0), text)
        self._pieces.clear()
        content = text.encode()
        self._check(
            self._native.espeak_Synth(
                content, len(content) + 1, 0, _BY_CHARACTER, 0, _UTF8, None, None
            ),
            text,
        )
        if not self._pieces:
            return Speech(np.zeros(0, np.float32), self.rate)
        samples = np.concatenate(self._pieces).astype(np.float32)
        return Speech(samples / np.float32(32768), self.rate)

    def phonemes(self, text: str, voice: str = "en-us") -> str:
        """Return espeak's own names of a text's phonemes: "|" between them, spaces between words.

        Stress marks are included: "h@|l'oU".
        """
        self.choose(voice)
        rest, clauses = c_char_p(text.encode()), list[str]()
        while rest.value:  # each call takes a clause, the last one leaves NULL
            clause = self._native.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _SEPARATOR)
            clauses.append((clause or b"").decode())
        return " ".join(clauses)

    @staticmethod
    def _check(code: int, text: str) -> None:
        if code != 0:
            raise RecipeError(f"espeak-ng refused to speak {text!r}: error {code}")


@functools.cache
def library() -> EspeakLibrary:
    """Load the library at the first call; there is one for a process.

    Raises:
        RecipeError: If it is not installed.
    """
    return EspeakLibrary()


class EspeakSpeaker(Speaker):
    """One of espeak-ng's voices; a sentence takes 4 ms of CPU.

    Args:
        voice: As for `EspeakLibrary.choose`.
    """

    def __init__(self, voice: str) -> None:
        self._voice = voice
        library().choose(voice)

    @property
    def name(self) -> str:
        """See `Speaker.name`."""
        return PREFIX + self._voice

    def speak(self, text: str, manner: Manner = NEUTRAL) -> Speech:
        """See `Speaker.speak`."""
        return library().speak(text, self._voice, manner)
