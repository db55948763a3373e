"""Counts the words that the recognizer hears where nobody speaks to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np

from pipeline.engines import SAMPLE_RATE, Float32Audio
from starter.evaluation.bench import Bench
from starter.evaluation.figures import Figure, count
from starter.evaluation.listening import Utterance, as_captured, listen
from starter.evaluation.rows import Row
from starter.evaluation.sounds import SOUNDS, babble, sound
from starter.evaluation.test_sets import spoken_set
from starter.evaluation.wording import plain

__all__ = ["LONGEST", "measure", "quiet_windows"]

LONGEST: Final = 12.0
"""Seconds of a window, if the recognizer reads so many at once."""

_MINUTES: Final = 10.0
_BABBLE_DB: Final = (-35.0, -18.0)
_SPEAKERS: Final = (4, 6, 8)
_VOICES: Final = 40


def measure(row: Row, bench: Bench) -> Figure:
    """Listen to 10 minutes, in pieces as long as a session's windows may be.

    Voice activity detection would keep most of it from the recognizer; here all of it is decoded.
    """
    seconds = 60 * _MINUTES * min(1.0, bench.portion)
    longest = min(LONGEST, bench.models.recognizer.window_seconds)
    if row.key == "silence":
        pieces = list(quiet_windows(seconds, longest))
    else:
        pieces = list(_babble_windows(bench, seconds, longest))
    heard = listen(bench.models.recognizer, [one for _, one in pieces], bench=bench, what=row.title)
    words: Counter[str] = Counter()
    for (kind, _), found in zip(pieces, heard, strict=True):
        words[kind] += len(plain(found.heard).split())
    guilty = ", ".join(f"{kind} {number}" for kind, number in words.items() if number)
    return count(row, words.total(), len(pieces), note=guilty)


def quiet_windows(
    seconds: float, longest: float, *, seed: int = 5
) -> Iterator[tuple[str, Utterance]]:
    """Yield (kind, window) of every kind of sound in turn, until so many seconds are full."""
    random, left = np.random.default_rng([2026, seed]), seconds
    while left > 0:
        for kind in SOUNDS:
            samples = _samples(random, longest)
            yield kind, _window(sound(kind, random, samples))
            left -= samples / SAMPLE_RATE


def _babble_windows(
    bench: Bench, seconds: float, longest: float
) -> Iterator[tuple[str, Utterance]]:
    voices = [one.speech for one in spoken_set("new", bench, most=_VOICES)]
    random, left = np.random.default_rng([2026, 6]), seconds
    while left > 0:
        for speakers in _SPEAKERS:
            samples = _samples(random, longest)
            mixed = babble(voices, random, samples, speakers=speakers)
            level = 10 ** (random.uniform(*_BABBLE_DB) / 20)
            yield f"{speakers} voices", _window(mixed * np.float32(level))
            left -= samples / SAMPLE_RATE


def _samples(random: np.random.Generator, longest: float) -> int:
    return round(random.uniform(1.0, longest) * SAMPLE_RATE)


def _window(audio: Float32Audio) -> Utterance:
    return Utterance("", as_captured(audio), len(audio))
