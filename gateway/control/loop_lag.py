"""How late the event loop runs its callbacks: what every session feels when something blocks it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

__all__ = ["INTERVAL_S", "measure_loop_lag"]

INTERVAL_S: Final = 0.05


async def measure_loop_lag(
    observe: Callable[[float], None],
    *,
    interval_s: float = INTERVAL_S,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Report, every ``interval_s``, by how many seconds a timer came late (0 or more).

    Runs until cancelled; cancelling loses nothing. ``clock`` and ``sleep`` are injected for tests.
    """
    while True:
        due = clock() + interval_s
        await sleep(interval_s)
        observe(max(0.0, clock() - due))
