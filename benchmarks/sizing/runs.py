"""Measures whole sessions, by runs of `parley bench` against a server of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.load.runner import Run, serving
from benchmarks.load.scenario import Scenario, load_scenario
from benchmarks.results import Result, Step
from benchmarks.sizing.measured import MediaCost, Ramp, RampStep
from gateway.client.errors import ClientError

__all__ = ["CODECS", "measure_media", "measure_ramp"]

CODECS: Final = ("opus/16000/20", "opus/16000/60", "pcm_s16le/16000/20")
"""What devices usually speak, up and down."""

_PLENTY: Final = 64
"""Tokens of a reply at most, with real models: sentences, not stories."""


async def measure_media(
    codec: str,
    *,
    sessions: int,
    seconds: float,
    think_s: tuple[float, float] | None = None,
    follow: Callable[[Run], object],
) -> MediaCost:
    """So many sessions with engines that cost nothing: what is left is the rest of the server.

    Args:
        codec: As `audio.up` of a scenario has it.
        sessions: Few enough for the client's core.
        seconds: Measured time.
        think_s: Shortest and longest time between two turns; None is the scenario's, with which
            the agent speaks for about 30 % of the time.
        follow: Is handed the run before it begins, to show how it goes.

    Raises:
        ClientError: The server did not start, or nothing could be measured.
    """
    changes = [
        f"sessions.count={sessions}",
        "sessions.ramp=[]",
        f"sessions.duration_s={seconds}",
        "sessions.unloaded_s=0",
        *([] if think_s is None else [f"speech.think_s={json.dumps(think_s)}"]),
        f"audio.up={json.dumps([codec])}",
        "bounds.attempts=1",
        f"server.max_sessions={2 * sessions + 4}",
    ]
    result = await _run(load_scenario("capacity", changes), follow)
    step = result.steps[0]
    if step.cpu_per_session is None:
        raise ClientError("the server did not tell its processor time; it is measured on Linux")
    return MediaCost(
        codec,
        step.sessions_open,
        step.cpu_per_session,
        step.reply_share or 0.0,
        step.loop_lag_p99_ms,
        step.client_cores,
    )


async def measure_ramp(
    profile: str,
    models: Path | None,
    *,
    codec: str,
    counts: Sequence[int],
    seconds: float,
    resolution: float,
    follow: Callable[[Run], object],
) -> Ramp:
    """More and more sessions with real engines, by the bounds of the scenario ``capacity``.

    Args:
        profile: Of the models.
        models: Models file; None is Parley's.
        codec: As `audio.up` of a scenario has it.
        counts: Sessions, step by step.
        seconds: Measured time of each step; the first one, which says what unloaded means, lasts
            twice as long.
        resolution: How near the steps around the knee come, in parts; 0: as near as ``counts``.
        follow: Is handed the run before it begins.

    Raises:
        ClientError: The server did not start, or nothing could be measured.
    """
    flags = [] if models is None else ["--models", str(models.absolute())]
    changes = [
        f"sessions.ramp={json.dumps(list(counts))}",
        f"sessions.resolution={resolution}",
        f"sessions.duration_s={seconds}",
        f"sessions.unloaded_s={2 * seconds}",
        f"speech.max_tokens={_PLENTY}",
        f"audio.up={json.dumps([codec])}",
        'server.engines="real"',
        f"server.profile={json.dumps(profile)}",
        f"server.flags={json.dumps(flags)}",
        "bounds.attempts=2",
    ]
    result = await _run(load_scenario("capacity", changes), follow)
    held = next((step for step in result.steps if step.sessions == result.knee), None)
    return Ramp(
        codec,
        tuple(map(_ramp_step, result.steps)),
        result.knee,
        result.limited_by,
        (held or result.steps[-1]).reply_share or 0.0,
        result.notes,
    )


async def _run(scenario: Scenario, follow: Callable[[Run], object]) -> Result:
    async with serving(scenario) as target:
        run = Run(scenario, target, command="parley bench size")
        follow(run)
        result = await run.execute()
    if not result.steps:
        raise ClientError(f"a run ended before it measured anything: {result.incomplete}")
    return result


def _ramp_step(step: Step) -> RampStep:
    return RampStep(
        step.sessions,
        step.turns,
        step.failed_turns,
        step.latency_ms.p50,
        step.latency_ms.p95,
        step.server_cores,
        step.server_rss_bytes,
        step.engine_busy,
        tuple(bound.name for bound in step.bounds if bound.broken),
    )
