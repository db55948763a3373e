"""A result as one HTML page: images and style inside, no script, nothing loaded from anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from typing import Final

from benchmarks.reports.caveats import caveats, machine_text, settings_rows
from benchmarks.reports.charts import legend
from benchmarks.reports.figures import (
    Figure,
    capacity_figures,
    latency_figures,
    resource_figures,
    timeline_figures,
)
from benchmarks.reports.measures import MEASURES, Measure, distribution, observations
from benchmarks.reports.percentiles import PERCENTS, Percentile, percentile_of
from benchmarks.reports.quantities import (
    bytes_text,
    duration_text,
    ms_text,
    number_text,
    share_text,
)
from benchmarks.reports.svg import Content, Markup, join, tag
from benchmarks.reports.waterfall import (
    SLOT_NAMES,
    median_turn,
    server_stages,
    waterfall,
    worst_turn,
)
from benchmarks.results import Bound, Distribution, Result, Step, TurnRecord

__all__ = ["page", "tiles"]

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""Forbids the page every request, so that it provably works offline."""
_LISTED: Final = 100
"""Faults and failed turns that tables list; the JSON file holds them all."""


def page(result: Result) -> str:
    """The whole document."""
    title = f"Parley: {result.scenario}, {_moment(result)}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(_style())),
    )
    body = tag("body", tag("main", _head(result), *_sections(result)))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def tiles(result: Result) -> list[tuple[str, str, str]]:
    """The figures that matter most: name, value, and what to know of it."""
    totals = result.totals
    found = [("turns", f"{totals.turns:,}", f"{totals.failed_turns:,} failed")]
    for name in ("first_audible_ms", "first_audio_ms", "overhead_ms", "interrupt_silence_ms"):
        measure = next(each for each in MEASURES if each.name == name)
        if (numbers := distribution(totals, measure)).n:
            text = f"p50 {ms_text(numbers.p50)} ms, N {numbers.n:,}"
            found.append((f"{measure.title}, p95", f"{ms_text(numbers.p95)} ms", text))
    if result.knee is not None:
        limit = f"then {result.limited_by}" if result.limited_by else "no bound broke"
        found.append(("sessions at the knee", f"{result.knee:,}", limit))
    if result.sessions_per_core is not None:
        found.append(("sessions per core", number_text(result.sessions_per_core), "at the knee"))
    if totals.turns:
        text = f"in {totals.replies_with_underruns:,} of {_counted(totals.turns, 'turn', 'turns')}"
        found.append(("underruns", f"{totals.underruns:,}", text))
    if totals.wer is not None:
        found.append(("word errors", share_text(totals.wer), "of the words of all references"))
    if result.server.rss_peak_bytes is not None:
        text = "server's resident memory"
        found.append(("peak memory", bytes_text(result.server.rss_peak_bytes), text))
    return found


def _style() -> str:
    return files("benchmarks.reports").joinpath("page.css").read_text(encoding="utf-8")


def _moment(result: Result) -> str:
    return result.began_at[:16].replace("T", " ")


def _head(result: Result) -> Markup:
    state, kind = _verdict(result)
    return tag(
        "header",
        tag("h1", "Parley bench: ", result.scenario, " ", tag("span", state, class_=kind)),
        tag(
            "p",
            f"{_moment(result)} UTC, {duration_text(result.duration_s)}, ",
            f"{result.totals.sessions:,} sessions, {machine_text(result.machine)}",
            class_="sub",
        ),
        tag("pre", result.command),
    )


def _verdict(result: Result) -> tuple[str, str]:
    if result.incomplete is not None:
        return "incomplete", "badge warn"
    return ("passed", "badge good") if result.passed else ("failed", "badge bad")


def _sections(result: Result) -> Iterator[Markup]:
    yield tag("div", *(_tile(*each) for each in tiles(result)), class_="tiles")
    yield from _section("Before you believe it", [_bullets(caveats(result))])
    yield from _section("Bounds", [_bounds(result)])
    yield from _section("Latency", [_measure_table(result), *_figures(latency_figures(result))])
    yield from _section("Where the time of a turn goes", list(_turn_figures(result)))
    yield from _section("Capacity", [_steps(result), *_figures(capacity_figures(result))])
    yield from _section("Server and client over the run", _figures(resource_figures(result)))
    yield from _section(
        "Faults and errors",
        [_errors(result), *_figures(timeline_figures(result)), _failures(result), _faults(result)],
    )
    yield from _section("Traffic", [_traffic(result)])
    yield from _section("How it was measured", [_surroundings(result), _settings(result)])


def _section(title: str, content: Sequence[Content]) -> Iterator[Markup]:
    """A section, if there is anything in it."""
    if any(join(each) for each in content):
        yield tag("section", tag("h2", title), *content)


def _tile(name: str, value: str, text: str) -> Markup:
    return tag(
        "div",
        tag("div", name, class_="label"),
        tag("div", value, class_="big"),
        tag("div", text, class_="sub"),
        class_="tile",
    )


