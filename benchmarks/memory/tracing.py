"""Looks into a server under tracemalloc: which lines hold what sessions brought."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.memory import traced_server
from benchmarks.memory.allocations import Site, growth
from benchmarks.memory.calls import Call, measure_calls
from benchmarks.memory.footprint import footprint
from benchmarks.memory.idle import Activity, Target, measure_idle
from gateway.client.errors import WaitExpired
from gateway.client.server_process import serve

__all__ = ["Growth", "traced_calls", "traced_idle"]

_SNAPSHOT_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Growth:
    """What a server holds more than before.

    Attributes:
        sites: By line, the largest first.
        resident: Resident bytes, what tracing itself takes included.
        native: Resident bytes without what tracemalloc saw and took: native libraries, and what
            the allocators keep.
    """

    sites: tuple[Site, ...]
    resident: int
    native: int


@dataclass(frozen=True, slots=True)
class _Look:
    """A snapshot, and the resident bytes and those of tracemalloc itself at it."""

    snapshot: tracemalloc.Snapshot
    resident: int
    overhead: int


async def traced_idle(flags: Sequence[str], activity: Activity, *, sessions: int) -> Growth:
    """What so many open sessions hold.

    Args:
        flags: Of ``parley serve``.
        activity: What each does before.
        sessions: How many.

    Raises:
        ClientError: A session was refused or lost, or the server took no snapshot.
    """
    looks: list[_Look] = []
    async with _traced(flags) as (target, glass):

        async def weighed(count: int) -> None:
            if count in (0, sessions):
                looks.append(await glass.look())

        await measure_idle(target, activity, sessions=sessions, weighed=weighed)
    return _grown(looks[0], looks[-1])


async def traced_calls(
    flags: Sequence[str], kind: Call, *, calls: int, warm_up: int, parallel: int
) -> Growth:
    """What so many finished calls leave behind.

    Args:
        flags: Of ``parley serve``.
        kind: What happens in them.
        calls: How many, between both snapshots.
        warm_up: How many before.
        parallel: How many at once.

    Raises:
        ClientError: A call was refused or lost, or the server took no snapshot.
    """
    async with _traced(flags) as (target, glass):
        await measure_calls(target, kind, calls=0, warm_up=warm_up, parallel=parallel, every=1)
        before = await glass.look()
        await measure_calls(target, kind, calls=0, warm_up=calls, parallel=parallel, every=1)
        after = await glass.look()
    return _grown(before, after)


def _grown(before: _Look, after: _Look) -> Growth:
    sites = growth(before.snapshot, after.snapshot)
    resident = after.resident - before.resident
    seen = sum(site.size for site in sites) + after.overhead - before.overhead
    return Growth(sites, resident, resident - seen)


@asynccontextmanager
async def _traced(flags: Sequence[str]) -> AsyncIterator[tuple[Target, _Glass]]:
    with tempfile.TemporaryDirectory() as name:
        environment = ((traced_server.FOLDER, name),)
        module = traced_server.__name__
        async with serve(*flags, module=module, environment=environment) as server:
            target = Target(server.url, lambda: footprint(server.pid))
            yield target, _Glass(Path(name), server.pid)


class _Glass:
    """Asks a traced server for snapshots."""

    def __init__(self, folder: Path, pid: int) -> None:
        self._folder = folder
        self._pid = pid
        self._taken = 0

    async def look(self) -> _Look:
        """Take the next one; the server stands still meanwhile.

        Raises:
            WaitExpired: It did not come.
        """
        resident = footprint(self._pid).resident
        self._taken += 1
        path = traced_server.snapshot_path(self._folder, self._taken)
        os.kill(self._pid, signal.SIGUSR1)
        try:
            async with asyncio.timeout(_SNAPSHOT_S):
                while not path.exists():  # noqa: ASYNC110  another process
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise WaitExpired(f"the server took no snapshot within {_SNAPSHOT_S:g} s") from None
        snapshot = tracemalloc.Snapshot.load(str(path))
        path.unlink()
        return _Look(snapshot, resident, traced_server.overhead(path))
