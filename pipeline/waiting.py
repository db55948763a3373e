"""Waiting with a deadline."""

from __future__ import annotations

import asyncio

__all__ = ["event_within"]


async def event_within(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, at most so long. Cancelling loses nothing."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
