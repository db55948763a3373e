"""Looks into a server under tracemalloc: which lines hold what sessions brought.

It sees what Python and numpy allocate. What an untraced run weighs beyond that belongs to native
libraries, such as the states of codecs, and to allocators, which keep what was freed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from benchmarks.memory import traced_server
from benchmarks.memory.allocations import Site, growth
from benchmarks.memory.calls import Call, measure_calls
from benchmarks.memory.footprint import footprint
from benchmarks.memory.idle import Activity, Target, measure_idle
from gateway.client.errors import WaitExpired
from gateway.client.server_process import serve

__all__ = ["traced_calls", "traced_idle"]

_SNAPSHOT_S: Final = 120.0


async def traced_idle(
    flags: Sequence[str], activity: Activity, *, sessions: int
) -> tuple[Site, ...]:
    """What so many open sessions hold.

    Args:
        flags: Of ``parley serve``.
        activity: What each does before.
        sessions: How many.

    Raises:
        ClientError: A session was refused or lost, or the server took no snapshot.
    """
    looks: list[tracemalloc.Snapshot] = []
    async with _traced(flags) as (target, glass):

        async def weighed(count: int) -> None:
            if count in (0, sessions):
                looks.append(await glass.look())

        await measure_idle(target, activity, sessions=sessions, weighed=weighed)
    return growth(looks[0], looks[-1])


async def traced_calls(
    flags: Sequence[str], kind: Call, *, calls: int, warm_up: int, parallel: int
) -> tuple[Site, ...]:
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
    return growth(before, after)


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

    async def look(self) -> tracemalloc.Snapshot:
        """Take the next one; the server stands still meanwhile.

        Raises:
            WaitExpired: It did not come.
        """
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
        return snapshot
