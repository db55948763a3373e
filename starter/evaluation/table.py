"""The table: a line for each row with bar, figure, interval, and whether the bar is reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from rich.box import SIMPLE
from rich.table import Table

from starter.evaluation.figures import Figure
from starter.evaluation.rows import Row
from starter.order import Build

__all__ = ["markdown", "remarks", "rich_table", "shown"]

_HEADINGS: Final = ("figure", "bar", "measured", "95 % interval", "n", "")


def shown(row: Row, value: float) -> str:
    """Write a value with the row's decimals; the unit stands in the bar."""
    text = f"{value:.{row.digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def rich_table(rows: Iterable[Row], figures: Mapping[str, Figure], build: Build) -> Table:
    """Return the table for a terminal."""
    table = Table(title=f"{build} build", title_justify="left", box=SIMPLE, pad_edge=False)
    for heading in _HEADINGS:
        table.add_column(heading, no_wrap=heading != "figure")
    for row in rows:
        if row.key in figures:
            cells = _cells(row, figures[row.key], build)
            table.add_row(*cells, style="bold" if cells[-1] == "missed" else None)
    return table


def remarks(rows: Iterable[Row], figures: Mapping[str, Figure]) -> list[str]:
    """Return a line for each row of which more was found than a number."""
    return [
        f"{row.title}: {figures[row.key].note}"
        for row in rows
        if row.key in figures and figures[row.key].note
    ]


def markdown(rows: Iterable[Row], figures: Mapping[str, Figure], build: Build) -> str:
    """Return the table for the model card, remarks included."""
    headings = (*_HEADINGS, "remarks")
    lines = ["| " + " | ".join(headings) + " |", "|---" * len(headings) + "|"]
    for row in rows:
        if row.key in figures:
            cells = (*_cells(row, figures[row.key], build), figures[row.key].note)
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cells(row: Row, figure: Figure, build: Build) -> tuple[str, ...]:
    bar = row.bar(build)
    interval = ""
    if figure.low is not None and figure.high is not None:
        interval = f"{shown(row, figure.low)} … {shown(row, figure.high)}"
    verdict = "" if bar is None else "met" if bar.is_met(figure.value) else "missed"
    wanted = "" if bar is None else f"{bar} {row.unit}"
    return row.title, wanted, shown(row, figure.value), interval, str(figure.items), verdict
