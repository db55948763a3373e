"""Word error rates of the recognizer on the test sets, decoded as a session decodes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from starter.evaluation.bench import Bench
from starter.evaluation.figures import Figure, difference, ratio
from starter.evaluation.listening import Heard, listen
from starter.evaluation.rows import Row
from starter.evaluation.test_sets import utterances
from starter.evaluation.wording import wrong_words

__all__ = ["measure", "transcripts"]

_FINE: Final = tuple(each / 10 for each in range(6, 300) if each != 16)
"""A context for every length; CTranslate2 would take one of 1.6 s for features."""


def measure(row: Row, bench: Bench) -> Figure:
    """Measure a row of word errors.

    Raises:
        RecipeError: If a voice or the recognizer is missing.
    """
    if row.key == "padding":
        return _padding(row, bench)
    heard = transcripts(row.key.removeprefix("wer-"), bench, row.title)
    errors, sizes = wrong_words(heard)
    exact = 100 * sum(error == 0 for error in errors) / len(errors)
    return ratio(row, errors, sizes, times=100, note=f"{exact:.0f} % without a fault")


def transcripts(name: str, bench: Bench, what: str, *, most: int | None = None) -> list[Heard]:
    """Return what was said in a test set, or in the first items of it, and what was heard."""
    spoken = utterances(name, bench)[:most]
    return listen(bench.models.recognizer, spoken, bench=bench, what=what)


def _padding(row: Row, bench: Bench) -> Figure:
    settings, spoken = bench.models.recognizer, utterances("new", bench)
    short = replace(settings, contexts=_FINE, pad_final_seconds=1.0)
    found = [
        wrong_words(listen(one, spoken, bench=bench, what=row.title))
        for one in (short, replace(settings, contexts="full"))
    ]
    return difference(row, found[0][0], found[1][0], found[0][1])
