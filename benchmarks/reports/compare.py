"""`parley bench compare BASE NEW`: what got better, what got worse, and what is noise."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from math import comb
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.reports.caveats import differences
from benchmarks.reports.comparison import Comparison, Side, compare_results
from benchmarks.reports.files import ResultFileError, read_result
from benchmarks.reports.markdown import cell, table
from benchmarks.reports.quantities import number_text, ratio_text
from benchmarks.results import Result
from gateway.client.commands import FAILED, USER_ERROR
from gateway.client.errors import ClientError

__all__ = ["add_arguments", "add_compare_arguments", "compare", "main", "read_group", "run"]

_FILE_WIDTH = 160
"""Characters of a line where no terminal says how many it shows."""
_STYLES = {"better": "green", "same": "dim", "noise": "yellow", "worse": "bold red"}
_FEW_ODDS = 100
"""Groups so small that chance sets more figures apart than one in so many are told."""
_FATAL = ("scenario", "setting", "processor", "cores")
_HEADS = ("figure", "base", "new", "ratio", "noise", "verdict")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command as a second word of `parley bench`."""
    parser.prog = f"{parser.prog} compare"
    parser.description = "Compare two results, or two groups of repeated runs."
    parser.add_argument("word", choices=["compare"], help=argparse.SUPPRESS)
    add_compare_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Compare, and tell what is wrong with files in one line."""
    try:
        return compare(options)
    except ClientError as error:
        print(f"parley: {error}", file=sys.stderr)
        return USER_ERROR


def add_compare_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.epilog = (
        "A folder stands for all results in it: repeated runs, whose spread is the noise. "
        "Exit codes: 0 nothing got worse, 1 something did beyond threshold and noise, "
        "2 the results cannot be compared."
    )
    parser.add_argument(
        "base", type=Path, metavar="BASE", help="result, or folder of repeated runs"
    )
    parser.add_argument("new", type=Path, metavar="NEW", help="what is judged, likewise")
    parser.add_argument(
        "--threshold",
        type=_percent,
        default=0.1,
        metavar="PERCENT",
        help="changes within it do not count (10)",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="what is beyond the threshold fails, too, where noise could explain it",
    )
    parser.add_argument(
        "--force", action="store_true", help="compare what was measured in different ways, too"
    )
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")


def compare(options: argparse.Namespace) -> int:
    """Compare; see the exit codes in the help.

    Raises:
        ResultFileError: A file holds no result, or the results are not comparable.
    """
    base, new = read_group(options.base), read_group(options.new)
    unlike = _unlike(base, new)
    _check(unlike, forced=options.force)
    found = compare_results(base, new, threshold=options.threshold)
    if not found:
        raise ResultFileError(f"{options.base} and {options.new} have no figure in common")
    notes = (*_notes(base, new), *(f"not the same: {each}" for each in unlike))
    if options.markdown:
        print(_markdown(found, notes))
    else:
        _print(found, notes)
    bad = ("worse", "noise") if options.strict else ("worse",)
    failed = any(_counts_against(each, bad) for each in found)
    return FAILED if failed else 0


def read_group(path: Path) -> tuple[Result, ...]:
    """The result in a file, or all results in a folder, sorted by name.

    Raises:
        ResultFileError: There is none, or a file is none, or their scenarios differ.
    """
    if not path.is_dir():
        return (read_result(path),)
    paths = sorted(path.glob("*.json"))
    if not paths:
        raise ResultFileError(f"{path} holds no .json file; expected results of repeated runs")
    runs = tuple(read_result(each) for each in paths)
    names = sorted({run.scenario for run in runs})
    if len(names) > 1:
        raise ResultFileError(
            f"{path} holds results of several scenarios ({', '.join(names)}); "
            "expected repeated runs of one"
        )
    return runs


def main(arguments: Sequence[str] | None = None) -> int:
    """The command on its own: ``python -m benchmarks.reports.compare``."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reports.compare", description=__doc__, allow_abbrev=False
    )
    add_compare_arguments(parser)
    return run(parser.parse_args(arguments))


def _percent(text: str) -> float:
    try:
        value = float(text.rstrip("% "))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is not a percentage from 0 to 1000")
    return value / 100


def _unlike(base: Sequence[Result], new: Sequence[Result]) -> tuple[str, ...]:
    """How any two runs of both groups differ in what was measured, and where."""
    runs = (*base, *new)
    return tuple(dict.fromkeys(text for run in runs[1:] for text in differences(runs[0], run)))


def _check(unlike: Sequence[str], *, forced: bool) -> None:
    """Refuse what no ratio can be made of: another scenario, other settings, another machine."""
    fatal = [text for text in unlike if text.startswith(_FATAL) and "seed:" not in text]
    if fatal and not forced:
        raise ResultFileError(
            f"these results are not comparable ({'; '.join(fatal)}); --force compares them anyway"
        )


def _notes(base: Sequence[Result], new: Sequence[Result]) -> tuple[str, ...]:
    found = []
    if len(base) == 1 or len(new) == 1:
        found.append(
            "a single run cannot show how far repeated runs lie apart: the noise of its latencies "
            "is that of its number of turns alone; give folders of three runs or more"
        )
    odds = comb(len(base) + len(new), len(new))
    if len(base) > 1 and len(new) > 1 and odds < _FEW_ODDS:
        found.append(
            f"with {len(base)} and {len(new)} runs, chance alone sets 1 figure in {odds} of equal "
            "groups apart as worse, if runs differ by more than the threshold; take more runs"
        )
    stopped = [run.incomplete for run in (*base, *new) if run.incomplete is not None]
    if stopped:
        found.append(f"{len(stopped)} of the runs ended early: {stopped[0]}")
    broken = [run for run in new if not run.passed]
    if broken:
        found.append(f"a bound of the scenario broke in {len(broken)} of {len(new)} new runs")
    return tuple(found)


def _counts_against(one: Comparison, bad: Sequence[str]) -> bool:
    worse = (one.ratio > 1) != one.figure.more_is_better
    return one.verdict in bad and worse


def _row(one: Comparison) -> tuple[str, ...]:
    text_of = one.figure.text_of
    noises = [side.noise for side in (one.base, one.new) if side.noise is not None]
    return (
        one.figure.name,
        f"{text_of(one.base.middle)}{_runs(one.base)}",
        f"{text_of(one.new.middle)}{_runs(one.new)}",
        ratio_text(one.ratio),
        f"{100 * max(noises):.1f} %" if noises else "unknown",
        one.verdict,
    )


def _runs(side: Side) -> str:
    return f" ({number_text(len(side.values))} runs)" if len(side.values) > 1 else ""


def _print(found: Sequence[Comparison], notes: Sequence[str]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for index, head in enumerate(_HEADS):
        shown.add_column(head, justify="left" if index in (0, 5) else "right", no_wrap=index > 0)
    for one in found:
        *cells, verdict = _row(one)
        shown.add_row(*cells, Text(verdict, style=_STYLES[verdict]))
    console.print(shown)
    for note in notes:
        console.print(f"note: {note}", style="dim", markup=False)


def _markdown(found: Sequence[Comparison], notes: Sequence[str]) -> str:
    lines = table(_HEADS, ([cell(each) for each in _row(one)] for one in found))
    return "\n".join((lines, "", *(f"- {cell(note)}" for note in notes))).rstrip()


if __name__ == "__main__":
    sys.exit(main())
