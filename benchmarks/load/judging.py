"""Which bounds held: of a step, and of a run. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.load.scenario import Bounds, Scenario
from benchmarks.results import Bound, SessionRecord, Step, Totals

__all__ = ["judge_run", "judge_step", "knee", "limited_by"]


def judge_step(step: Step, unloaded: Step, scenario: Scenario) -> tuple[Bound, ...]:
    """The scenario's limits on one step.

    Args:
        step: The step.
        unloaded: The first step of the ramp; the step itself if it is the first.
        scenario: With its bounds.
    """
    bounds = scenario.bounds
    found = [
        _failed_turns(step, bounds),
        _present(step, bounds),
        _above(
            "loop_lag_p99_ms",
            bounds.loop_lag_p99_ms,
            math.nan if step.loop_lag_p99_ms is None else step.loop_lag_p99_ms,
            "p99 of the server's loop lag, a bucket's edge",
        ),
        _above(
            "client_core",
            bounds.client_core,
            step.client_cores,
            "share of a core that the client takes: beyond, it measures itself",
        ),
        _latency(step, unloaded, bounds),
    ]
    return tuple(bound for bound in found if bound is not None)


def judge_run(
    scenario: Scenario, totals: Totals, sessions: Sequence[SessionRecord]
) -> tuple[Bound, ...]:
    """The scenario's limits on the run as a whole."""
    bounds, found = scenario.bounds, []
    if bounds.refused_excess:
        excess = max(scenario.steps) - scenario.server.max_sessions
        refused = sum(each.outcome == "refused" and each.code == 503 for each in sessions)
        others = sum(each.outcome in ("refused", "failed", "unreachable") for each in sessions)
        found += [
            Bound(
                "refused_excess",
                excess,
                refused,
                refused != excess,
                "devices refused with HTTP 503; exactly the excess is right",
            ),
            Bound(
                "refused_otherwise",
                0,
                others - refused,
                others != refused,
                "sessions refused or ended in any other way",
            ),
        ]
    if bounds.complete:
        holes = totals.sequence_gaps + totals.undecodable_frames
        found.append(
            Bound("complete", 0, holes, holes > 0, "holes in the numbering, undecodable frames")
        )
    return tuple(found)


def knee(steps: Sequence[Step]) -> int | None:
    """Most sessions of the steps before the first one that broke a bound."""
    held = None
    for step in steps:
        if not step.held:
            break
        held = step.sessions
    return held


def limited_by(steps: Sequence[Step]) -> str | None:
    """Name of the first bound that was broken."""
    return next((bound.name for step in steps for bound in step.bounds if bound.broken), None)


def _above(name: str, limit: float, measured: float, note: str) -> Bound | None:
    """A bound that must not be exceeded; what was not measured broke nothing."""
    if limit < 0:
        return None
    if math.isnan(measured):
        return Bound(name, limit, None, broken=False, note=f"{note}; not measured")
    return Bound(name, limit, measured, broken=measured > limit, note=note)


def _failed_turns(step: Step, bounds: Bounds) -> Bound | None:
    """Share of failed turns; a step without any turn says nothing good about the server."""
    if bounds.failed_turns < 0:
        return None
    if not step.turns:
        note = "no turn was over in the measured time"
        return Bound("failed_turns", bounds.failed_turns, None, broken=True, note=note)
    share = step.failed_turns / step.turns
    return _above("failed_turns", bounds.failed_turns, share, "share of the turns that failed")


def _present(step: Step, bounds: Bounds) -> Bound | None:
    """Devices that could not come, or were thrown out, leave the others a lighter step."""
    if bounds.sessions_open < 0:
        return None
    share = step.sessions_open / step.sessions
    note = "least share of the devices that are in their sessions when the step ends"
    return Bound(
        "sessions_open", bounds.sessions_open, share, share < bounds.sessions_open, note=note
    )


def _latency(step: Step, unloaded: Step, bounds: Bounds) -> Bound | None:
    first, here = unloaded.latency_ms, step.latency_ms
    ratio = here.p95 / first.p95 if first.n and here.n and first.p95 > 0 else math.nan
    note = "p95 of end of speech to first audio, to that of the first step"
    return _above("latency_ratio", bounds.latency_ratio, ratio, note)
