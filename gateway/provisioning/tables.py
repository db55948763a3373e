"""Prints results: tables on a terminal, tabs between cells elsewhere, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["print_json", "print_line", "print_table"]


def print_table(
    console: Console,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Iterable[str] = (),
    whole: Iterable[str] = (),
    title: str = "",
) -> None:
    """Print rows; where the console is no terminal, one line each, with tabs and no heading.

    Args:
        console: Where to.
        columns: Headings.
        rows: As many cells each.
        right: Columns that are set flush right.
        whole: Columns whose cells are never broken.
        title: Above it, on a terminal.
    """
    if not console.is_terminal:
        for row in rows:
            print_line(console, "\t".join(row))
        return
    flush_right, unbroken = frozenset(right), frozenset(whole)
    if title:
        console.print(title, style="bold", highlight=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(
            column,
            justify="right" if column in flush_right else "left",
            overflow="fold",
            no_wrap=column in unbroken,
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
    console.print()


def print_line(console: Console, text: str, style: str = "") -> None:
    """Print a line as it is: nothing in it is markup, and files get its tabs, unwrapped."""
    if console.is_terminal:
        console.print(text, markup=False, highlight=False, soft_wrap=True, style=style)
    else:
        console.file.write(f"{text}\n")


def print_json(console: Console, value: object) -> None:
    """Print a value as JSON, the same on a terminal and in a file."""
    print_line(console, json.dumps(value, indent=2, ensure_ascii=False))
