"""The peers, and how a server of each is started: one process, on a core of its own."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from benchmarks.load.cores import pin
from benchmarks.load.machine import versions as own_versions
from benchmarks.peers.device import Connect
from benchmarks.peers.environments import python_of
from benchmarks.peers.links import Link, stream_link, websocket_link
from benchmarks.peers.terms import RATE, Terms
from benchmarks.peers.wires import (
    BotWire,
    EchoWire,
    Message,
    ParleyWire,
    Wire,
    WyomingFraming,
    WyomingWire,
)
from gateway.client.errors import Unreachable
from gateway.client.server_process import serve, stop_process

__all__ = ["PARLEY", "PEERS", "Environment", "Peer", "Server", "parley", "peer_server"]

PARLEY: Final = "parley"
_HERE: Final = Path(__file__).parent
_START_S: Final = 60.0
_STOP_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody to compare with.

    Attributes:
        name: Also of its folder here, and of its environment.
        title: What it is.
        wire: Makes a connection's wire.
        converses: Whether it takes turns; if not, it echoes.
        shares: Whether it is made for many sessions in one process.
    """

    name: str
    title: str
    wire: Callable[[], Wire]
    converses: bool
    shares: bool = True

    @property
    def requirements(self) -> Path:
        """Its pinned packages."""
        return _HERE / self.name / "requirements.txt"

    @property
    def script(self) -> Path:
        """Its server."""
        return _HERE / self.name / "server.py"

    @property
    def is_here(self) -> bool:
        """Whether it runs in this very environment."""
        return self.name == PARLEY


PEERS: Final[Mapping[str, Peer]] = {
    peer.name: peer
    for peer in (
        Peer(PARLEY, "Parley, scripted engines", ParleyWire, converses=True),
        Peer("pipecat", "pipecat, FastAPI WebSocket, stub services", BotWire, converses=True),
        Peer(
            "livekit",
            "LiveKit agents, stub plugins, without its server",
            BotWire,
            converses=True,
            shares=False,
        ),
        Peer("floor", "websockets, echo", EchoWire, converses=False),
        Peer("wyoming", "wyoming, echo over TCP", WyomingWire, converses=False),
    )
}
"""All that are spoken to over a wire, by name."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A peer that can be run.

    Attributes:
        peer: It.
        python: Its interpreter; None runs it in this one.
    """

    peer: Peer
    python: Path | None

    @classmethod
    async def prepare(
        cls, peer: Peer, *, install: bool, folder: Path, report: Callable[[str], None]
    ) -> Environment:
        """Find or make a peer's environment.

        Raises:
            NotInstalled: There is none; the others can run all the same.
        """
        if peer.is_here:
            return cls(peer, None)
        python = await python_of(
            peer.name, peer.requirements, folder=folder, install=install, report=report
        )
        return cls(peer, python)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs.

    Attributes:
        peer: Whose.
        pid: Its process.
        host: Where it listens.
        port: Where it listens.
        versions: Of the packages that it is made of.
    """

    peer: Peer
    pid: int
    host: str
    port: int
    versions: Mapping[str, str]

    def wire(self) -> Wire:
        """A new connection's wire."""
        return self.peer.wire()

    def connector(self, wire: Wire) -> Connect:
        """How a device connects."""

        def connect(receive: Callable[[Message], None]) -> AbstractAsyncContextManager[Link]:
            if isinstance(wire, WyomingWire):
                return stream_link(self.host, self.port, WyomingFraming(), receive)
            return websocket_link(self.host, self.port, wire.path, receive)

        return connect


def peer_server(
    environment: Environment,
    terms: Terms,
    *,
    cores: AbstractSet[int] = frozenset(),
    flags: Sequence[str] = (),
) -> AbstractAsyncContextManager[Server]:
    """A peer's server for as long as the context lasts.

    Args:
        environment: Of the peer.
        terms: What it is told about conversations.
        cores: Keeps it on these; none: anywhere.
        flags: More flags of ``parley serve``; nobody else has any.

    Raises:
        Unreachable: It did not start; the message ends with its last words.
    """
    if environment.python is None:
        return parley(terms, cores=cores, flags=flags)
    return _script(environment.peer, environment.python, terms, cores)


