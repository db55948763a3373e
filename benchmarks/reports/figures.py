"""The figures of a result: each one a chart with its title, its legend and how to read it.

A figure that a run has no values for is left out, so that nothing on the page is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from benchmarks.reports.charts import (
    Event,
    Frame,
    Lane,
    Limit,
    Mark,
    Range,
    Series,
    legend,
    line_chart,
    range_chart,
    timeline_chart,
)
from benchmarks.reports.measures import MEASURES, Measure, distribution, observations
from benchmarks.reports.percentiles import cumulative
from benchmarks.reports.quantities import ms_text
from benchmarks.reports.scales import Axis, axis_over, thin, time_axis
from benchmarks.reports.svg import Markup
from benchmarks.results import Bound, Distribution, Fault, Result, ServerSample, Step

__all__ = [
    "Figure",
    "capacity_figures",
    "latency_figures",
    "processor_cores",
    "resource_figures",
    "timeline_figures",
]

_MEBIBYTE: Final = float(1 << 20)
_WIDE: Final = Frame(960, 260, left=56)
_CURVES: Final = ("hang_over_ms", "final_ms", "first_audio_ms", "first_audible_ms")
_CURVE_SLOTS: Final = {name: slot for slot, name in enumerate(_CURVES, start=1)}
_PLANNED_KINDS: Final = ("disconnect", "slow_reader", "cut", "stall", "stopped")
"""Faults that scenarios and people want; a refusal may be wanted, or not."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart on the page.

    Attributes:
        title: Above it.
        chart: The image.
        note: How to read it, below it.
        legend: Names of colours, if there is more than one.
        wide: Whether it takes the page's whole width.
    """

    title: str
    chart: Markup
    note: str = ""
    legend: Markup | None = None
    wide: bool = False


def latency_figures(result: Result) -> list[Figure]:
    """How long turns waited: by measure, as curves, and over the time of the run."""
    found = [_ranges(result), _curves(result), _latency_over_time(result)]
    return [figure for figure in found if figure is not None]


def capacity_figures(result: Result) -> list[Figure]:
    """What more sessions did to the server; nothing of a run with a single step."""
    if len(result.steps) < 2:
        return []
    found = [
        _step_figure(
            result,
            "Latency of a turn, by sessions",
            "ms",
            (
                ("p95", lambda step: step.latency_ms.p95 if step.latency_ms.n else None),
                ("p50", lambda step: step.latency_ms.p50 if step.latency_ms.n else None),
            ),
            limit=_latency_limit(result),
        ),
        _step_figure(
            result,
            "Loop lag of the server, p99 not above",
            "ms",
            (("p99", lambda step: step.loop_lag_p99_ms),),
            limit=_limit(result, "loop_lag_p99_ms", "limit"),
        ),
        _step_figure(
            result,
            "Processor",
            "cores",
            (
                ("server", lambda step: step.server_cores),
                ("client", lambda step: step.client_cores),
            ),
            limit=_limit(result, "client_core", "client's limit"),
        ),
        _step_figure(
            result,
            "Failed turns",
            "%",
            (("failed", lambda step: _share(step) * 100),),
            limit=_limit(result, "failed_turns", "limit", 100),
        ),
        _step_figure(
            result,
            "Resident memory of the server",
            "MiB",
            (("server", lambda step: _mebibytes(step.server_rss_bytes)),),
        ),
        _engine_figure(result),
    ]
    hollow = "Hollow points: a bound broke there."
    broke = any(not step.held for step in result.steps)
    return [replace(figure, note=hollow) if broke else figure for figure in found]


def resource_figures(result: Result) -> list[Figure]:
    """The server and the client over the time of the run, from samples of its metrics."""
    samples = result.samples
    if len(samples) < 2:
        return []
    engines = sorted({name for sample in samples for name in (*sample.queue_jobs, *sample.busy_s)})
    found = [
        _sampled(result, "Sessions", "", {"sessions": lambda sample: sample.sessions}),
        _sampled(
            result,
            "Resident memory",
            "MiB",
            {
                "server": lambda sample: _mebibytes(sample.rss_bytes),
                "client": lambda sample: _mebibytes(sample.client_rss_bytes),
            },
        ),
        _sampled(
            result,
            "Loop lag, p99 not above",
            "ms",
            {
                "server": lambda sample: sample.loop_lag_p99_ms,
                "client": lambda sample: sample.client_lag_p99_ms,
            },
        ),
        _over_time(
            result,
            "Processor",
            "cores",
            {
                "server": processor_cores(samples, lambda sample: sample.cpu_s),
                "client": processor_cores(samples, lambda sample: sample.client_cpu_s),
            },
        ),
        _over_time(
            result,
            "Jobs that wait, by engine",
            "",
            {
                name: [(each.at_s, float(each.queue_jobs.get(name, 0))) for each in samples]
                for name in engines
            },
        ),
        _over_time(
            result,
            "Engines at work",
            "cores",
            {name: processor_cores(samples, _busy(name)) for name in engines},
        ),
    ]
    return [figure for figure in found if figure is not None]


def timeline_figures(result: Result) -> list[Figure]:
    """Faults and errors over the time of the run; nothing where there were none."""
    kinds: dict[str, list[Fault]] = {}
    for fault in result.faults:
        kinds.setdefault(fault.kind, []).append(fault)
    if not kinds:
        return []
    lanes = [
        Lane(
            kind.replace("_", " "),
            [Event(fault.at_s, _fault_text(fault)) for fault in kinds[kind]],
            1 if kind in _PLANNED_KINDS else 2,
        )
        for kind in sorted(kinds, key=lambda kind: (kind in _PLANNED_KINDS, kind))
    ]
    last = max(fault.at_s for fault in result.faults)
    chart = timeline_chart(
        lanes,
        time_axis(max(result.duration_s, last)),
        title="Faults and errors over time",
        marks=_step_marks(result),
    )
    note = "Rest on a mark to read what happened. Blue is part of the scenario; orange may not be."
    return [Figure("Faults and errors", chart, note, wide=True)]


def processor_cores(
    samples: Sequence[ServerSample], seconds: Callable[[ServerSample], float | None]
) -> list[tuple[float, float | None]]:
    """Seconds of work per second between each two samples, in the middle of the two."""
    found: list[tuple[float, float | None]] = []
    for before, after in pairwise(samples):
        begin, end, span = seconds(before), seconds(after), after.at_s - before.at_s
        known = begin is not None and end is not None and end >= begin and span > 0
        rate = (end - begin) / span if known and begin is not None and end is not None else None
        found.append(((before.at_s + after.at_s) / 2, rate))
    return found


def _ranges(result: Result) -> Figure | None:
    rows = [
        _range_row(measure, found)
        for measure in MEASURES
        if (found := distribution(result.totals, measure)).n
    ]
    if not rows:
        return None
    axis = axis_over((row.high for row in rows), unit="ms", count=8)
    chart = range_chart(rows, axis, title="Distributions of all measures")
    note = "Dot: p50. Bar: p50 to p95. Tick: p99. Line: smallest to largest. N at the right."
    return Figure("All measures", chart, note, wide=True)


def _range_row(measure: Measure, found: Distribution) -> Range:
    numbers = f"p50 {ms_text(found.p50)}, p95 {ms_text(found.p95)}, max {ms_text(found.max)} ms"
    return Range(
        measure.title,
        f"{measure.title}: {measure.meaning}. {numbers}",
        found.min,
        found.p50,
        found.p95,
        found.p99,
        found.max,
        f"N {found.n:,}",
        {"latency": 1, "interruption": 2, "playback": 3}[measure.group],
    )


def _curves(result: Result) -> Figure | None:
    known = {measure.name: measure for measure in MEASURES}
    series = [
        Series(measure.title, points, _CURVE_SLOTS[name], kind="steps")
        for name in _CURVES
        if (points := cumulative(observations(result, measure := known[name])))
    ]
    if not series:
        return None
    ends = (point[0] for one in series for point in one.points)
    x, y = axis_over(ends, unit="ms", count=8), Axis(0, 100, "%")
    chart = line_chart(series, x, y, title="Cumulative distribution of latencies", frame=_WIDE)
    note = "Share of the turns that were over within so many ms after the end of speech."
    return Figure("Latency after the end of speech", chart, note, _legend(series), wide=True)


def _latency_over_time(result: Result) -> Figure | None:
    timed = [
        (turn.end_of_speech_s, latency, turn)
        for turn in result.turns
        if not turn.failed
        and turn.end_of_speech_s is not None
        and (latency := turn.first_audio_ms) is not None
    ]
    if len(timed) < 2:
        return None
    # Of a long run the slowest and the quickest turn of each moment are drawn.
    kept = thin(sorted((at, latency) for at, latency, _ in timed))
    points = Series("first audio", kept, 1, kind="points")
    y = axis_over((latency for _, latency in kept), unit="ms", count=4)
    chart = line_chart(
        [points],
        time_axis(result.duration_s),
        y,
        title="Latency of turns over time",
        frame=_WIDE,
        marks=_step_marks(result),
    )
    note = "End of speech to first audio, one dot per turn."
    return Figure("Latency over the run", chart, note, wide=True)


def _step_figure(
    result: Result,
    title: str,
    unit: str,
    lines: Sequence[tuple[str, Callable[[Step], float | None]]],
    *,
    limit: Limit | None = None,
) -> Figure:
    """Values of each step over the number of its sessions, with the knee."""
    steps = sorted(result.steps, key=lambda step: step.sessions)
    broken = frozenset(index for index, step in enumerate(steps) if not step.held)
    series = [
        Series(
            name,
            [(step.sessions, value_of(step)) for step in steps],
            slot,
            "marked",
            broken,
            [_step_text(step, name, unit, value_of(step)) for step in steps],
        )
        for slot, (name, value_of) in enumerate(lines, start=1)
    ]
    values = [height for one in series for _, height in one.points if height is not None]
    chart = line_chart(
        series,
        Axis(0, max(1, *(step.sessions for step in steps)) * 1.03, "sessions"),
        axis_over([*values, *((limit.value,) if limit else ())], unit=unit),
        title=title,
        limits=[limit] if limit else [],
        marks=[Mark(result.knee, f"knee: {result.knee}")] if result.knee is not None else [],
    )
    return Figure(title, chart, "", _legend(series))


def _engine_figure(result: Result) -> Figure:
    engines = sorted({name for step in result.steps for name in step.engine_busy})
    lines = [(name, _step_busy(name)) for name in engines[:6]]
    return _step_figure(result, "Engines at work", "cores", lines)


def _step_busy(engine: str) -> Callable[[Step], float | None]:
    return lambda step: step.engine_busy.get(engine)


def _busy(engine: str) -> Callable[[ServerSample], float | None]:
    return lambda sample: sample.busy_s.get(engine, 0.0)


def _step_text(step: Step, name: str, unit: str, value: float | None) -> str:
    verdict = "all bounds held" if step.held else f"broken: {', '.join(_broken(step.bounds))}"
    return f"{step.sessions} sessions, {name} {ms_text(value)} {unit}, N {step.turns}; {verdict}"


def _broken(bounds: Iterable[Bound]) -> list[str]:
    return [bound.name for bound in bounds if bound.broken]


def _limit(result: Result, name: str, text: str, factor: float = 1.0) -> Limit | None:
    """The scenario's limit of that name."""
    bounds = (bound for step in result.steps for bound in step.bounds)
    found = next((bound.limit for bound in bounds if bound.name == name), None)
    return None if found is None else Limit(found * factor, text)


