"""Reading the grammar's text files: a line is one thing, `#` begins a remark."""

from __future__ import annotations

from pathlib import Path

__all__ = ["FOLDER", "read_lines", "read_table"]

FOLDER = Path(__file__).parent
"""Where the lists lie."""


def read_lines(path: Path) -> tuple[str, ...]:
    """Return the lines of a file without blanks at their ends, empty ones and remarks."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def read_table(path: Path) -> dict[str, tuple[str, ...]]:
    """Return the lists of a file: `name: a value | another value`, a list in each line.

    A list that is named again goes on; an empty value stands for nothing said.

    Raises:
        ValueError: If a line has no name, or a value comes twice in one list.
    """
    table: dict[str, tuple[str, ...]] = {}
    for line in read_lines(path):
        name, colon, values = line.partition(":")
        if not colon:
            raise ValueError(f"{path.name}: {line[:40]!r} has no name; write `name: value | value`")
        table[name] = (*table.get(name, ()), *(value.strip() for value in values.split("|")))
        if len(set(table[name])) < len(table[name]):
            twice = next(one for one in table[name] if table[name].count(one) > 1)
            raise ValueError(f"{path.name}: {name!r} has {twice!r} twice; take one away")
    return table