@asynccontextmanager
async def parley(
    terms: Terms, *, cores: AbstractSet[int] = frozenset(), flags: Sequence[str] = ()
) -> AsyncIterator[Server]:
    """``parley serve`` on these terms, for as long as the context lasts; see `peer_server`."""
    settings = {
        "turn.silence_ms": terms.silence_ms,
        "turn.min_interrupt_ms": terms.start_ms,
        "turn.threshold": terms.threshold,
        "engines.stt_ms": terms.stt_ms,
        "engines.llm_ms": terms.llm_ms,
        "engines.tts_ms": terms.tts_ms,
        "conversation.max_tokens": terms.reply_words,
        "server.max_sessions": 10_000,
        "server.drain_s": 0,
    }
    given = [f"--set={name}={value}" for name, value in settings.items()]
    async with serve("--engines", "scripted", *given, *flags) as running:
        if cores:
            pin(running.pid, cores)
        address = urlsplit(running.url)
        host, port = address.hostname or "127.0.0.1", address.port or 0
        yield Server(PEERS[PARLEY], running.pid, host, port, own_versions())


@asynccontextmanager
async def _script(
    peer: Peer, python: Path, terms: Terms, cores: AbstractSet[int]
) -> AsyncIterator[Server]:
    process = await asyncio.create_subprocess_exec(
        str(python),
        str(peer.script),
        *([json.dumps(_plan(terms))] if peer.converses else []),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the client, which ends this one
    )
    lines: deque[str] = deque(maxlen=50)
    try:
        if cores:
            pin(process.pid, cores)
        async with asyncio.TaskGroup() as tasks:
            drain = tasks.create_task(_drain(process, lines), name="server log")
            try:
                port, versions = await _announced(peer, process, lines)
                yield Server(peer, process.pid, "127.0.0.1", port, versions)
            finally:
                await stop_process(process, within=_STOP_S)
                drain.cancel()
    except ExceptionGroup as group:
        raise group.exceptions[0] from group.exceptions[0].__cause__
    finally:
        await stop_process(process, within=_STOP_S)


def _plan(terms: Terms) -> dict[str, object]:
    """What a server of others is told; the fields of `pipecat/server.py`'s Plan."""
    return {
        "rate": RATE,
        "frame_ms": 20,
        "threshold": terms.threshold,
        "start_s": terms.start_ms / 1000,
        "vad_stop_s": terms.vad_stop_ms / 1000,
        "rest_s": (terms.silence_ms - terms.vad_stop_ms) / 1000,
        "stt_s": terms.stt_ms / 1000,
        "llm_s": terms.llm_ms / 1000,
        "tts_s": terms.tts_ms / 1000,
        "reply": terms.reply,
        "character_s": terms.character_s,
    }


async def _announced(
    peer: Peer, process: asyncio.subprocess.Process, lines: deque[str]
) -> tuple[int, Mapping[str, str]]:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_START_S):
            said = await process.stdout.readline()
            if not said:
                await process.wait()
                await asyncio.sleep(0.1)  # for its last words
    except TimeoutError:
        raise Unreachable(f"{peer.name} did not start within {_START_S:g} s") from None
    try:
        announcement = json.loads(said)
        return int(announcement["port"]), announcement["versions"]
    except (ValueError, KeyError, TypeError):
        last = lines[-1] if lines else said.decode(errors="replace").strip()
        raise Unreachable(f"{peer.name} did not start: {last or 'it said nothing'}") from None


async def _drain(process: asyncio.subprocess.Process, lines: deque[str]) -> None:
    """Read what it complains about, so that it never blocks on a full pipe."""
    assert process.stderr is not None
    async for raw in process.stderr:
        lines.append(raw.decode(errors="replace").rstrip())
