"""The rows of the evaluation's table: what is measured, in which unit, what is to be reached."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from starter.errors import RecipeError
from starter.order import Build

__all__ = ["ROWS", "Bar", "Row", "chosen_rows"]

Unit = Literal["%", "points", "words", "of 20", "x", "x real time", "entries"]


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure to reach.

    Attributes:
        limit: In the row's unit.
        at_least: Whether more is better; else the limit must not be passed.
    """

    limit: float
    at_least: bool = False

    def is_met(self, value: float) -> bool:
        """Whether a measured value reaches it."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        """For a table."""
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        key: Its name in files and options.
        title: What people read.
        unit: Of the figure, its interval and its bars.
        measured_by: Module of `starter.evaluation` with ``measure(row, bench) -> Figure``.
        shipped: Bar of the shipped build; None where the row says nothing about it.
        measuring: Bar of the measuring build.
        digits: Decimals to show.
    """

    key: str
    title: str
    unit: Unit
    measured_by: str
    shipped: Bar | None = None
    measuring: Bar | None = None
    digits: int = 1

    def bar(self, build: Build) -> Bar | None:
        """Return what a build has to reach."""
        return self.shipped if build == "shipped" else self.measuring


def _bar(text: str) -> Bar | None:
    sign, _, number = text.partition(" ")
    return Bar(float(number), at_least=sign == "≥") if number else None


def _rows(
    measured_by: str, unit: Unit, digits: int, *lines: tuple[str, str, str, str]
) -> list[Row]:
    """Return rows of one kind, given as (key, title, bar shipped, bar measuring)."""
    return [
        Row(key, title, unit, measured_by, _bar(shipped), _bar(measuring), digits)
        for key, title, shipped, measuring in lines
    ]


ROWS: Final[tuple[Row, ...]] = (
    *_rows(
        "hearing", "%", 2,
        ("wer-new", "word error, new sentences, trained voices", "≤ 0.4", "≤ 1"),
        ("wer-templates", "word error, held-out templates", "", "≤ 5"),
        ("wer-espeak", "word error, espeak-ng voices never trained", "≤ 0.7", "≤ 5"),
        ("wer-rms", "word error, flite's rms", "≤ 0.5", "≤ 8"),
        ("wer-ked", "word error, festival's ked", "≤ 0.7", "≤ 12"),
        ("wer-shuffled", "word error, random word order", "≤ 6", "≤ 10"),
        ("wer-joined", "word error, four sentences in one utterance (10 to 27 s)", "≤ 2", ""),
        ("wer-cut", "word error, beginning cut 50 ms into the first sound", "≤ 1.5", ""),
        ("wer-white", "word error, white noise at 10 dB", "≤ 2.5", ""),
        ("wer-babble", "word error, babble at 15 dB", "≤ 1", ""),
        ("wer-mulaw", "word error, µ-law at 8 kHz", "≤ 1", ""),
        ("wer-opus", "word error, Opus at 10 kb/s", "≤ 0.5", ""),
        ("wer-room", "word error, reverberation", "≤ 1", ""),
    ),
    *_rows(
        "hearing", "points", 2,
        ("padding", "word error with 1 s of padding, less that with 30 s", "≤ 0.2", ""),
    ),
    *_rows(
        "silence", "words", 0,
        ("silence", "words heard in 10 min of silence, noise, tones, music", "≤ 0", ""),
        ("babble", "words heard in 10 min of babble", "≤ 3", ""),
    ),
    *_rows(
        "answering", "%", 1,
        ("answers-values", "right answers, values never trained", "≥ 97", ""),
        ("answers-heard", "right answers, the same asked by voice and recognised", "≥ 93", ""),
        ("answers-phrasings", "right answers, phrasings never trained", "", "≥ 92"),
        ("tools-trained", "calls of the four usual tools, trained values", "≥ 99", ""),
        ("tools-values", "calls of the four usual tools, values never trained", "≥ 95", ""),
        ("tools-json", "calls of the four usual tools that are valid JSON", "≥ 100", ""),
        ("tools-new", "calls of tools never trained", "", "≥ 60"),
    ),
    *_rows(
        "speaking", "x", 2,
        ("voice-clear", "voice, word error of pocketsphinx over that of flite's slt", "≤ 1.15", ""),
    ),
    *_rows(
        "speaking", "%", 2,
        ("voice-heard", "voice, word error of the own recognizer", "≤ 0.5", ""),
    ),
    *_rows(
        "conversing", "of 20", 0,
        ("conversation", "spoken conversation, right answers heard", "≥ 19", ""),
    ),
    *_rows(
        "speed", "x real time", 4,
        ("speed-recognizer", "speed of a final of 3 s, one core", "≤ 0.01", ""),
        ("speed-voice", "speed of the voice, one core", "≤ 0.02", ""),
    ),
    *_rows(
        "census", "entries", 0,
        ("domain-words", "words of the domain", "≥ 1500", ""),
        ("domain-templates", "templates of the domain", "≥ 900", ""),
    ),
)  # fmt: skip


def chosen_rows(build: Build, words: str | None) -> list[Row]:
    """Return the rows that say something about a build and hold one of the words.

    Args:
        build: Which bars count.
        words: Beginnings of keys or of words in titles, separated by spaces or commas. None takes
            all.

    Raises:
        RecipeError: If no row is left.
    """
    having = [row for row in ROWS if row.bar(build) is not None]
    wanted = [word.casefold() for word in (words or "").replace(",", " ").split()]
    found = [row for row in having if not wanted or _holds_one(row, wanted)]
    if not found:
        known = ", ".join(row.key for row in having)
        raise RecipeError(f"no row of the {build} build has {words!r} in it; there are {known}")
    return found


def _holds_one(row: Row, wanted: Sequence[str]) -> bool:
    words = re.findall(r"[\w']+", f"{row.key} {row.title}".casefold())
    keys = (row.key.casefold(), *words)
    return any(key.startswith(each) for key in keys for each in wanted)
