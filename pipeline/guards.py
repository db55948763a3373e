"""Tells sound transcripts from a speech model's inventions, and says what of one can be kept.

Whisper-like decoders fail in few ways: they invent a polite phrase for silence or noise, they
repeat themselves without end, and with a short encoder context they miss the end of the text. Each
rule here catches one of them from figures that the decoder gives anyway. Nothing here decodes: the
engine calls `defect_of` on a pass, retries where `worth_a_retry` says so, and keeps `kept_tokens`.

The thresholds for silence and compression are those of Whisper's own reference decoder
(https://arxiv.org/abs/2212.04356, section 4.5); the others are this project's.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from pipeline.engines import SAMPLE_RATE, Float32Audio

__all__ = [
    "Decoded",
    "Defect",
    "GuardSettings",
    "Loop",
    "compression_ratio",
    "defect_of",
    "find_loop",
    "kept_tokens",
    "loud_seconds",
    "worth_a_retry",
]

_FRAME = SAMPLE_RATE // 50  # 20 ms


class Defect(StrEnum):
    """Why a decoded text cannot be trusted; the value is `Hypothesis.rejected`."""

    NONE = ""
    SILENCE = "silence"  # nothing audible: not even decoded
    NO_SPEECH = "no_speech"  # the model itself heard no speech and was unsure of its words
    LOOP = "loop"  # words repeat as nobody repeats them
    TOO_FAST = "too_fast"  # more words than fit into the sound
    NO_END = "no_end"  # the decoder used up its tokens
    IMPROBABLE = "improbable"  # the model does not believe its own words


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """Thresholds of the rules; the defaults suit Whisper in every size.

    Attributes:
        silence_dbfs: Frames of 20 ms below this RMS level, relative to full scale, are silent.
        dynamic_range_db: So are frames this far below the loud parts of the same audio.
        min_loud_seconds: Less sound than this is not decoded.
        no_speech_probability: Above it, together with ``log_probability``, there was no speech.
        log_probability: Mean log-probability per token below which a pass is doubtful.
        hopeless_log_probability: Below it the text is not worth keeping.
        compression_ratio: Bytes of text over its zlib size, above which it repeats itself.
        compressible_characters: Shorter texts are not judged by compression.
        repeats: Copies of a short phrase in a row that a decoder which never ended may make.
        spoken_repeats: The same where the decoder ended by itself: people do say "no" six times.
        min_word_seconds: Sound that a word takes at least.
    """

    silence_dbfs: float = -65.0
    dynamic_range_db: float = 35.0
    min_loud_seconds: float = 0.06
    no_speech_probability: float = 0.6
    log_probability: float = -1.0
    hopeless_log_probability: float = -1.5
    compression_ratio: float = 2.4
    compressible_characters: int = 32
    repeats: int = 4
    spoken_repeats: int = 8
    min_word_seconds: float = 0.06


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one decoding pass gave.

    Attributes:
        text: The tokens as text.
        tokens: Text tokens only, without specials.
        ended: Whether the model ended the text itself, before the cap on its tokens.
        average_log_probability: Mean per token, the end token included.
        no_speech_probability: In [0, 1].
    """

    text: str
    tokens: Sequence[int]
    ended: bool
    average_log_probability: float
    no_speech_probability: float


def loud_seconds(audio: Float32Audio, settings: GuardSettings | None = None) -> float:
    """Return for how long the audio is audible.

    This never underestimates by much: a bang does not hide quiet speech (the reference is the
    level that 5 % of the frames exceed), and steady noise counts as sound, so that in noise the
    rules that build on it stay silent.
    """
    settings = settings or GuardSettings()
    whole = len(audio) // _FRAME * _FRAME
    if whole == 0:
        return 0.0
    frames = audio[:whole].reshape(-1, _FRAME)
    power = np.einsum("ij,ij->i", frames, frames) / _FRAME
    level = 10.0 * np.log10(power + 1e-12)
    threshold = max(
        settings.silence_dbfs, float(np.percentile(level, 95)) - settings.dynamic_range_db
    )
    return float(np.count_nonzero(level > threshold)) * _FRAME / SAMPLE_RATE