def _latency_limit(result: Result) -> Limit | None:
    ratio = _limit(result, "latency_ratio", "")
    unloaded = result.steps[0].latency_ms
    if ratio is None or not unloaded.n:
        return None
    return Limit(ratio.value * unloaded.p95, f"p95 of the first step × {ratio.value:g}")


def _share(step: Step) -> float:
    return step.failed_turns / step.turns if step.turns else 0.0


def _mebibytes(value: int | None) -> float | None:
    return None if value is None else value / _MEBIBYTE


def _sampled(
    result: Result, title: str, unit: str, lines: dict[str, Callable[[ServerSample], float | None]]
) -> Figure | None:
    return _over_time(
        result,
        title,
        unit,
        {
            name: [(sample.at_s, value_of(sample)) for sample in result.samples]
            for name, value_of in lines.items()
        },
    )


def _over_time(
    result: Result, title: str, unit: str, lines: dict[str, list[tuple[float, float | None]]]
) -> Figure | None:
    """Lines over the time of the run; colours go by the place in the list, known or not."""
    series = [
        Series(name, thin(known), slot)
        for slot, (name, points) in enumerate(list(lines.items())[:6], start=1)
        if (known := [(at, value) for at, value in points if value is not None])
    ]
    if not series:
        return None
    values = [height for one in series for _, height in one.points if height is not None]
    last = max(at for one in series for at, _ in one.points)
    chart = line_chart(
        series,
        time_axis(max(result.duration_s, last)),
        replace(axis_over(values, unit=unit, count=4), whole=not unit),
        title=f"{title} over time",
        marks=_step_marks(result),
    )
    return Figure(title, chart, "", _legend(series))


def _legend(series: Sequence[Series]) -> Markup | None:
    return legend((one.name, one.slot) for one in series) if len(series) > 1 else None


def _step_marks(result: Result) -> list[Mark]:
    """Faint lines where the steps of a ramp began."""
    return [Mark(step.begin_s) for step in result.steps] if len(result.steps) > 1 else []


def _fault_text(fault: Fault) -> str:
    where = "" if fault.session is None else f" (session {fault.session})"
    return f"{fault.detail or fault.kind}{where}"
