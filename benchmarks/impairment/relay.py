"""A TCP relay that behaves like a bad network; needs no root and knows nothing of what it carries.

    async with Relay("127.0.0.1", 8765, PROFILES["bad-wifi"]) as relay:
        async with connect(DeviceSettings(relay.url(server_url))) as device:
            ...

TLS passes through unopened (certificates are then checked against the relay's name). What the
kernel buffers on both sides of the relay is kept small, so that a receiver that does not read is
felt by the sender about as soon as on a real path.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from benchmarks.impairment.frames import FrameCounter
from benchmarks.impairment.link import (
    Admission,
    Cut,
    CutKind,
    Direction,
    LinkSchedule,
    Profile,
)
from benchmarks.impairment.pump import CutReached, Pump, Traffic

__all__ = ["Counters", "Relay"]

_READ_BYTES: Final = 16 * 1024
_SOCKET_BYTES: Final = 64 * 1024
_CONNECT_S: Final = 10.0
_LINGER_S: Final = 2.0
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: close() sends RST (tcp(7), socket(7))."""


@dataclass(slots=True)
class Counters:
    """What a relay has seen since it began.

    Attributes:
        accepted: Connections that were passed on.
        open: Those that still are.
        refused: New ones that were reset, by `Admission.REFUSE` or for lack of room.
        swallowed: New ones that were taken and never answered.
        unreachable: Those for which the server could not be reached.
        cut: Those that the relay ended.
        idle: Those that it ended because nothing moved for too long.
        up: Client to server.
        down: Server to client.
    """

    accepted: int = 0
    open: int = 0
    refused: int = 0
    swallowed: int = 0
    unreachable: int = 0
    cut: int = 0
    idle: int = 0
    up: Traffic = field(default_factory=Traffic)
    down: Traffic = field(default_factory=Traffic)


class _Ended(Exception):
    """A connection ends before its time."""

    def __init__(self, kind: CutKind) -> None:
        super().__init__(kind)
        self.kind = kind


_Socket = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class _Way:
    """One connection: its number, when it began, and the network that it was given."""

    serial: int
    opened: float
    profile: Profile

    @property
    def cut(self) -> Cut | None:
        """How it ends before its time, if it does."""
        cut = self.profile.cut
        is_spared = cut is None or (cut.times is not None and self.serial > cut.times)
        return None if is_spared else cut


