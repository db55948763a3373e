"""The comparison as a table for the terminal, as Markdown and as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.peers.figures import BARS, FIGURES, Figure, PeerResult, judge, median, ratio
from benchmarks.peers.servers import PARLEY
from benchmarks.peers.terms import Terms
from benchmarks.results import Machine

__all__ = ["Comparison", "document", "markdown", "rendered", "write"]

VERSION: Final = 1
"""Of the JSON file."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that was found.

    Attributes:
        at: Date and time, ISO 8601.
        command: That was run.
        machine: Where.
        pinned: Which cores, in words.
        terms: Of the conversations.
        runs: Of each peer.
        results: By peer, Parley first.
        incomplete: Why it ended early; empty: it did not.
    """

    at: str
    command: str
    machine: Machine
    pinned: str
    terms: Terms
    runs: int
    results: Mapping[str, PeerResult]
    incomplete: str = ""


def _cell(result: PeerResult, own: PeerResult | None, figure: Figure) -> str:
    value = median(result, figure.id)
    if value is None:
        return "–"
    text = f"{value:.{figure.digits}f}"
    if own is None or result.name == PARLEY:
        return text
    part = ratio(result, own, figure.id)
    return text if part is None else f"{text} ({_times(part)} ×)"


def _times(part: float) -> str:
    return f"{part:.0f}" if part >= 100 else f"{part:.2g}"


def _rows(found: Comparison) -> Iterator[tuple[Figure, list[str]]]:
    own = found.results.get(PARLEY)
    for figure in FIGURES:
        cells = [_cell(result, own, figure) for result in found.results.values()]
        if any(cell != "–" for cell in cells):
            yield figure, cells


def _title(figure: Figure) -> str:
    return f"{figure.title}, {figure.unit}" if figure.unit else figure.title


def _bars(found: Comparison) -> Iterator[tuple[str, str, str, str]]:
    """What is to be reached: title, value, bar and stretch, verdict."""
    for bar in BARS:
        value, verdict = judge(bar, found.results, PARLEY)
        sign = "≥" if bar.is_least else "≤"
        wanted = f"{sign} {bar.bar:g} {bar.unit}; {sign} {bar.stretch:g}"
        shown = "–" if value is None else f"{value:.2f} {bar.unit}"
        yield bar.title, shown, wanted, verdict


def _remarks(found: Comparison) -> Iterator[str]:
    if found.incomplete:
        yield f"incomplete: {found.incomplete}"
    for result in found.results.values():
        if result.missing:
            yield f"{result.name}: {result.missing}"
        counts = {note: list(result.notes).count(note) for note in result.notes}
        yield from (
            f"{result.name}: {note}" + (f" ({times} runs)" if times > 1 else "")
            for note, times in counts.items()
        )


def _setting(found: Comparison) -> Iterator[str]:
    terms, machine = found.terms, found.machine
    load = "" if machine.load_average is None else f", load {machine.load_average:.1f}"
    yield f"{found.at}; {machine.processor}, {machine.cores} cores, {machine.system}{load}"
    yield f"{found.pinned}; medians of {found.runs} alternating runs; ratios are to Parley's"
    yield (
        f"PCM 16 kHz, 20 ms frames; hang-over {terms.silence_ms} ms; recognizer, language model "
        f"and voice take {terms.stt_ms}, {terms.llm_ms} and {terms.tts_ms} ms; replies of "
        f"{terms.reply_s:.1f} s for {terms.reply_share:.0%} of the time"
    )


def _versions(found: Comparison) -> Iterator[str]:
    for result in found.results.values():
        if result.versions:
            listed = ", ".join(f"{name} {version}" for name, version in result.versions.items())
            yield f"{result.name}: {listed}"


def rendered(found: Comparison) -> RenderableType:
    """For the terminal."""
    table = Table(title="Side by side", title_justify="left")
    table.add_column("")
    for result in found.results.values():
        heading = f"{result.name}\n[dim]not run[/]" if not result.runs else result.name
        table.add_column(heading, justify="right")
    for figure, cells in _rows(found):
        table.add_row(_title(figure), *cells)
    bars = Table(title="What Parley wants to reach", title_justify="left")
    for column in ("", "found", "bar; stretch", ""):
        bars.add_column(column)
    colours = {"missed": "red", "bar": "green", "stretch": "bold green"}
    for title, value, wanted, verdict in _bars(found):
        bars.add_row(title, value, wanted, Text(verdict, style=colours.get(verdict, "dim")))
    lines = [*_setting(found), *_remarks(found)]
    return Group(table, bars, *(Text(line, style="dim") for line in lines))


def markdown(found: Comparison) -> str:
    """For a README."""
    names = list(found.results)
    lines = [
        "\n".join(_setting(found)),
        "",
        _line(["", *names]),
        _line(["---", *("---:" for _ in names)]),
        *(_line([_title(figure), *cells]) for figure, cells in _rows(found)),
        "",
        _line(["", "found", "bar; stretch", "reached"]),
        _line(["---", "---:", "---", "---"]),
        *(_line(list(row)) for row in _bars(found)),
        "",
        *(f"- {remark}" for remark in _remarks(found)),
        *(f"- {versions}" for versions in _versions(found)),
        "",
        f"Command: `{found.command}`",
    ]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def document(found: Comparison) -> dict[str, Any]:
    """As JSON; the medians and ratios stand beside what they come from."""
    own = found.results.get(PARLEY)
    medians = {
        figure.id: {
            name: {
                "median": median(result, figure.id),
                "to_parley": None if own is None else ratio(result, own, figure.id),
            }
            for name, result in found.results.items()
            if median(result, figure.id) is not None
        }
        for figure in FIGURES
    }
    bars = [
        {"title": title, "found": value, "wanted": wanted, "verdict": verdict}
        for title, value, wanted, verdict in _bars(found)
    ]
    return {
        "version": VERSION,
        **{
            each.name: getattr(found, each.name)
            for each in dataclasses.fields(found)
            if each.name not in ("machine", "terms", "results")
        },
        "machine": dataclasses.asdict(found.machine),
        "terms": dataclasses.asdict(found.terms),
        "figures": [dataclasses.asdict(figure) for figure in FIGURES],
        "results": {
            name: {
                "title": result.title,
                "versions": dict(result.versions),
                "missing": result.missing,
                "runs": [dict(run) for run in result.runs],
                "notes": list(result.notes),
            }
            for name, result in found.results.items()
        },
        "medians": medians,
        "bars": bars,
    }


def write(found: Comparison, path: Path) -> tuple[Path, Path]:
    """Write the JSON, and the Markdown beside it.

    Raises:
        OSError: They cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document(found), indent=2) + "\n", encoding="utf-8")
    beside = path.with_suffix(".md")
    beside.write_text(markdown(found), encoding="utf-8")
    return path, beside
