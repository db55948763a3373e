"""What a session costs that is open and does nothing: opened step by step, weighed at each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from benchmarks.memory.footprint import Footprint
from benchmarks.memory.line import line
from benchmarks.memory.trend import Trend, trend
from gateway.client.demo import bundled
from gateway.client.session import DeviceSettings, connect
from protocol.audio import AudioFormat, Encoding
from protocol.events import SessionFields

__all__ = ["SETTLE_S", "Activity", "Idle", "Target", "measure_idle", "visit"]

_SPREAD_S: Final = 0.05
"""Between two arrivals, so that nobody waits for the handshakes of a hundred others."""
SETTLE_S: Final = 1.0
"""Before each weighing, for what sessions still do."""
_STEPS: Final = 4
_TURN_S: Final = 60.0
_LISTEN_S: Final = 2.0
_FORMAT: Final = AudioFormat(Encoding.OPUS, 16_000, 60)
_UTTERANCE: Final = "hello"
_FEW_TOKENS: Final = 8


class Activity(StrEnum):
    """What a session has done before it is weighed."""

    CONNECTED = "connected"
    """Hello and welcome, with audio agreed both ways; nothing since."""
    LISTENING = "listening"
    """Its microphone sends silence without pause (Opus, 60 ms)."""
    TALKED = "talked"
    """It asked once, aloud, and heard the spoken answer; its microphone goes on."""


@dataclass(frozen=True, slots=True)
class Target:
    """The server that is weighed.

    Attributes:
        url: Its address.
        weigh: Reads its memory now.
    """

    url: str
    weigh: Callable[[], Footprint]


@dataclass(frozen=True, slots=True)
class Idle:
    """Memory of open sessions.

    Attributes:
        activity: What they had done.
        sessions: How many were open when it was weighed, ascending from none.
        resident: Resident bytes of the server with so many.
        anonymous: Anonymous bytes with so many.
    """

    activity: Activity
    sessions: tuple[int, ...]
    resident: tuple[int, ...]
    anonymous: tuple[int, ...]

    @property
    def per_session(self) -> Trend:
        """Resident bytes per session."""
        return trend(self.sessions, self.resident)

    @property
    def anonymous_per_session(self) -> Trend:
        """Anonymous bytes per session."""
        return trend(self.sessions, self.anonymous)


async def measure_idle(
    target: Target,
    activity: Activity,
    *,
    sessions: int,
    settle_s: float = SETTLE_S,
    weighed: Callable[[int], Awaitable[None]] | None = None,
) -> Idle:
    """Open so many sessions in four steps, and weigh the server before and after each.

    A few sessions come and go before that: what the first one of its kind brings into memory
    (code, caches) is not a price of every session.

    Args:
        target: The server; it must admit so many.
        activity: What each does before it is weighed.
        sessions: How many, at least 4.
        settle_s: Before each weighing.
        weighed: Called with the number of open sessions after each weighing.

    Raises:
        ClientError: A session was refused or lost, or did not get its answer.
    """
    async with _open(target.url, activity, min(sessions, 8)):
        await asyncio.sleep(settle_s)
    counts: list[int] = []
    weights: list[Footprint] = []
    async with AsyncExitStack() as stack:
        for step in range(_STEPS + 1):
            wanted = sessions * step // _STEPS
            more = wanted - (counts[-1] if counts else 0)
            await stack.enter_async_context(_open(target.url, activity, more))
            await asyncio.sleep(settle_s)
            counts.append(wanted)
            weights.append(target.weigh())
            if weighed is not None:
                await weighed(wanted)
    return Idle(
        activity,
        tuple(counts),
        tuple(each.resident for each in weights),
        tuple(each.anonymous for each in weights),
    )


@asynccontextmanager
async def _open(url: str, activity: Activity, count: int) -> AsyncIterator[None]:
    """So many sessions, ready to be weighed; they end with the context."""
    leave = asyncio.Event()
    ready: list[asyncio.Event] = [asyncio.Event() for _ in range(count)]

    async def come(place: int) -> None:
        await asyncio.sleep(place * _SPREAD_S)
        async with visit(url, activity):
            ready[place].set()
            await leave.wait()

    async with asyncio.TaskGroup() as tasks:
        for place in range(count):
            tasks.create_task(come(place), name=f"session {place}")
        try:
            for each in ready:
                await each.wait()
            yield
        finally:
            leave.set()


@asynccontextmanager
async def visit(url: str, activity: Activity) -> AsyncIterator[None]:
    """One session that has done what it shall; it is open inside, and says bye at the end.

    Raises:
        ClientError: It was refused or lost, or did not get its answer.
    """
    if activity is Activity.CONNECTED:
        async with line(url):
            yield
        return
    settings = DeviceSettings(
        url,
        microphone=_FORMAT,
        speaker=_FORMAT,
        session=SessionFields(max_tokens=_FEW_TOKENS),
        name="parley memory",
        keep_audio=False,
        open_timeout_s=_TURN_S,
    )
    async with connect(settings) as device:
        if activity is Activity.TALKED:
            spoken = device.say(bundled(_UTTERANCE), _UTTERANCE)
            await device.answered(spoken, timeout_s=_TURN_S)
        else:
            await asyncio.sleep(_LISTEN_S)
        yield
