"""Counts the domain: words and templates that recognizer and language model share."""

from __future__ import annotations

from starter.domain.census import census
from starter.evaluation.bench import Bench
from starter.evaluation.figures import Figure, count
from starter.evaluation.rows import Row

__all__ = ["measure"]


def measure(row: Row, bench: Bench) -> Figure:
    """Count the grammar's words or templates; nothing is drawn, so there is no interval."""
    found = census()
    number = found.words if row.key == "domain-words" else found.templates
    bench.report(row.title, number, number)
    return count(row, number, number)