def _bullets(texts: Iterable[str]) -> Markup | None:
    rows = [tag("li", text) for text in texts]
    return tag("ul", *rows) if rows else None


def _figures(figures: Sequence[Figure]) -> list[Content]:
    """Wide figures below each other, narrow ones side by side."""
    wide: list[Content] = [_figure(figure) for figure in figures if figure.wide]
    narrow: list[Content] = [_figure(figure) for figure in figures if not figure.wide]
    return [*wide, tag("div", *narrow, class_="grid") if narrow else None]


def _figure(figure: Figure) -> Markup:
    return tag(
        "figure",
        tag("figcaption", tag("h3", figure.title), figure.legend),
        figure.chart,
        tag("p", figure.note, class_="sub") if figure.note else None,
        class_="wide" if figure.wide else None,
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[Content]], words: int = 1) -> Markup:
    """A table; the first ``words`` columns hold text, the others numbers."""
    kinds = [None if index < words else "number" for index in range(len(heads))]
    head = tag("tr", *(tag("th", *pair[:1], class_=pair[1]) for pair in zip(heads, kinds)))  # noqa: B905
    body = [
        tag("tr", *(tag("td", cell, class_=kind) for cell, kind in zip(row, kinds, strict=True)))
        for row in rows
    ]
    return tag("div", tag("table", tag("thead", head), tag("tbody", *body)), class_="scroll")


def _measure_table(result: Result) -> Markup | None:
    rows = [
        _measure_row(measure, numbers, observations(result, measure))
        for measure in MEASURES
        if (numbers := distribution(result.totals, measure)).n
    ]
    if not rows:
        return None
    heads = ["ms", "N", "min", "p50", "p90", "p95", "p99", "max", "mean"]
    note = (
        "Below a percentile: between what the true one lies with 95 %, by the number of "
        "observations alone; ? where they are too few to bound it. Percentiles are exact "
        "(nearest rank), of turns that did not fail."
    )
    return join([_table(heads, rows), tag("p", note, class_="sub")])


def _measure_row(measure: Measure, numbers: Distribution, values: Sequence[float]) -> list[Content]:
    shown = [numbers.p50, numbers.p90, numbers.p95, numbers.p99]
    known = len(values) == numbers.n  # a file without its turns still has its totals
    percentiles: list[Content] = [
        _percentile(percentile_of(values, percent)) if known else ms_text(value)
        for percent, value in zip(PERCENTS, shown, strict=True)
    ]
    name = tag("span", measure.title, title=measure.meaning)
    ends = ms_text(numbers.max), ms_text(numbers.mean)
    return [name, f"{numbers.n:,}", ms_text(numbers.min), *percentiles, *ends]


def _percentile(found: Percentile) -> Markup:
    low, high = ("?" if end is None else ms_text(end) for end in (found.low, found.high))
    known = found.low is not None or found.high is not None
    return join([ms_text(found.value), tag("small", f"{low} to {high}" if known else "?")])


def _bounds(result: Result) -> Markup | None:
    of_steps = [
        (f"{step.sessions} sessions", bound)
        for step in result.steps
        for bound in step.bounds
        if bound.broken or len(result.steps) == 1
    ]
    rows = [_bound_row(*each) for each in [*(("run", bound) for bound in result.bounds), *of_steps]]
    if not rows:
        return None
    return _table(["where", "bound", "verdict", "what", "limit", "measured"], rows, words=4)


def _bound_row(where: str, bound: Bound) -> list[Content]:
    kind = "badge bad" if bound.broken else "badge good"
    verdict = tag("span", "broken" if bound.broken else "held", class_=kind)
    measured = "-" if bound.measured is None else number_text(bound.measured)
    return [where, bound.name, verdict, bound.note, number_text(bound.limit), measured]


def _turn_figures(result: Result) -> Iterator[Content]:
    chosen = (("The median turn", median_turn(result.turns)),
              ("The slowest turn", worst_turn(result.turns)))  # fmt: skip
    for title, turn in chosen:
        if turn is not None:
            yield _figure(_turn_figure(title, turn))


def _turn_figure(title: str, turn: TurnRecord) -> Figure:
    latency = ms_text(turn.first_audio_ms)
    name = f"{title}: {latency} ms to first audio"
    said = f"“{turn.transcript or turn.utterance}”" if turn.transcript else turn.utterance
    note = f"Session {turn.session}, turn {turn.index}, {turn.kind}, {turn.codec}, {said}."
    if own := server_stages(turn):
        note = f"{note} The server's own figures: {own}."
    return Figure(name, waterfall(turn, title=name), note, legend(SLOT_NAMES), wide=True)


