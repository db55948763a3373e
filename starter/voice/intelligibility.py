"""How well a stranger understands a voice: word errors of pocketsphinx with its own English model.

Its open vocabulary knows nothing of what is said here, so its errors are many; only the ratio to
the errors on another voice with the same sentences says something.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["WordErrors", "transcriber", "word_error"]

_SILENCE: Final = np.zeros(4000, np.float32)
"""Around each sentence: the decoder wants to hear speech begin."""
_DITHER: Final = 1e-4
_LEVEL: Final = 0.08
"""RMS that every sentence is brought to."""


@dataclass(frozen=True, slots=True)
class WordErrors:
    """What was misheard.

    Attributes:
        errors: Words replaced, left out or added.
        words: Words said.
    """

    errors: int
    words: int

    @property
    def rate(self) -> float:
        """Errors per word."""
        return self.errors / max(self.words, 1)


def word_error(speak: Callable[[str], npt.NDArray[np.float32]], texts: Iterable[str]) -> WordErrors:
    """Have sentences spoken, and count the words that pocketsphinx gets wrong.

    About half a second of one core for each second of speech. The same audio always gives the
    same errors.

    Args:
        speak: Returns a sentence as samples at 16 kHz, in [-1, 1].
        texts: Sentences in words, without digits.

    Raises:
        ModuleNotFoundError: If pocketsphinx or jiwer is missing.
    """
    import jiwer

    transcribe = transcriber()
    errors = words = 0
    for text in texts:
        said, heard = _words(text), _words(transcribe(speak(text)))
        result = jiwer.process_words(said, heard)
        errors += result.substitutions + result.deletions + result.insertions
        words += len(said.split())
    return WordErrors(errors, words)


def transcriber() -> Callable[[npt.NDArray[np.float32]], str]:
    """Return a function from samples at 16 kHz to what pocketsphinx hears in them."""
    import pocketsphinx

    pocketsphinx.set_loglevel("FATAL")
    decoder: Any = pocketsphinx.Decoder()

    def transcribe(audio: npt.NDArray[np.float32]) -> str:
        decoder.start_utt()
        # As one utterance: the spectrum's mean is taken from all of it, not from earlier ones.
        decoder.process_raw(_prepared(audio), no_search=False, full_utt=True)
        decoder.end_utt()
        return decoder.hyp().hypstr if decoder.hyp() else ""

    return transcribe


def _prepared(audio: npt.NDArray[np.float32]) -> bytes:
    level = float(np.sqrt(np.mean(audio**2))) if len(audio) else 0.0
    padded = np.concatenate([_SILENCE, audio * (_LEVEL / max(level, 1e-6)), _SILENCE])
    noise = np.random.default_rng(0).standard_normal(len(padded)) * _DITHER
    return (np.clip(padded + noise, -1, 1) * 32767).astype(np.int16).tobytes()


def _words(text: str) -> str:
    return " ".join(re.findall(r"[a-z']+", text.lower().replace("’", "'").replace("-", " ")))
