"""Runs a scenario against a server: opens the devices, steps up, samples, judges, sums up.

A run always ends with a result: when the scenario is through, when a bound ends the ramp, when the
user stops it, and when the server goes away. Only what makes a run impossible (nobody answers, a
wrong key, a missing recording) is raised, before anything is measured.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.impairment.link import Cut, CutKind
from benchmarks.impairment.profiles import PROFILES
from benchmarks.impairment.relay import Relay
from benchmarks.load.clients import Records, UtteranceBank
from benchmarks.load.cores import pin
from benchmarks.load.crowd import Crowd, bank_of
from benchmarks.load.judging import judge_run, judge_step, knee, limited_by
from benchmarks.load.machine import machine, versions
from benchmarks.load.measurement import reply_share, totals, with_turns, word_errors
from benchmarks.load.orders import Plan
from benchmarks.load.ramp import next_count
from benchmarks.load.scenario import Scenario, ScenarioError
from benchmarks.load.server_metrics import (
    SAMPLE_S,
    ClientLoad,
    MetricsPage,
    Sampler,
    server_totals,
)
from benchmarks.load.tasks import Work, beside
from benchmarks.load.threads import thread_seconds
from benchmarks.load.workers import Workers
from benchmarks.report import Histogram
from benchmarks.results import Result, Step
from gateway.client.server_process import serve
from gateway.client.session import DeviceSettings, connect
from gateway.control.loop_lag import measure_loop_lag

__all__ = ["Progress", "Run", "Target", "serving"]

_CLIENT_LAG_MS: Final = 20.0
"""The client says so when it runs its own timers later than that."""
_CLIENT_CORE: Final = 0.7
_LAST_S: Final = 5.0
"""For the sessions to close, after which they are cancelled."""
_COME_S: Final = 20.0
"""For the devices of a step to be welcomed."""
_LEAVE_S: Final = 15.0
"""For those that a smaller step sends away to finish what they say."""
_LOOK_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Target:
    """The server to measure.

    Attributes:
        url: Its address.
        key: Bearer key.
        served: Whether the run started it.
        flags: With which flags.
        pid: Its process, if the run started it.
        cores: Cores that it was kept on; any if empty.
    """

    url: str
    key: str | None = None
    served: bool = False
    flags: tuple[str, ...] = ()
    pid: int | None = None
    cores: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Progress:
    """What a view shows while a run lasts.

    Attributes:
        phase: What happens now, in words.
        elapsed_s: Since the run began.
        wanted: Sessions that the step wants.
        records: Everything so far.
        steps: Steps that are over.
        sampler: The server, as it sees itself.
        load: The client.
    """

    phase: str
    elapsed_s: float
    wanted: int
    records: Records
    steps: tuple[Step, ...]
    sampler: Sampler
    load: ClientLoad


@asynccontextmanager
async def serving(
    scenario: Scenario, *, cores: frozenset[int] = frozenset()
) -> AsyncIterator[Target]:
    """Start the server that a scenario asks for; it ends with the context.

    Args:
        scenario: With the plan of its server.
        cores: Where it shall run; anywhere if empty.

    Raises:
        Unreachable: It did not start.
    """
    flags = scenario.server_flags
    async with serve(*flags) as server:
        if cores:
            pin(server.pid, cores)
        yield Target(server.url, served=True, flags=flags, pid=server.pid, cores=cores)


class Run:
    """One run of a scenario. `stop` ends it early; `execute` returns its result.

    Args:
        scenario: What to do.
        target: Where.
        command: The command line, for the result.
        processes: Over how many the devices are spread; one is this process itself.
        cores: Where client processes shall stay, one on each; anywhere if empty.
        clock: Monotonic seconds.
        sample_s: How often the server's metrics are read.
    """

    def __init__(
        self,
        scenario: Scenario,
        target: Target,
        *,
        command: str,
        processes: int = 1,
        cores: frozenset[int] = frozenset(),
        clock: Callable[[], float] = time.monotonic,
        sample_s: float = SAMPLE_S,
    ) -> None:
        self._scenario = scenario
        self._sample_s = sample_s
        self._target = target
        self._command = command
        self._processes = processes
        self._cores = cores
        self._clock = clock
        self._began_at = datetime.now(UTC)
        self._origin = clock()
        self._records = Records(self._origin, clock)
        self._load = ClientLoad()
        self._sampler = Sampler(
            target.url, self._load, origin=self._origin, clock=clock, key=target.key
        )
        self._steps: list[Step] = []
        self._present = 0
        self._random = random.Random(scenario.seed)
        self._over = asyncio.Event()
        self._incomplete: str | None = None
        self._phase = "preparing"
        self._wanted = 0
        # Real engines, or those of a server that nobody here has started, understand speech.
        self._scored = not (target.served and scenario.server.engines == "scripted")
        if not target.served:
            # What a foreign server's engines cost is not known.
            plan = replace(scenario.server, engines="real")
            self._scenario = replace(scenario, server=plan)

    @property
    def progress(self) -> Progress:
        """Where the run stands."""
        return Progress(
            self._phase,
            self._clock() - self._origin,
            self._wanted,
            self._records,
            tuple(self._steps),
            self._sampler,
            self._load,
        )

    @property
    def is_stopped(self) -> bool:
        """Whether it was told to end early."""
        return self._incomplete is not None

    def stop(self, why: str) -> None:
        """End the ramp, let turns in progress end, and report."""
        if self._incomplete is None:
            self._incomplete = why
            self._records.fault("stopped", detail=why)
        self._over.set()

    async def execute(self) -> Result:
        """Run to the end.

        Raises:
            ClientError: The run is impossible.
        """
        bank = bank_of(self._scenario)
        if self._scored:
            word_errors("a word", "a word")
        await self._knock()
        works: dict[str, Work] = {
            "metrics": partial(self._sampler.run, self._sample_s),
            "watch": self._watch,
        }
        if self._processes == 1:
            works["client lag"] = partial(measure_loop_lag, self._load.lag)
        async with (
            self._network() as url,
            self._crowd(url, bank) as crowd,
            beside(works, crashed=self._crashed),
        ):
            await self._climb(crowd)
            await self._drain(crowd)
        await self._sampler.sample()
        return self._result()

    def _crowd(self, url: str, bank: UtteranceBank) -> Crowd | Workers:
        """The devices: in this process, or in several others."""
        key, scenario = self._target.key, self._scenario
        if self._processes == 1:
            return Crowd(url, key, scenario, bank, self._records, scored=self._scored)
        cores: list[int | None] = [*sorted(self._cores)] or [None] * self._processes
        plans = [
            Plan(url, key, scenario, self._scored, self._origin, number, self._processes, core)
            for number, core in zip(range(self._processes), cores, strict=False)
        ]
        return Workers(plans, self._records, self._load, died=self._died)

    def _died(self, what: str) -> None:
        self._records.fault("client_died", detail=what)
        self.stop(what)

    def _crashed(self, name: str, error: Exception) -> None:
        """Something that runs beside the devices ended by a mistake of its own."""
        what = f"{name} crashed: {error!r}"
        self._records.fault("crashed", detail=what)
        self.stop(what)

    # -- before ---------------------------------------------------------------------------------

    async def _knock(self) -> None:
        """Open and leave one session, so that what makes a run impossible is told in one line."""
        self._phase = "knocking"
        settings = DeviceSettings(
            self._target.url,
            key=self._target.key,
            microphone=None,
            speaker=None,
            name="parley bench",
        )
        async with connect(settings):
            pass
        await self._sampler.sample()

    @asynccontextmanager
    async def _network(self) -> AsyncIterator[str]:
        """The address to connect to: the server's, or that of a bad network in front of it."""
        plan = self._scenario.network
        if not plan.profile and not plan.cut_after_s:
            yield self._target.url
            return
        name = plan.profile or "none"
        if name not in PROFILES:
            raise ScenarioError(
                f"network.profile is {name!r}; expected one of {', '.join(PROFILES)}"
            )
        cut = Cut(CutKind.RST, after_s=plan.cut_after_s) if plan.cut_after_s else None
        profile = replace(PROFILES[name], cut=cut)
        address = urlsplit(self._target.url)
        port = address.port or (443 if address.scheme == "wss" else 80)
        relay = Relay(
            address.hostname or "",
            port,
            profile,
            seed=self._scenario.seed,
            max_connections=2 * max(self._scenario.steps) + 16,
        )
        async with relay:
            yield relay.url(self._target.url)

    # -- the ramp -------------------------------------------------------------------------------

    async def _climb(self, crowd: Crowd | Workers) -> None:
        """Step by step, until the ramp is over, or a stop."""
        while (count := self._next()) is not None and not self._over.is_set():
            index = len(self._steps)
            crowd.begin(index)
            self._wanted = count
            self._phase = f"step {index + 1}: {count} devices come"
            await self._gather(count, crowd)
            await self._wait(self._scenario.sessions.settle_s)
            if self._over.is_set():
                return
            self._steps.append(await self._measured(index, count, crowd))

    def _next(self) -> int | None:
        """Devices of the next step; None after the last one."""
        scenario = self._scenario
        outcomes = [(step.sessions, step.held or not scenario.is_ramp) for step in self._steps]
        return next_count(scenario.steps, outcomes, scenario.sessions.resolution)

    async def _measured(self, index: int, count: int, crowd: Crowd | Workers) -> Step:
        """A step that held its bounds, or the last of the attempts at it."""
        attempts = self._scenario.attempts
        for attempt in range(1, attempts):
            self._phase = f"step {index + 1}: {count} devices talk"
            step = await self._measure(index, count, crowd)
            broken = [bound.name for bound in step.bounds if bound.broken]
            # Devices that could not come after so long are no noise.
            if not broken or "sessions_open" in broken or self._over.is_set():
                return step
            what = f"attempt {attempt} broke {', '.join(broken)}"
            self._records.fault("step_repeated", detail=what)
        again = f", attempt {attempts}" if attempts > 1 else ""
        self._phase = f"step {index + 1}: {count} devices talk{again}"
        return await self._measure(index, count, crowd)

    async def _gather(self, count: int, crowd: Crowd | Workers) -> None:
        """Let devices come, one after the other, or leave, until there are so many."""
        spread_s = self._scenario.sessions.spread_s
        while self._present < count and not self._over.is_set():
            crowd.come(self._present)
            self._present += 1
            await self._wait(spread_s * self._random.uniform(0.5, 1.5))
        if self._present > count:
            self._phase = f"{self._present - count} devices leave"
            while self._present > count:
                self._present -= 1
                crowd.leave(self._present)
            await crowd.gone(_LEAVE_S)
        if self._scenario.is_ramp:
            await self._welcomed(count)

    async def _welcomed(self, count: int) -> None:
        """Wait until so many sessions are open; a server may take its time, but not for ever."""
        deadline = self._clock() + _COME_S
        while self._records.open < count and self._clock() < deadline and not self._over.is_set():
            await self._wait(_LOOK_S)

    async def _measure(self, index: int, count: int, crowd: Crowd | Workers) -> Step:
        """One step, from the moment at which all of its devices are there."""
        begin = await self._mark(crowd)
        await self._wait(self._scenario.duration_s(index))
        return self._judged(self._summed_up(index, count, begin, await self._mark(crowd)))

    async def _mark(self, crowd: Crowd | Workers) -> _Mark:
        await self._sampler.sample()
        pid = self._target.pid
        return _Mark(
            self._records.now_s,
            crowd.used(),
            self._sampler.pages[-1] if self._sampler.pages else None,
            None if pid is None else thread_seconds(pid).get(pid),
        )

    def _summed_up(
        self,
        index: int,
        count: int,
        begin: _Mark,
        end: _Mark,
    ) -> Step:
        records = self._records
        span = end.at_s - begin.at_s
        step = Step(
            index,
            begin.at_s,
            end.at_s,
            count,
            sessions_open=records.open,
            refused=sum(
                each.outcome == "refused" for each in records.sessions if each.step == index
            ),
            client_cores=_busiest(begin.used, end.used),
            client_lag_p99_ms=max(
                (
                    each.client_lag_p99_ms
                    for each in self._sampler.samples
                    if each.client_lag_p99_ms is not None and begin.at_s <= each.at_s <= end.at_s
                ),
                default=None,
            ),
        )
        if begin.loop_s is not None and end.loop_s is not None and span:
            step = replace(step, loop_cores=(end.loop_s - begin.loop_s) / span)
        return _with_server(step, begin.page, end.page)

    def _judged(self, step: Step) -> Step:
        """The step with the turns that are over by now, and its bounds."""
        turns = self._records.turns
        if len(self._scenario.steps) > 1:
            # What began while devices were still coming saw less than the step's load.
            turns = [turn for turn in turns if (turn.begin_s or 0.0) >= step.begin_s]
        counted = replace(
            with_turns(step, turns), reply_share=reply_share(step, self._records.turns)
        )
        unloaded = self._steps[0] if self._steps and step.index else counted
        return replace(counted, bounds=judge_step(counted, unloaded, self._scenario))

    # -- the end --------------------------------------------------------------------------------

    async def _drain(self, crowd: Crowd | Workers) -> None:
        """Begin no further turn, and let those in progress end."""
        self._phase = "the last turns end"
        while self._present:
            self._present -= 1
            crowd.leave(self._present)
        await crowd.gone(self._scenario.sessions.drain_s + _LAST_S)
        kinds = ("device_crashed", "crashed")
        crashed = [each for each in self._records.faults if each.kind in kinds]
        if crashed:
            self._incomplete = self._incomplete or crashed[0].detail
        # A slow turn is over only now, and belongs to the step in which it began.
        for index, step in enumerate(self._steps):
            self._steps[index] = self._judged(step)

    async def _wait(self, seconds: float) -> None:
        """Sleep, but not after the run was stopped."""
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return

    async def _watch(self) -> None:
        """Stop the run when the server has gone: it answers nobody, and has dropped all devices."""
        while True:
            await self._sampler.lost.wait()
            if not self._records.open:
                break
            await asyncio.sleep(_LOOK_S)  # it is too busy to answer, and talks to them
        self._records.fault("server_gone", detail="its metrics do not answer any more")
        self.stop("the server stopped answering")

    def _result(self) -> Result:
        records, sampler = self._records, self._sampler
        duration_s = records.now_s
        summary = totals(
            records.turns,
            records.sessions,
            client_lag_p99_ms=self._load.p99_ms,
            client_cores=_client_cores(self._steps),
        )
        bounds = judge_run(self._scenario, summary, records.sessions)
        # A ramp that came near its knee from both sides is read from the left.
        steps = sorted(self._steps, key=lambda step: step.sessions)
        held = knee(steps) if self._scenario.is_ramp else None
        return Result(
            scenario=self._scenario.name,
            settings=_plain(self._scenario),
            command=self._command,
            began_at=self._began_at.isoformat(timespec="seconds"),
            duration_s=duration_s,
            machine=machine(),
            versions=versions(),
            url=self._target.url,
            served=self._target.served,
            server_flags=self._target.flags,
            server_cores=tuple(sorted(self._target.cores)),
            incomplete=self._incomplete,
            totals=summary,
            server=server_totals(sampler.pages, sampler.samples),
            steps=tuple(steps),
            turns=tuple(records.turns),
            client_processes=self._processes,
            sessions=tuple(sorted(records.sessions, key=lambda each: each.number)),
            samples=tuple(sampler.samples),
            faults=tuple(records.faults),
            knee=held,
            sessions_per_core=_sessions_per_core(steps, held),
            limited_by=limited_by(steps) if self._scenario.is_ramp else None,
            bounds=bounds,
            notes=self._notes(summary.client_lag_p99_ms, summary.turns),
            passed=self._passed(held) and not any(bound.broken for bound in bounds),
        )

    def _passed(self, held: int | None) -> bool:
        """A ramp is meant to break; it fails if not even its first step held."""
        if self._incomplete is not None:
            return False
        if self._scenario.is_ramp:
            return held is not None
        return all(step.held for step in self._steps)

    def _notes(self, lag_ms: float | None, turns: int) -> tuple[str, ...]:
        found = [] if self._sampler.note is None else [self._sampler.note]
        if lag_ms is not None and lag_ms > _CLIENT_LAG_MS:
            found.append(
                f"the client ran its own timers up to {lag_ms:.0f} ms late (p99): "
                "its latencies hold that; give it a core of its own"
            )
        if any(step.client_cores > _CLIENT_CORE for step in self._steps):
            found.append(f"the client took more than {_CLIENT_CORE:.0%} of a core: it is a limit")
        if not turns:
            found.append("no turn was over when the run ended: make it longer")
        if self._scored and self._records.turns and not _any_scored(self._records):
            found.append("word errors were not counted: pip install 'parley[bench]'")
        return tuple(found)