class Relay:
    """Listens, and passes connections on to a server through a bad network.

    Use it as an asynchronous context manager; leaving resets what is still open.

    Args:
        host: The server's.
        port: The server's.
        profile: The network; assign to `profile` to change it for connections to come.
        listen: Where to listen; port 0 takes a free one.
        seed: Of jitter and loss. The same seed, connection number and traffic give the same plan.
        max_connections: Beyond it, new ones are refused.
        idle_s: A connection on which nothing moves for so long is reset.

    Attributes:
        profile: The network of connections to come.
        admission: What happens to connections to come.
        counters: What was seen so far.
        port: Where it listens, once entered.
    """

    def __init__(
        self,
        host: str,
        port: int,
        profile: Profile,
        *,
        listen: tuple[str, int] = ("127.0.0.1", 0),
        seed: int = 0,
        max_connections: int = 1024,
        idle_s: float = 300.0,
    ) -> None:
        self.profile = profile
        self.admission = Admission.PASS
        self.counters = Counters()
        self.port = listen[1]
        self._server_address = (host, port)
        self._listen = listen
        self._seed = seed
        self._max_connections = max_connections
        self._idle_s = idle_s
        self._serial = 0
        self._cuts: dict[int, asyncio.Future[CutKind]] = {}
        self._tasks = asyncio.TaskGroup()
        self._running: set[asyncio.Task[None]] = set()
        self._is_leaving = False
        self._listener: asyncio.Server | None = None

    async def __aenter__(self) -> Relay:
        """Begin to listen.

        Raises:
            OSError: The address cannot be listened at.
        """
        host, port = self._listen
        self._listener = await asyncio.start_server(
            self._accept,
            host,
            port,
            limit=_READ_BYTES,
            backlog=self._max_connections,
            start_serving=False,
        )
        self.port = self._listener.sockets[0].getsockname()[1]
        await self._tasks.__aenter__()
        await self._listener.start_serving()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening, and reset what is open."""
        assert self._listener is not None
        self._is_leaving = True
        self._listener.close()
        for task in self._running:
            task.cancel()
        # All tasks end by themselves: what the caller's block raised stays as it is.
        await self._tasks.__aexit__(None, None, None)

    def url(self, server: str) -> str:
        """A server's address with the relay in its place."""
        host = f"[{self._listen[0]}]" if ":" in self._listen[0] else self._listen[0]
        return urlunsplit(urlsplit(server)._replace(netloc=f"{host}:{self.port}"))

    def cut(self, kind: CutKind = CutKind.RST) -> int:
        """End all open connections now; returns how many."""
        pending = [cut for cut in self._cuts.values() if not cut.done()]
        for cut in pending:
            cut.set_result(kind)
        return len(pending)

    # -- one connection -------------------------------------------------------------------------

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Judge a new connection, and give it a task."""
        _tune(writer)
        is_full = len(self._running) >= self._max_connections
        if self.admission is Admission.REFUSE or is_full or self._is_leaving:
            self.counters.refused += 1
            _reset(writer)
            return
        self._serial += 1
        swallowed = self.admission is Admission.BLACK_HOLE
        work = self._swallow(writer) if swallowed else self._serve(self._serial, (reader, writer))
        task = self._tasks.create_task(work, name=f"relay connection {self._serial}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _swallow(self, writer: asyncio.StreamWriter) -> None:
        """Read nothing, write nothing, until it is idle for too long."""
        self.counters.swallowed += 1
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        try:
            await asyncio.sleep(self._idle_s)
        finally:
            _reset(writer)

    async def _serve(self, serial: int, near: _Socket) -> None:
        """Connect to the server and carry both directions; raises nothing."""
        host, port = self._server_address
        opened, profile = asyncio.get_running_loop().time(), self.profile
        try:
            async with asyncio.timeout(_CONNECT_S):
                far = await asyncio.open_connection(host, port, limit=_READ_BYTES)
        except OSError:  # TimeoutError is one
            self.counters.unreachable += 1
            _reset(near[1])
            return
        except BaseException:
            _reset(near[1])
            raise
        _tune(far[1])
        self.counters.accepted += 1
        self.counters.open += 1
        try:
            await self._carry(_Way(serial, opened, profile), near, far)
        finally:
            self.counters.open -= 1

    async def _carry(self, way: _Way, near: _Socket, far: _Socket) -> None:
        """Carry until both directions have ended, or something ends them."""
        kind = CutKind.RST
        try:
            await self._pump(way, near, far)
            kind = CutKind.FIN
        except* CutReached:
            self.counters.cut += 1
            assert way.cut is not None, "only a cut has a limit"
            kind = way.cut.kind
        except* _Ended as group:
            ended = group.exceptions[0]
            assert isinstance(ended, _Ended)
            kind = ended.kind
        except* OSError:
            pass  # one side was reset or is gone: the other learns it by a reset
        finally:
            if kind is CutKind.RST:
                _reset(near[1])
                _reset(far[1])
        if kind is CutKind.FIN:
            await _close(near, far)

    async def _pump(self, way: _Way, near: _Socket, far: _Socket) -> None:
        up = self._direction(way, Direction.UP, near, far)
        down = self._direction(way, Direction.DOWN, far, near)
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(self._watch(way, (up, down)), name="relay watch")
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(up.run(), name="relay up")
                pumps.create_task(down.run(), name="relay down")
            watch.cancel()

    def _direction(self, way: _Way, direction: Direction, source: _Socket, sink: _Socket) -> Pump:
        is_up = direction is Direction.UP
        link = way.profile.up if is_up else way.profile.down
        draw = random.Random(f"{self._seed}/{way.serial}/{direction}").random
        cut = way.cut if way.cut is not None and way.cut.direction is direction else None
        return Pump(
            source[0].read,
            _writing(sink[1]),
            _ending(sink[1]),
            link=link,
            schedule=LinkSchedule(link, opened=way.opened, draw=draw),
            traffic=self.counters.up if is_up else self.counters.down,
            limit=cut.at_byte if cut is not None else None,
            frames=FrameCounter(cut.at_frame) if cut is not None and cut.at_frame else None,
        )

    async def _watch(self, way: _Way, pumps: tuple[Pump, Pump]) -> None:
        """End a connection at its time, on demand, or when nothing moves."""
        loop = asyncio.get_running_loop()
        demand: asyncio.Future[CutKind] = loop.create_future()
        self._cuts[way.serial] = demand
        after_s = None if way.cut is None else way.cut.after_s
        cut_at = float("inf") if after_s is None else way.opened + after_s
        try:
            while True:
                idle_at = max(pump.moved_at for pump in pumps) + self._idle_s
                left = min(idle_at, cut_at) - loop.time()
                if left <= 0:
                    break
                await asyncio.wait({demand}, timeout=left)
                if demand.done():
                    self.counters.cut += 1
                    raise _Ended(demand.result())
        finally:
            del self._cuts[way.serial]
        if way.cut is not None and loop.time() >= cut_at:
            self.counters.cut += 1
            raise _Ended(way.cut.kind)
        self.counters.idle += 1
        raise _Ended(CutKind.RST)


def _tune(writer: asyncio.StreamWriter) -> None:
    """Send slices as they are, and keep little in the kernel and nothing in the transport."""
    found: socket.socket = writer.get_extra_info("socket")
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        found.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BYTES)
    writer.transport.set_write_buffer_limits(high=0)


def _writing(writer: asyncio.StreamWriter) -> Callable[[bytes], Awaitable[None]]:
    async def write(content: bytes) -> None:
        writer.write(content)
        await writer.drain()

    return write


def _ending(writer: asyncio.StreamWriter) -> Callable[[], None]:
    def end() -> None:
        with suppress(OSError):  # the receiver may be gone already
            writer.write_eof()

    return end


def _reset(writer: asyncio.StreamWriter) -> None:
    found: socket.socket = writer.get_extra_info("socket")
    with suppress(OSError):
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


async def _close(*sockets: _Socket) -> None:
    """Send FIN both ways; what still comes is read, as closing would send RST else (RFC 1122)."""
    try:
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(_LINGER_S):
                for _, writer in sockets:
                    _ending(writer)()
                for reader, _ in sockets:
                    while await reader.read(_READ_BYTES):
                        pass
    finally:
        for _, writer in sockets:
            writer.close()
