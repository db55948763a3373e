"""The command ``python -m benchmarks.memory``."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress, TaskID

from benchmarks.memory.allocations import Site
from benchmarks.memory.calls import Call, Calls, measure_calls
from benchmarks.memory.footprint import footprint
from benchmarks.memory.idle import SETTLE_S, Activity, Idle, Target, measure_idle
from benchmarks.memory.tracing import traced_calls, traced_idle
from benchmarks.memory.trend import Trend
from benchmarks.report import surroundings
from gateway.client.commands import FAILED, USER_ERROR
from gateway.client.errors import ClientError
from gateway.client.server_process import serve
from gateway.edge.loop import loop_factory

__all__ = ["Bar", "Report", "main"]

_DESCRIPTION: Final = """
Starts a server with scripted engines, opens sessions against it and weighs its process: what an
idle session holds, and what a finished call leaves behind. Exit codes: 0 all bars held, 1 one was
missed, 2 it could not be measured, 130 stopped.
"""
_INTERRUPTED: Final = 130
_MEGABYTE: Final = 1_000_000
_KILOBYTE: Final = 1000
_SHOWN_SITES: Final = 25


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure to reach.

    Attributes:
        name: What is measured.
        measured: In the unit.
        low: Of the interval in which it lies with 95 %.
        high: Its upper end.
        limit: It shall not be above.
        stretch: It would better not be above.
        unit: Of all of them.
    """

    name: str
    measured: float
    low: float
    high: float
    limit: float
    stretch: float
    unit: str

    @property
    def held(self) -> bool:
        """Whether the bar is reached."""
        return self.measured <= self.limit

    def __str__(self) -> str:
        """One line."""
        verdict = "missed, by less than its error" if self.low <= self.limit else "missed"
        if self.held:
            # Nobody measures a 0: a slope that cannot be told from it is one.
            reached = self.measured <= self.stretch or self.low <= self.stretch == 0
            verdict = "stretch reached" if reached else "held"
        return (
            f"{self.name:<44}{self.measured:>9.3f} {self.unit}  "
            f"[{self.low:.3f}, {self.high:.3f}]  bar {self.limit:g}, stretch {self.stretch:g}: "
            f"{verdict}"
        )


@dataclass(frozen=True, slots=True)
class Report:
    """All that was measured.

    Attributes:
        idle: Open sessions, by what they had done.
        calls: Finished calls, by what happened in them.
    """

    idle: tuple[Idle, ...]
    calls: tuple[Calls, ...]

    def bars(self) -> Iterator[Bar]:
        """Against what is to be reached."""
        for idle in self.idle:
            name = f"per idle session that {_HAS[idle.activity]}"
            yield _bar(name, idle.per_session, 0.5, 0.16, "MB", _MEGABYTE)
        for calls in self.calls:
            name = f"left by a {calls.call} call"
            yield _bar(name, calls.per_call, 0.5, 0.0, "KB", _KILOBYTE)


_HAS: Final = {
    Activity.CONNECTED: "only connected",
    Activity.LISTENING: "sends silence",
    Activity.TALKED: "has talked",
}


def _bar(name: str, slope: Trend, limit: float, stretch: float, unit: str, size: int) -> Bar:
    ends = slope.slope / size, slope.low / size, slope.high / size
    return Bar(name, *ends, limit, stretch, unit)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; see the exit codes in the help."""
    options = _parser().parse_args(arguments)
    console = Console(stderr=True, highlight=False)
    try:
        with asyncio.Runner(loop_factory=loop_factory("auto")) as runner:
            return runner.run(_measure(options, console))
    except (ClientError, BaseExceptionGroup) as error:
        cause = _first(error)
        if not isinstance(cause, ClientError):
            raise
        print(f"parley: {' '.join(str(cause).split())}", file=sys.stderr)
        return USER_ERROR
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("parley: stopped", file=sys.stderr)
        return _INTERRUPTED


def _first(error: BaseException) -> BaseException:
    """What went wrong first, out of the groups that task groups put around it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory", description=" ".join(_DESCRIPTION.split())
    )
    kinds, calls = [each.value for each in Activity], [each.value for each in Call]
    parser.add_argument("--sessions", type=_count(0), default=100, help="open at once (100)")
    parser.add_argument(
        "--activity", action="append", choices=kinds, help="of open sessions; all, if left out"
    )
    parser.add_argument("--calls", type=_count(0), default=10_000, help="counted calls (10000)")
    parser.add_argument(
        "--call", action="append", choices=calls, help="what happens in a call (silent, voiced)"
    )
    parser.add_argument("--warm-up", type=_count(0), default=1000, help="calls before (1000)")
    parser.add_argument(
        "--settle", type=float, default=SETTLE_S, metavar="S", help="before weighing sessions (1)"
    )
    parser.add_argument("--parallel", type=_count(1), default=20, help="calls at once (20)")
    parser.add_argument("--every", type=_count(1), default=200, help="calls between weighings")
    parser.add_argument(
        "--quick", action="store_true", help="40 sessions and 1000 calls: a first look"
    )
    parser.add_argument(
        "--server",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="a setting of the server, e.g. turn.vad=webrtc; may be repeated",
    )
    parser.add_argument(
        "--trace",
        action="store_true",
        help="measure no bars, but print the lines of code that hold the memory (slow)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the measurements there")
    return parser


