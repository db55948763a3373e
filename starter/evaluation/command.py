"""`python -m starter evaluate`: measures the chosen rows and prints the table."""

from __future__ import annotations

import argparse
import importlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from starter.errors import RecipeError
from starter.evaluation.bench import Bench, Models, exported_models, shipped_models
from starter.evaluation.card import CARD, keep, measured_part
from starter.evaluation.figures import Figure
from starter.evaluation.rows import Row, chosen_rows
from starter.evaluation.table import remarks, rich_table, shown
from starter.order import Build, Part

__all__ = ["evaluate", "measured"]

_NEEDED: Final[dict[str, tuple[Part, ...]]] = {
    "hearing": ("recognizer",),
    "silence": ("recognizer",),
    "answering": ("language-model",),
    "speaking": ("voice",),
    "conversing": ("recognizer", "language-model", "voice"),
    "speed": ("recognizer", "voice"),
    "census": (),
}
"""Models that a module measures."""


def evaluate(options: argparse.Namespace, console: Console) -> int:
    """Measure the models of a build, print the table, and keep the figures where that was asked.

    Args:
        options: ``build``, ``work``, ``exports``, ``short``, ``rows``, ``json`` and ``keep``.
        console: Where the table goes; progress is shown on it, too.

    Returns:
        0 if everything could be measured, whatever the figures are.

    Raises:
        RecipeError: If something that measuring needs is missing; no file is written then.
    """
    build: Build = options.build
    rows = chosen_rows(build, options.rows)
    work = options.work.absolute()
    models = _models(options, work)
    models.require(_parts(rows))
    _require_writable(work / "tests")
    if options.keep:
        measured_part(CARD.read_text(encoding="utf-8"))  # before minutes of measuring, not after
    with _errors_only("pipeline"), _Progress(console) as progress:
        portion = 0.1 if options.short else 1.0
        bench = Bench(models, build, work / "tests", portion, progress.show)
        figures = measured(rows, bench, progress.tell)
        _print(rows, figures, build, console)
        if options.json is not None:
            _write(options.json, build, figures, short=options.short)
        if options.keep:
            keep(build, figures, bench, work)
    return 0


def measured(
    rows: Sequence[Row], bench: Bench, tell: Callable[[Row, Figure], None]
) -> dict[str, Figure]:
    """Measure rows one after the other; figures by the rows' keys.

    Args:
        rows: Which.
        bench: Where.
        tell: Called with each row as soon as it is measured.
    """
    figures: dict[str, Figure] = {}
    for row in rows:
        module = importlib.import_module(f"starter.evaluation.{row.measured_by}")
        figures[row.key] = module.measure(row, bench)
        tell(row, figures[row.key])
    return figures


@contextmanager
def _errors_only(name: str) -> Iterator[None]:
    """Keep what a logger says below an error out of the progress."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


class _Progress:
    """A line that shows what is being done and how far it is; figures scroll past above it."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._progress = Progress(*columns, TimeElapsedColumn(), console=console, transient=True)
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._progress.stop()

    def show(self, what: str, done: int, all: int) -> None:
        self._progress.update(self._task, description=what, completed=done, total=all or None)

    def tell(self, row: Row, figure: Figure) -> None:
        line = f"{row.title}: {shown(row, figure.value)} {row.unit}"
        self._progress.console.print(line, style="dim", markup=False, highlight=False)


def _models(options: argparse.Namespace, work: Path) -> Models:
    if options.exports or options.build == "measuring":
        return exported_models(work, options.build)
    return shipped_models()


def _parts(rows: Sequence[Row]) -> list[Part]:
    needed = [part for row in rows for part in _NEEDED[row.measured_by]]
    if any(row.key == "answers-heard" for row in rows):
        needed.append("recognizer")
    return list(dict.fromkeys(needed))


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        message = (
            f"{folder} cannot be written ({error.strerror}); name another folder: --work FOLDER"
        )
        raise RecipeError(message) from error


def _print(
    rows: Sequence[Row], figures: Mapping[str, Figure], build: Build, console: Console
) -> None:
    console.print(rich_table(rows, figures, build))
    for remark in remarks(rows, figures):
        console.print(remark, markup=False, highlight=False)
    bars = [(bar, figures[row.key]) for row in rows if (bar := row.bar(build)) is not None]
    met = sum(bar.is_met(figure.value) for bar, figure in bars)
    console.print(f"{met} of {len(bars)} bars are met.", highlight=False)


def _write(path: Path, build: Build, figures: dict[str, Figure], *, short: bool) -> None:
    document = {
        "build": build,
        "short": short,
        "figures": [figure.document() for figure in figures.values()],
    }
    try:
        path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise RecipeError(
            f"{path} cannot be written: {error.strerror}; name another file"
        ) from error
