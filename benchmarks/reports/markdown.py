"""A result as Markdown, to be pasted into a document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from benchmarks.reports.caveats import caveats, machine_text
from benchmarks.reports.measures import MEASURES, distribution
from benchmarks.reports.quantities import (
    bytes_text,
    duration_text,
    ms_text,
    number_text,
    share_text,
)
from benchmarks.results import Result, Step

__all__ = ["cell", "markdown", "table"]

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")


def markdown(result: Result) -> str:
    """The summary: what was run and where, its figures, and what limits them."""
    parts = [
        f"### {cell(result.scenario)}: {_verdict(result)}",
        _origin(result),
        _measures(result),
        _steps(result),
        _counts(result),
        "\n".join(f"- {cell(text)}" for text in caveats(result)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A table; the first ``words`` columns hold text, the others numbers. Cells come escaped."""
    rule = ["---" if index < words else "---:" for index in range(len(heads))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, rule, *rows))


def cell(text: str) -> str:
    """Any text as plain words of a document: one line, nothing of it is markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _verdict(result: Result) -> str:
    if result.incomplete is not None:
        return f"incomplete ({cell(result.incomplete)})"
    return "all bounds held" if result.passed else "a bound was broken"


def _origin(result: Result) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    fence = "`" * (1 + max(map(len, re.findall("`+", result.command)), default=0))
    return "\n".join(
        (
            f"{fence}{' '.join(result.command.split())}{fence}",
            f"on {result.began_at[:10]}, {duration_text(result.duration_s)};",
            f"{cell(machine_text(result.machine))};",
            f"{cell(versions)}.",
        )
    )


def _measures(result: Result) -> str:
    rows = [
        [
            measure.title,
            f"{found.n:,}",
            *(ms_text(value) for value in (found.p50, found.p90, found.p95, found.p99, found.max)),
        ]
        for measure in MEASURES
        if (found := distribution(result.totals, measure)).n
    ]
    return table(["ms", "N", "p50", "p90", "p95", "p99", "max"], rows) if rows else ""


def _steps(result: Result) -> str:
    if len(result.steps) < 2:
        return ""
    heads = ["sessions", "turns", "failed", "p50 ms", "p95 ms", "lag p99 ms", "server cores",
             "memory", "broken"]  # fmt: skip
    found = table(heads, (_step(step) for step in result.steps), words=0)
    return f"{found}\n\n{_knee(result)}".rstrip()


def _step(step: Step) -> list[str]:
    known = step.latency_ms.n > 0
    return [
        f"{step.sessions:,}",
        f"{step.turns:,}",
        f"{step.failed_turns:,}",
        ms_text(step.latency_ms.p50 if known else None),
        ms_text(step.latency_ms.p95 if known else None),
        ms_text(step.loop_lag_p99_ms),
        "-" if step.server_cores is None else number_text(step.server_cores),
        bytes_text(step.server_rss_bytes),
        cell(", ".join(bound.name for bound in step.bounds if bound.broken) or "-"),
    ]


def _knee(result: Result) -> str:
    if result.knee is None:
        return "" if result.steps[0].held else "Not even the first step held all bounds."
    rate = result.sessions_per_core
    per_core = "" if rate is None else f", {number_text(rate)} per core of the server"
    limit = f"; then {cell(result.limited_by)} broke" if result.limited_by else ""
    return f"Knee: {result.knee} sessions{per_core}{limit}."


def _counts(result: Result) -> str:
    return f"{'; '.join(_counted(result))}."


def _counted(result: Result) -> Iterator[str]:
    totals, server = result.totals, result.server
    yield f"{totals.turns:,} turns, {totals.failed_turns:,} failed"
    if totals.errors:
        codes = ", ".join(f"{cell(code)} {count:,}" for code, count in totals.errors.items())
        yield f"errors: {codes}"
    yield f"{totals.underruns:,} underruns, in {totals.replies_with_underruns:,} turns"
    if totals.wer is not None:
        yield f"word errors {share_text(totals.wer)}"
    if totals.sequence_gaps:
        yield f"{totals.sequence_gaps:,} holes in sequence numbers"
    if server.loop_lag_p99_ms is not None:
        yield f"loop lag p99 at most {ms_text(server.loop_lag_p99_ms)} ms"
    if server.rss_peak_bytes is not None:
        yield f"server's memory at most {bytes_text(server.rss_peak_bytes)}"
    if server.rss_slope_bytes_per_hour is not None:
        yield f"growing by {bytes_text(server.rss_slope_bytes_per_hour)} per hour"
