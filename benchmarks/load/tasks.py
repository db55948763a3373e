"""Work that runs beside other work, and whose mistakes are told instead of spreading."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias

__all__ = ["Work", "beside", "reporting"]

Work: TypeAlias = Callable[[], Awaitable[None]]
"""Called when its task has begun: what is cancelled before that leaves no coroutine behind."""


async def reporting(work: Work, name: str, crashed: Callable[[str, Exception], None]) -> None:
    """Do the work; what it raises is told to ``crashed`` with its name, and ends nothing else."""
    try:
        await work()
    except Exception as error:  # noqa: BLE001  a run goes on to its report, whatever it is
        crashed(name, error)


@asynccontextmanager
async def beside(
    works: Mapping[str, Work],
    *,
    crashed: Callable[[str, Exception], None],
) -> AsyncIterator[None]:
    """Run these by name while the context lasts; they are cancelled at its end.

    What the block raises comes out as it is.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(reporting(work, name, crashed), name=name)
                for name, work in works.items()
            ]
            try:
                yield
            finally:
                for task in running:
                    task.cancel()
    except ExceptionGroup as group:
        # The others report: this is what the block raised.
        raise group.exceptions[0] from group.exceptions[0].__cause__
