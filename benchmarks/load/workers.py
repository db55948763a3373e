"""Devices in several processes, for more of them than one core can be: the side of the run.

Every process has the places whose number by that of the processes leaves its own, so that the same
devices do the same things however many processes there are.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, Self

from benchmarks.load.clients import Records
from benchmarks.load.orders import Order, Plan, Report, receive, send
from benchmarks.load.server_metrics import ClientLoad
from benchmarks.load.tasks import reporting
from gateway.client.errors import ClientError

__all__ = ["Workers"]

_START_S: Final = 60.0
_SLACK_S: Final = 5.0
_END_S: Final = 5.0
_SEND_LIMIT: Final = 64 * 1024 * 1024


@dataclass(slots=True)
class _Process:
    """One client process, as far as it has reported."""

    number: int
    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    latest: Report | None = None
    asked: int = 0
    dead: bool = False


class Workers:
    """As `benchmarks.load.crowd.Crowd`, in processes of their own.

    Args:
        plans: What each of them shall do.
        records: Where what they report is put together.
        load: Told the lateness of their timers.
        died: Called with one line if a process ends before its time.
    """

    def __init__(
        self,
        plans: Sequence[Plan],
        records: Records,
        load: ClientLoad,
        *,
        died: Callable[[str], None],
    ) -> None:
        self._plans = plans
        self._records = records
        self._load = load
        self._died = died
        self._tasks = asyncio.TaskGroup()
        self._processes: list[_Process] = []
        self._changed = asyncio.Event()
        self._ending = False

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        try:
            for plan in self._plans:
                self._processes.append(await _start(plan))
            for each in self._processes:
                name = f"client process {each.number + 1}"
                self._tasks.create_task(
                    reporting(partial(self._hear, each), name, self._crashed), name=name
                )
            await self._until(lambda each: each.latest is not None, _START_S)
            if any(each.latest is None for each in self._processes):
                raise ClientError("the client processes did not start; see what they said above")
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._end()

    async def _end(self) -> None:
        self._ending = True
        for each in self._processes:
            each.writer.close()
        for each in self._processes:
            try:
                async with asyncio.timeout(_END_S):
                    await each.process.wait()
            except TimeoutError:
                with suppress(ProcessLookupError):
                    each.process.kill()
                await each.process.wait()
        await self._tasks.__aexit__(None, None, None)

    # -- what a crowd does ----------------------------------------------------------------------

    def begin(self, step: int) -> None:
        """Turns that begin from now on belong to this step."""
        for each in self._processes:
            self._order(each, "begin", step)

    def come(self, place: int) -> None:
        """Let the device of a place come."""
        self._order(self._of(place), "come", place)

    def leave(self, place: int) -> None:
        """Let the device of a place leave after its turn."""
        self._order(self._of(place), "leave", place)

    async def gone(self, timeout_s: float) -> None:
        """Wait until those that were told to leave have left; later ones are cancelled."""
        for each in self._processes:
            each.asked += 1
            self._order(each, "gone", timeout_s)
        await self._until(
            lambda each: each.latest is not None and each.latest.gone >= each.asked,
            timeout_s + _SLACK_S,
        )

    def used(self) -> tuple[tuple[float, float], ...]:
        """Of each process when it last reported, and its processor seconds until then."""
        known = [each.latest for each in self._processes if each.latest is not None]
        return tuple((report.at, report.cpu_s) for report in known)

    # -- the processes --------------------------------------------------------------------------

    def _of(self, place: int) -> _Process:
        return self._processes[place % len(self._processes)]

    def _order(
        self, each: _Process, kind: Literal["begin", "come", "leave", "gone"], value: float
    ) -> None:
        if not each.dead:
            send(each.writer, Order(kind, value))

    async def _until(self, met: Callable[[_Process], bool], timeout_s: float) -> None:
        """Wait until it is true of every process that lives."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not all(each.dead or met(each) for each in self._processes):
                    self._changed.clear()
                    await self._changed.wait()

    async def _hear(self, each: _Process) -> None:
        """Take what a process reports, until it is gone."""
        while (report := await receive(each.reader)) is not None:
            self._take(each, report)
        each.dead = True
        self._changed.set()
        if not self._ending:
            code = await each.process.wait()
            self._died(f"client process {each.number + 1} died with exit code {code}")

    def _take(self, each: _Process, report: Report) -> None:
        each.latest = report
        records = self._records
        records.turns += report.turns
        records.sessions += report.sessions
        records.faults += report.faults
        records.open = sum(
            other.latest.open for other in self._processes if other.latest and not other.dead
        )
        for lag in report.lags_s:
            self._load.lag(lag)
        self._load.others[each.number] = (report.cpu_s, report.rss_bytes or 0)
        self._changed.set()

    def _crashed(self, name: str, error: Exception) -> None:
        self._died(f"what {name} reports was not understood: {error!r}")


async def _start(plan: Plan) -> _Process:
    here, there = socket.socketpair()
    with there:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "benchmarks.load.worker",
            str(there.fileno()),
            pass_fds=(there.fileno(),),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": _same_code()},
            # Ctrl-C goes to the whole group of the terminal: the run decides when devices leave.
            start_new_session=True,
        )
    reader, writer = await asyncio.open_connection(sock=here, limit=_SEND_LIMIT)
    send(writer, plan)
    return _Process(plan.number, process, reader, writer)


def _same_code() -> str:
    """A path on which another process finds this code, from wherever it was imported here."""
    here: Any = str(Path(__file__).parents[2])
    return os.pathsep.join(path for path in (here, os.environ.get("PYTHONPATH", "")) if path)
