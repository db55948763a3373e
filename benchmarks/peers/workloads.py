"""What is done to a server, and what it cost: each workload is the same for every peer.

All of them start from a server without sessions and leave it so.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Final

from benchmarks.peers.device import Device, device
from benchmarks.peers.servers import Server
from benchmarks.peers.speech import Utterance, utterances
from benchmarks.peers.terms import Terms
from benchmarks.peers.turns import Interruption, Turn, interruptions, turns
from benchmarks.peers.usage import cpu_s, rss_bytes
from benchmarks.report import percentile
from gateway.client.errors import ClientError

__all__ = ["Calls", "Crowd", "Echoes", "Idle", "Solo", "calls", "crowd", "echoes", "idle", "solo"]

_REPLY_WITHIN_S: Final = 5.0
_HEARD_S: Final = 0.6
"""How much of a reply is heard before it is interrupted."""
_CONNECTING: Final = 8
"""Devices that connect at once."""
_CALL_S: Final = 0.5
_HUNG_UP_S: Final = 0.2
"""For a server to clear up after the calls."""
_QUIET_S: Final = 2.0
_SETTLE_S: Final = 0.7
_CALLS_AT_ONCE: Final = 10


@dataclass(frozen=True, slots=True)
class Solo:
    """One device that interrupts every reply.

    Attributes:
        turns: All of them; the last reply was not interrupted.
        interruptions: One fewer.
    """

    turns: tuple[Turn, ...]
    interruptions: tuple[Interruption, ...]


@dataclass(frozen=True, slots=True)
class Crowd:
    """Many devices, each in its own phase of the same cycle.

    Attributes:
        devices: So many.
        turns: One of each device.
        failed: Turns without a whole reply.
        complaints: Of the server or a connection.
        seconds: That the processor times belong to.
        server_cpu_s: Processor seconds of the server.
        client_cpu_s: Of all devices together.
        late_p99_ms: How late the devices sent, behind their microphones.
        reply_share: Of the frames that came, by those that were sent.
    """

    devices: int
    turns: tuple[Turn, ...]
    failed: int
    complaints: tuple[str, ...]
    seconds: float
    server_cpu_s: float
    client_cpu_s: float
    late_p99_ms: float
    reply_share: float

    @property
    def first_audio_p95_s(self) -> float | None:
        """Of the turns that have a reply."""
        latencies = [turn.first_audio_s for turn in self.turns if turn.first_audio_s is not None]
        return percentile(latencies, 95) if latencies else None

    @property
    def cpu_per_session_s(self) -> float:
        """Processor seconds per second of a session."""
        return self.server_cpu_s / self.seconds / self.devices


@dataclass(frozen=True, slots=True)
class Idle:
    """Devices that are connected and stream silence.

    Attributes:
        devices: So many.
        before_bytes: The server's memory without them.
        with_bytes: And with them.
    """

    devices: int
    before_bytes: int
    with_bytes: int

    @property
    def bytes_each(self) -> float:
        """Memory of a session."""
        return (self.with_bytes - self.before_bytes) / self.devices


@dataclass(frozen=True, slots=True)
class Calls:
    """Short calls, one after the other on ten lines.

    Attributes:
        count: So many.
        rss: Calls that had ended -> the server's memory then; all sessions were closed.
    """

    count: int
    rss: tuple[tuple[int, int], ...]

    @property
    def bytes_each(self) -> float | None:
        """Growth per call over the second half, as a straight line; the first fills pools."""
        half = self.rss[len(self.rss) // 2 :]
        if len(half) < 2:
            return None
        line = statistics.linear_regression([at for at, _ in half], [size for _, size in half])
        return float(line.slope)


@dataclass(frozen=True, slots=True)
class Echoes:
    """Devices that send and receive a frame every 20 ms.

    Attributes:
        devices: So many.
        sent: Frames of theirs in the measured time.
        received: Frames of the server's.
        server_cpu_s: Processor seconds of the server.
    """

    devices: int
    sent: int
    received: int
    server_cpu_s: float

    @property
    def us_each(self) -> float:
        """Processor microseconds for a frame received and one sent."""
        return self.server_cpu_s / ((self.sent + self.received) / 2) * 1e6


async def solo(server: Server, terms: Terms, count: int) -> Solo:
    """Speak again and again, each time 0.6 s into the reply.

    Raises:
        ClientError: The server refuses, hangs up or does not answer.
    """
    wire = server.wire()
    async with device(server.connector(wire), wire) as one:
        await asyncio.sleep(_SETTLE_S)
        for utterance in islice(cycle(utterances()), count):
            spoken = one.say(utterance)
            await one.reply_after(spoken, _REPLY_WITHIN_S)
            await asyncio.sleep(_HEARD_S)
        await asyncio.sleep(terms.reply_s)
        return Solo(turns(one.notes), interruptions(one.notes, terms.reply_samples))


async def crowd(server: Server, terms: Terms, count: int) -> Crowd:
    """Let every device speak once per cycle, evenly spread; the replies take `reply_share` of it.

    Raises:
        ClientError: The server refuses a session.
    """
    spoken = utterances()
    lead_s = _longest_turn_s(spoken, terms)
    async with _party(server, count) as devices:
        begin = time.monotonic() + _SETTLE_S
        plan = sorted(_plan(count, terms.cycle_s, terms.cycle_s + lead_s))
        window = (begin + lead_s, begin + lead_s + terms.cycle_s)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_follow(devices, plan, begin, spoken), name="speaking")
            measuring = tasks.create_task(_measure(server, devices, *window), name="measuring")
        used = measuring.result()
    first = [turns(each.notes)[0] for each in devices]
    return Crowd(
        devices=count,
        turns=tuple(first),
        failed=sum(not turn.is_whole(terms.reply_samples) for turn in first),
        complaints=tuple(text for each in devices for text in each.notes.complaints),
        seconds=used.seconds,
        server_cpu_s=used.server_cpu_s,
        client_cpu_s=used.client_cpu_s,
        late_p99_ms=percentile([late for each in devices for late in each.notes.lateness], 99)
        * 1000,
        reply_share=used.received / max(1, used.sent),
    )


async def idle(server: Server, count: int, *, seconds: float = _QUIET_S) -> Idle:
    """Connect so many devices, which say nothing for so long.

    Raises:
        ClientError: The server refuses a session.
    """
    before = rss_bytes(server.pid)
    async with _party(server, count):
        await asyncio.sleep(seconds)
        return Idle(count, before, rss_bytes(server.pid))


async def calls(server: Server, count: int) -> Calls:
    """Make so many calls of half a second each.

    Raises:
        ClientError: The server refuses a session.
    """
    rss = []
    for ended in range(_CALLS_AT_ONCE, count + 1, _CALLS_AT_ONCE):
        async with _party(server, _CALLS_AT_ONCE):
            await asyncio.sleep(_CALL_S)
        await asyncio.sleep(_HUNG_UP_S)
        rss.append((ended, rss_bytes(server.pid)))
    return Calls(count, tuple(rss))


async def echoes(
    server: Server, count: int, *, seconds: float = 6.0, prompt: str | None = None
) -> Echoes:
    """Exchange frames, as many down as up.

    Args:
        server: An echo, or one that speaks for longer than this takes.
        count: Devices.
        seconds: Measured time.
        prompt: A typed turn that makes a server speak; an echo needs none.

    Raises:
        ClientError: The server refuses a session, or does not send as much as it receives.
    """
    async with _party(server, count) as devices:
        if prompt is not None:
            for each in devices:
                each.type(prompt)
        begin = time.monotonic() + 2 * _SETTLE_S
        used = await _measure(server, devices, begin, begin + seconds)
    found = Echoes(count, used.sent, used.received, used.server_cpu_s)
    if not 0.8 < used.received / max(1, used.sent) < 1.2:
        raise ClientError(
            f"{server.peer.name} answered {used.received} frames to {used.sent}; "
            "expected about as many"
        )
    return found


def _longest_turn_s(spoken: Sequence[Utterance], terms: Terms) -> float:
    """From the first frame of an utterance until its reply has been sent, with a reserve."""
    longest = max(len(each.frames) for each in spoken) / 50
    return longest + terms.stated_s + terms.reply_s + 0.5


def _plan(count: int, cycle_s: float, until_s: float) -> list[tuple[float, int]]:
    """When which device speaks: first all once, then again while there is time."""
    phases = [(number * cycle_s / count, number) for number in range(count)]
    again = [(at + cycle_s, number) for at, number in phases]
    return [*phases, *(each for each in again if each[0] < until_s)]


async def _follow(
    devices: Sequence[Device],
    plan: Sequence[tuple[float, int]],
    begin: float,
    spoken: Sequence[Utterance],
) -> None:
    for at, number in plan:
        await asyncio.sleep(max(0.0, begin + at - time.monotonic()))
        devices[number].say(spoken[number % len(spoken)])


@dataclass(frozen=True, slots=True)
class _Used:
    seconds: float
    server_cpu_s: float
    client_cpu_s: float
    sent: int
    received: int


async def _measure(server: Server, devices: Sequence[Device], begin: float, end: float) -> _Used:
    """What was used and exchanged between two moments."""
    await asyncio.sleep(max(0.0, begin - time.monotonic()))
    before = _reading(server, devices)
    await asyncio.sleep(max(0.0, end - time.monotonic()))
    after = _reading(server, devices)
    seconds, server_cpu, client_cpu, sent, received = (
        late - early for early, late in zip(before, after, strict=True)
    )
    return _Used(seconds, server_cpu, client_cpu, int(sent), int(received))


def _reading(server: Server, devices: Sequence[Device]) -> tuple[float, ...]:
    sent = sum(each.notes.sent for each in devices)
    received = sum(len(each.notes.audio) for each in devices)
    return (time.monotonic(), cpu_s(server.pid), time.process_time(), sent, received)


@asynccontextmanager
async def _party(server: Server, count: int) -> AsyncIterator[list[Device]]:
    """So many devices, in sessions of their own; all of them leave together.

    Raises:
        ClientError: The server refuses one of them.
    """
    devices: list[Device] = []
    over = asyncio.Event()
    gate = asyncio.Semaphore(_CONNECTING)
    all_here = asyncio.Event()

    async def attend() -> None:
        wire = server.wire()
        async with AsyncExitStack() as stack:
            async with gate:
                one = await stack.enter_async_context(device(server.connector(wire), wire))
            devices.append(one)
            if len(devices) == count:
                all_here.set()
            await over.wait()

    try:
        async with asyncio.TaskGroup() as tasks:
            for number in range(count):
                tasks.create_task(attend(), name=f"device-{number}")
            await all_here.wait()
            yield devices
            over.set()
    except ExceptionGroup as group:
        raise group.exceptions[0] from group.exceptions[0].__cause__