def _count(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is no whole number from {least} on")
        return int(text)

    return parse


async def _measure(options: argparse.Namespace, console: Console) -> int:
    if options.quick:
        options.sessions, options.calls = min(options.sessions, 40), min(options.calls, 1000)
        options.warm_up, options.every = min(options.warm_up, 300), min(options.every, 50)
    if options.calls and options.every > options.calls // 2:
        raise ClientError(
            f"--every {options.every} leaves too few weighings of {options.calls} calls; "
            "expected at most half of them"
        )
    if not options.calls and not options.sessions:
        raise ClientError("--sessions 0 --calls 0 leaves nothing to measure")
    if 0 < options.sessions < 4:
        raise ClientError(f"--sessions {options.sessions} is too few for a slope; take 4 or more")
    activities = tuple(Activity(each) for each in options.activity or Activity)
    kinds = tuple(Call(each) for each in options.call or (Call.SILENT, Call.VOICED))
    if options.trace:
        return await _trace(options, activities, kinds, console)
    report = await _weigh(options, activities, kinds, console)
    _print(report)
    if options.json is not None:
        document = {**surroundings(), **asdict(report)}
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0 if all(bar.held for bar in report.bars()) else FAILED


# -- against the bars ---------------------------------------------------------------------------


async def _weigh(
    options: argparse.Namespace,
    activities: Sequence[Activity],
    kinds: Sequence[Call],
    console: Console,
) -> Report:
    """Each kind against a server of its own, so that none inherits another one's heap."""
    idle: list[Idle] = []
    calls: list[Calls] = []
    hidden = not console.is_terminal
    with Progress(console=console, transient=True, disable=hidden) as progress:
        for activity in activities if options.sessions else ():
            task = progress.add_task(f"{activity} sessions", total=options.sessions)

            async def weighed(count: int, task: TaskID = task) -> None:
                progress.update(task, completed=count)

            async with _served(options) as target:
                idle.append(
                    await measure_idle(target, activity, sessions=options.sessions, weighed=weighed)
                )
        for kind in kinds if options.calls else ():
            task = progress.add_task(f"{kind} calls", total=options.warm_up + options.calls)
            async with _served(options) as target:
                calls.append(
                    await measure_calls(
                        target,
                        kind,
                        calls=options.calls,
                        warm_up=options.warm_up,
                        parallel=options.parallel,
                        every=options.every,
                        done=partial(_advance, progress, task),
                    )
                )
    return Report(tuple(idle), tuple(calls))


def _flags(options: argparse.Namespace) -> list[str]:
    """Of a server with scripted engines that cost nothing."""
    admitted = 2 * max(options.sessions, options.parallel) + 20
    flags = ["--engines", "scripted", "--max-sessions", str(admitted)]
    for name in ("stt_ms", "llm_ms", "tts_ms"):
        flags += ["--set", f"engines.{name}=0"]
    for setting in options.server:
        flags += ["--set", setting]
    return flags


def _advance(progress: Progress, task: TaskID, completed: int) -> None:
    progress.update(task, completed=completed)


@asynccontextmanager
async def _served(options: argparse.Namespace) -> AsyncIterator[Target]:
    async with serve(*_flags(options)) as server:
        yield Target(server.url, lambda: footprint(server.pid))


def _print(report: Report) -> None:
    for name, value in surroundings().items():
        print(f"{name}: {value}")
    print()
    for idle in report.idle:
        empty = idle.resident[0] / _MEGABYTE
        print(
            f"{idle.activity}: {empty:.1f} MB before, {idle.resident[-1] / _MEGABYTE:.1f} MB with "
            f"{idle.sessions[-1]} sessions; anonymous memory per session "
            f"{idle.anonymous_per_session.slope / _MEGABYTE:.3f} MB"
        )
    for calls in report.calls:
        print(
            f"{calls.call}: {calls.resident[0] / _MEGABYTE:.1f} MB after {calls.warm_up} calls, "
            f"{calls.resident[-1] / _MEGABYTE:.1f} MB after {calls.calls[-1]} more; anonymous "
            f"memory per call {calls.anonymous_per_call.slope / _KILOBYTE:.3f} KB"
        )
    print()
    for bar in report.bars():
        print(bar)


# -- where it is --------------------------------------------------------------------------------


async def _trace(
    options: argparse.Namespace,
    activities: Sequence[Activity],
    kinds: Sequence[Call],
    console: Console,
) -> int:
    flags = _flags(options)
    for activity in activities if options.sessions else ():
        with console.status(f"tracing {activity} sessions ..."):
            grown = await traced_idle(flags, activity, sessions=options.sessions)
        print(f"\n{activity}: per session, of {options.sessions}")
        _print_sites(grown, options.sessions)
    for kind in kinds if options.calls else ():
        with console.status(f"tracing {kind} calls ..."):
            grown = await traced_calls(
                flags,
                kind,
                calls=options.calls,
                warm_up=options.warm_up,
                parallel=options.parallel,
            )
        print(f"\n{kind}: left per call, of {options.calls}")
        _print_sites(grown, options.calls)
    return 0


def _print_sites(sites: Sequence[Site], count: int) -> None:
    total = sum(site.size for site in sites)
    print(f"  {total / count:,.0f} bytes of Python's and numpy's")
    print(f"  {'bytes':>9}{'blocks':>8}  where, and through which line of Parley's")
    for site in sites[:_SHOWN_SITES]:
        through = f"  < {site.through}" if site.through else ""
        print(f"  {site.size / count:>9,.0f}{site.blocks / count:>8.1f}  {site.where}{through}")


if __name__ == "__main__":
    sys.exit(main())