def _steps(result: Result) -> Markup | None:
    if len(result.steps) < 2:
        return None
    heads = ["sessions", "bounds", "turns", "failed", "refused", "p50 ms", "p95 ms", "overhead p95",
             "underruns", "lag p99 ms", "server cores", "core / session", "reply plays", "memory",
             "client cores"]  # fmt: skip
    return _table(heads, (_step_row(step) for step in result.steps), words=2)


def _step_row(step: Step) -> list[Content]:
    broken = [bound.name for bound in step.bounds if bound.broken]
    kind = "badge bad" if broken else "badge good"
    loop = None if step.loop_cores is None else tag("small", f"loop {_plain(step.loop_cores)}")
    return [
        f"{step.sessions:,}",
        [tag("span", each, class_=kind) for each in broken or ("held",)],
        f"{step.turns:,}",
        f"{step.failed_turns:,}",
        f"{step.refused:,}",
        ms_text(step.latency_ms.p50 if step.latency_ms.n else None),
        ms_text(step.latency_ms.p95 if step.latency_ms.n else None),
        ms_text(step.overhead_ms.p95 if step.overhead_ms.n else None),
        f"{step.underruns:,}",
        ms_text(step.loop_lag_p99_ms),
        join([_plain(step.server_cores), loop]),
        _plain(step.cpu_per_session),
        "-" if step.reply_share is None else share_text(step.reply_share),
        bytes_text(step.server_rss_bytes),
        _plain(step.client_cores),
    ]


def _plain(value: float | None) -> str:
    return "-" if value is None else number_text(value)


def _errors(result: Result) -> Markup | None:
    totals, server = result.totals, result.server
    counted = {
        "turns and sessions that failed, by code": totals.errors,
        "errors that the server told": server.errors,
        "refusals by the server": server.refusals,
        "turns by the server's outcome": server.turns,
    }
    rows = [[title, code, f"{count:,}"] for title, codes in counted.items()
            for code, count in codes.items()]  # fmt: skip
    plain = {
        "split turns": totals.split_turns,
        "incomplete replies": totals.incomplete_replies,
        "holes in sequence numbers": totals.sequence_gaps,
        "frames after an interruption": totals.late_frames,
        "microphone frames dropped": totals.dropped_frames,
        "frames that could not be decoded": totals.undecodable_frames,
    }
    rows += [["seen by the client", name, f"{count:,}"] for name, count in plain.items() if count]
    return _table(["counted", "code", "number"], rows, words=2) if rows else None


def _failures(result: Result) -> Markup | None:
    failed = [turn for turn in result.turns if turn.failed]
    rows = [
        [f"{turn.session}", f"{turn.index}", turn.kind, turn.utterance, turn.error_code, turn.error,
         number_text(turn.end_of_speech_s or turn.begin_s or 0.0, 5)]
        for turn in failed[:_LISTED]
    ]  # fmt: skip
    heads = ["session", "turn", "kind", "utterance", "code", "why", "at s"]
    return _details(_counted(len(failed), "failed turn"), len(failed), heads, rows)


def _faults(result: Result) -> Markup | None:
    rows = [
        [fault.kind, "" if fault.session is None else f"{fault.session}", fault.detail,
         number_text(fault.at_s, 5)]
        for fault in result.faults[:_LISTED]
    ]  # fmt: skip
    count = len(result.faults)
    heads = ["kind", "session", "detail", "at s"]
    return _details(_counted(count, "fault"), count, heads, rows)


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def _details(
    title: str, count: int, heads: Sequence[str], rows: Sequence[Sequence[Content]]
) -> Markup | None:
    if not rows:
        return None
    shown = f", the first {_LISTED}" if count > _LISTED else ""
    table = _table(heads, rows, words=len(heads) - 1)
    return tag("details", tag("summary", f"{title}{shown}"), table)


def _traffic(result: Result) -> Markup | None:
    totals = result.totals
    if not totals.bytes_up and not totals.bytes_up_per_s:
        return None
    rows = [
        ["up", bytes_text(totals.bytes_up), f"{bytes_text(totals.bytes_up_per_s)}/s"],
        ["down", bytes_text(totals.bytes_down), f"{bytes_text(totals.bytes_down_per_s)}/s"],
    ]
    return _table(["WebSocket payload", "in all", "by open session"], rows)


def _surroundings(result: Result) -> Markup:
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    server = "started by the run" if result.served else "was running"
    rows: list[list[Content]] = [
        ["began", f"{result.began_at}"],
        ["machine", machine_text(result.machine)],
        ["versions", versions],
        ["server", f"{result.url}, {server}"],
        ["its flags", tag("code", " ".join(result.server_flags))],
        ["command", tag("code", result.command)],
    ]
    return _table(["", ""], rows, words=2)


def _settings(result: Result) -> Markup | None:
    rows = [
        [name, tag("code", json.dumps(value, ensure_ascii=False, default=str))]
        for name, value in settings_rows(result.settings)
    ]
    table = _table(["setting", "value"], rows, words=2)
    return tag("details", tag("summary", "The scenario in full"), table) if rows else None
