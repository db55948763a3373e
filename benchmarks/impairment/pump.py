"""Carries one direction of one connection through a bad link: reads, holds back, writes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.impairment.frames import FrameCounter
from benchmarks.impairment.link import Link, LinkSchedule, slices

__all__ = ["CutReached", "Pump", "Traffic"]


class CutReached(Exception):
    """So many bytes have been passed on as the connection was given."""


@dataclass(slots=True)
class Traffic:
    """What one direction has carried; a relay adds up all its connections in one.

    Attributes:
        read: Bytes taken from senders.
        passed: Bytes handed to receivers.
        held: Bytes on the way.
        most_held: The most that ``held`` has been on one connection.
        pauses: How often a full buffer made a sender wait.
        latest_ms: How late, at worst, a slice was written: the relay's own fault, not the link's.
    """

    read: int = 0
    passed: int = 0
    held: int = 0
    most_held: int = 0
    pauses: int = 0
    latest_ms: float = 0.0


class Pump:
    """One direction of one connection.

    Args:
        read: Returns at most so many bytes as asked for, none at the end of the stream.
        write: Takes bytes, and returns when the receiver's socket has them.
        end: Passes the end of the stream on.
        link: The direction.
        schedule: When what arrives, on the running loop's clock.
        traffic: Counts.
        limit: Bytes after which `run` raises `CutReached`.
        frames: Finds the frame after which it does.
    """

    def __init__(
        self,
        read: Callable[[int], Awaitable[bytes]],
        write: Callable[[bytes], Awaitable[None]],
        end: Callable[[], None],
        *,
        link: Link,
        schedule: LinkSchedule,
        traffic: Traffic,
        limit: int | None = None,
        frames: FrameCounter | None = None,
    ) -> None:
        self.moved_at = asyncio.get_running_loop().time()
        """When bytes were last read or written."""
        self._read = read
        self._write = write
        self._end = end
        self._link = link
        self._schedule = schedule
        self._traffic = traffic
        self._left = limit
        self._frames = frames
        self._held = 0
        self._on_the_way: deque[tuple[float, bytes]] = deque()
        self._changed = asyncio.Event()
        self._clock = asyncio.get_running_loop().time

    async def run(self) -> None:
        """Carry everything until the end of the stream has been passed on.

        Cancelling it loses what is on the way.

        Raises:
            CutReached: The limit was reached; exactly so many bytes have been written.
            OSError: Whatever reading and writing raise.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._take(), name="relay take")
                tasks.create_task(self._give(), name="relay give")
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            self._traffic.held -= self._held

    async def _take(self) -> None:
        """Read while there is room; plan when each slice arrives."""
        link, traffic = self._link, self._traffic
        while True:
            if self._held >= link.buffer_bytes:
                traffic.pauses += 1
                await self._until(lambda: self._held < link.buffer_bytes)
            content = await self._read(link.buffer_bytes - self._held)
            self.moved_at = self._clock()
            for piece in slices(content, link.slice_bytes):
                self._on_the_way.append((self._arrival(len(piece)), piece))
            self._held += len(content)
            traffic.read += len(content)
            traffic.held += len(content)
            traffic.most_held = max(traffic.most_held, self._held)
            if not content:
                self._on_the_way.append((self._arrival(0), b""))
            self._changed.set()
            if not content:
                return

    async def _give(self) -> None:
        """Write each slice when it is due; an empty one is the end."""
        while True:
            await self._until(lambda: bool(self._on_the_way))
            due, piece = self._on_the_way.popleft()
            await asyncio.sleep(max(0.0, due - self._clock()))
            late = (self._clock() - due) * 1000
            self._traffic.latest_ms = max(self._traffic.latest_ms, late)
            if not piece:
                self._end()
                return
            await self._pass_on(piece)

    async def _pass_on(self, piece: bytes) -> None:
        allowed, is_last = self._allowed(piece)
        await self._write(allowed)
        self.moved_at = self._clock()
        self._traffic.passed += len(allowed)
        self._traffic.held -= len(piece)
        self._held -= len(piece)
        self._changed.set()
        if is_last:
            raise CutReached

    def _allowed(self, piece: bytes) -> tuple[bytes, bool]:
        """What of a slice may pass, and whether that is the end."""
        end = self._frames.feed(piece) if self._frames is not None else None
        if self._left is not None:
            end = min(self._left, len(piece) + 1 if end is None else end)
            self._left -= len(piece)
            end = end if end <= len(piece) else None
        return piece[:end], end is not None

    def _arrival(self, size: int) -> float:
        return self._schedule.arrival(size, self._clock())

    async def _until(self, met: Callable[[], bool]) -> None:
        """Wait for the other half; the connection's own watch bounds it."""
        while not met():
            self._changed.clear()
            await self._changed.wait()