@dataclass(frozen=True, slots=True)
class _Mark:
    """A moment, and what had been used until then: by client processes, and by the server."""

    at_s: float
    used: tuple[tuple[float, float], ...]
    page: MetricsPage | None
    loop_s: float | None


def _busiest(begin: Sequence[tuple[float, float]], end: Sequence[tuple[float, float]]) -> float:
    """Processor seconds per second of the busiest client process."""
    return max(
        (
            (used - used_before) / (at - at_before)
            for (at_before, used_before), (at, used) in zip(begin, end, strict=False)
            if at > at_before
        ),
        default=0.0,
    )


def _with_server(step: Step, before: MetricsPage | None, after: MetricsPage | None) -> Step:
    """What the server says of a step."""
    span = step.end_s - step.begin_s
    if before is None or after is None or before is after or span <= 0:
        return step
    lag = Histogram("parley_loop_lag_seconds", before.text, after.text)
    cpu = _grown(before, after, "process_cpu_seconds_total")
    cores = None if cpu is None else cpu / span
    memory = after.value("process_resident_memory_bytes")
    busy_before = before.by_label("parley_engine_busy_seconds_total")
    busy_after = after.by_label("parley_engine_busy_seconds_total")
    return replace(
        step,
        server_cores=cores,
        cpu_per_session=cores / step.sessions_open if cores and step.sessions_open else None,
        server_rss_bytes=None if memory is None else int(memory),
        loop_lag_p99_ms=lag.not_above(99) * 1000 if lag.count else None,
        engine_busy={
            name: (seconds - busy_before.get(name, 0.0)) / span
            for name, seconds in busy_after.items()
        },
    )


def _grown(before: MetricsPage, after: MetricsPage, name: str) -> float | None:
    begin, end = before.value(name), after.value(name)
    return None if begin is None or end is None else end - begin


def _client_cores(steps: list[Step]) -> float:
    span = sum(step.end_s - step.begin_s for step in steps)
    used = sum(step.client_cores * (step.end_s - step.begin_s) for step in steps)
    return used / span if span else 0.0


def _sessions_per_core(steps: Sequence[Step], held: int | None) -> float | None:
    """Sessions at the knee by the cores that the server used for them."""
    at_knee = next((step for step in steps if step.sessions == held), None)
    if at_knee is None or not at_knee.server_cores:
        return None
    return at_knee.sessions_open / at_knee.server_cores


def _any_scored(records: Records) -> bool:
    return any(turn.wer is not None for turn in records.turns if turn.kind != "text")


def _plain(scenario: Scenario) -> Mapping[str, Any]:
    """The scenario as a TOML file would say it."""
    plain = dataclasses.asdict(scenario)
    return {
        name: {key: list(each) if isinstance(each, tuple) else each for key, each in value.items()}
        if isinstance(value, dict)
        else value
        for name, value in plain.items()
    }
