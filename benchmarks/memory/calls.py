"""What finished calls leave behind: thousands of them, and the server weighed in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from benchmarks.memory.footprint import Footprint
from benchmarks.memory.idle import Activity, Target, visit
from benchmarks.memory.line import line
from benchmarks.memory.trend import Trend, trend

__all__ = ["Call", "Calls", "call", "measure_calls"]

_SETTLE_S: Final = 0.2
_QUESTION: Final = "Hello."


class Call(StrEnum):
    """What happens in a call between its hello and its bye."""

    SILENT = "silent"
    """Nothing."""
    WRITTEN = "written"
    """A typed question and a written answer."""
    VOICED = "voiced"
    """A typed question and a spoken answer, hung up on when all of it was sent."""
    SPOKEN = "spoken"
    """A spoken question and a spoken answer, heard to its end in real time."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Memory after so many calls; none is open at a weighing.

    Attributes:
        call: What happened in them.
        warm_up: Calls before the first weighing, after which caches have grown.
        calls: Calls since then, ascending from none.
        resident: Resident bytes of the server after so many.
        anonymous: Anonymous bytes after so many.
    """

    call: Call
    warm_up: int
    calls: tuple[int, ...]
    resident: tuple[int, ...]
    anonymous: tuple[int, ...]

    @property
    def per_call(self) -> Trend:
        """Resident bytes that a call leaves behind."""
        return trend(self.calls, self.resident)

    @property
    def anonymous_per_call(self) -> Trend:
        """Anonymous bytes that a call leaves behind."""
        return trend(self.calls, self.anonymous)


async def measure_calls(
    target: Target,
    kind: Call,
    *,
    calls: int,
    warm_up: int,
    parallel: int,
    every: int,
    done: Callable[[int], None] = lambda finished: None,
) -> Calls:
    """Make calls, some at a time, and weigh the server whenever ``every`` of them are over.

    Args:
        target: The server; it must admit ``parallel`` sessions.
        kind: What happens in a call.
        calls: How many are counted.
        warm_up: How many before that.
        parallel: How many at once.
        every: Calls from one weighing to the next.
        done: Told how many calls are over, warm-up included.

    Raises:
        ClientError: A call was refused or lost, or did not get its answer.
    """
    finished = 0
    counts: list[int] = []
    weights: list[Footprint] = []

    async def several(count: int) -> None:
        nonlocal finished
        places = iter(range(count))

        async def caller() -> None:
            nonlocal finished
            for _ in places:
                await call(target.url, kind)
                finished += 1
                done(finished)

        async with asyncio.TaskGroup() as tasks:
            for place in range(min(parallel, count)):
                tasks.create_task(caller(), name=f"caller {place}")

    await several(warm_up)
    for begun in range(0, calls + 1, every):
        await asyncio.sleep(_SETTLE_S)
        counts.append(finished - warm_up)
        weights.append(target.weigh())
        await several(min(every, calls - begun))
    return Calls(
        kind,
        warm_up,
        tuple(counts),
        tuple(each.resident for each in weights),
        tuple(each.anonymous for each in weights),
    )


async def call(url: str, kind: Call) -> None:
    """One call from connecting to the end.

    Raises:
        ClientError: It was refused or lost, or did not get its answer.
    """
    if kind is Call.SPOKEN:
        async with visit(url, Activity.TALKED):
            return
    async with line(url, audible=kind is Call.VOICED) as open_line:
        if kind is not Call.SILENT:
            await open_line.ask(_QUESTION)