def compression_ratio(text: str) -> float:
    """Return how many times smaller zlib makes a text: about 1.5 for speech, 3 and up in loops."""
    encoded = text.encode()
    return len(encoded) / len(zlib.compress(encoded)) if encoded else 0.0


@dataclass(frozen=True, slots=True)
class Loop:
    """A phrase and its copies: tokens ``start`` to ``start + size`` are the phrase itself."""

    start: int
    size: int


def find_loop(tokens: Sequence[int], *, repeats: int) -> Loop | None:
    """Find the first phrase that occurs too often in a row.

    Args:
        tokens: Any tokens.
        repeats: Copies in a row that are still fine for phrases of one to four tokens; half of them
            (at least two) for longer ones, up to 32 tokens.
    """
    count = len(tokens)
    for start in range(count):
        for size in range(1, min(32, (count - start) // 2) + 1):
            if _copies(tokens, start, size) > (repeats if size <= 4 else max(2, repeats // 2)):
                return Loop(start, size)
    return None


def _copies(tokens: Sequence[int], start: int, size: int) -> int:
    """Count how often ``tokens[start:start + size]`` occurs in a row; only whole copies count."""
    end = start + size
    while end < len(tokens) and tokens[end] == tokens[end - size]:
        end += 1
    return (end - start) // size


def defect_of(
    decoded: Decoded, *, sound_seconds: float, settings: GuardSettings | None = None
) -> Defect:
    """Say what is wrong with a pass, the gravest first.

    Args:
        decoded: The pass.
        sound_seconds: `loud_seconds` of its audio.
        settings: Thresholds.
    """
    settings = settings or GuardSettings()
    if not decoded.tokens:
        return Defect.NONE
    doubtful = decoded.average_log_probability < settings.log_probability
    if doubtful and decoded.no_speech_probability > settings.no_speech_probability:
        return Defect.NO_SPEECH
    if _loops(decoded, settings):
        return Defect.LOOP
    if not decoded.ended:
        return Defect.NO_END
    if len(decoded.text.split()) * settings.min_word_seconds > sound_seconds:
        return Defect.TOO_FAST
    return Defect.IMPROBABLE if doubtful else Defect.NONE


def worth_a_retry(defect: Defect) -> bool:
    """Whether a pass with the full encoder context may do better."""
    return defect in (Defect.LOOP, Defect.NO_END, Defect.TOO_FAST, Defect.IMPROBABLE)


def kept_tokens(decoded: Decoded, defect: Defect, settings: GuardSettings | None = None) -> int:
    """Return how many of the first tokens of a pass to keep when nothing better can be had.

    A loop is cut after the phrase's first copy. One that begins at the beginning and never ends is
    dropped whole: no speech came before it.
    """
    settings = settings or GuardSettings()
    hopeless = decoded.average_log_probability < settings.hopeless_log_probability
    match defect:
        case Defect.SILENCE | Defect.NO_SPEECH | Defect.TOO_FAST:
            return 0
        case Defect.LOOP:
            return 0 if hopeless else _before_the_loop(decoded, settings)
        case Defect.NO_END | Defect.IMPROBABLE:
            return 0 if hopeless else len(decoded.tokens)
        case Defect.NONE:
            return len(decoded.tokens)


def _before_the_loop(decoded: Decoded, settings: GuardSettings) -> int:
    # A text that compresses too well but holds no exact repetition cannot be cut anywhere.
    loop = find_loop(decoded.tokens, repeats=_allowed_repeats(decoded, settings))
    if loop is None or (loop.start == 0 and not decoded.ended):
        return 0
    return loop.start + loop.size


def _loops(decoded: Decoded, settings: GuardSettings) -> bool:
    if find_loop(decoded.tokens, repeats=_allowed_repeats(decoded, settings)) is not None:
        return True
    long = len(decoded.text) >= settings.compressible_characters
    return long and compression_ratio(decoded.text) > settings.compression_ratio


def _allowed_repeats(decoded: Decoded, settings: GuardSettings) -> int:
    return settings.spoken_repeats if decoded.ended else settings.repeats
