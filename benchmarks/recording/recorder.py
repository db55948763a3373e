"""Stands between a client and a server, and writes down what they say to each other.

It speaks WebSocket to both: handshakes pass through (path, subprotocols, credentials, refusals),
and so do close codes. Tokens are not written down. One session is recorded; while it lasts, others
are turned away.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from benchmarks.recording.format import (
    MAX_MESSAGE,
    Closed,
    End,
    Header,
    Message,
    Record,
    RecordingError,
    Side,
    encode,
)

__all__ = ["Recorder", "Tally", "Tape", "redact"]

_OPEN_S: Final = 10.0
_SEND_S: Final = 30.0
_CLOSE_S: Final = 2.0
_PASSED_ON: Final = ("Authorization", "Origin", "User-Agent")
_PASSED_BACK: Final = ("Retry-After", "WWW-Authenticate")
_SECRET: Final = "redacted"
_NO_CODE: Final = 1005
_NEVER_SENT: Final = (1006, 1015)


@dataclass(slots=True)
class Tally:
    """What a tape holds so far."""

    seconds: float = 0.0
    from_client: int = 0
    from_server: int = 0
    bytes: int = 0


class Tape:
    """A file that takes records; whole lines only, so that it can be read at any time.

    Args:
        path: The file; only its owner may read it, for it holds speech.
        replace: Whether a file that is there already is replaced.

    Raises:
        RecordingError: It cannot be created, or is there already.
    """

    def __init__(self, path: Path, *, replace: bool = False) -> None:
        self.tally = Tally()
        self._path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if replace else os.O_EXCL)
        try:
            self._file = os.open(path, flags, 0o600)
        except FileExistsError as error:
            message = f"{path} is there already; give another name, or --force to replace it"
            raise RecordingError(message) from error
        except OSError as error:
            raise RecordingError(f"cannot write {path}: {error.strerror}") from error

    def write(self, record: Header | Record) -> None:
        """Append one line by one call; it goes to the page cache, so it does not wait for a disk.

        Raises:
            RecordingError: The disk is full, or the like.
        """
        line = encode(record)
        try:
            if os.write(self._file, line) != len(line):
                raise RecordingError(f"cannot write {self._path}: the disk is full")
        except OSError as error:
            raise RecordingError(f"cannot write {self._path}: {error.strerror}") from error
        self.tally.bytes += len(line)
        if isinstance(record, Header):
            return
        self.tally.seconds = record.at
        if isinstance(record, Message):
            self.tally.from_client += record.side is Side.CLIENT
            self.tally.from_server += record.side is Side.SERVER

    def close(self) -> None:
        """Close the file; nothing is added."""
        os.close(self._file)


def redact(text: str) -> str:
    """A text message without the tokens of `hello` and `welcome`."""
    if '"token"' not in text:
        return text
    try:
        body = json.loads(text)
    except ValueError:
        return text
    if not isinstance(body, dict) or body.get("type") not in ("hello", "welcome"):
        return text
    for holder in (body, body.get("resume")):
        if isinstance(holder, dict) and isinstance(holder.get("token"), str):
            holder["token"] = _SECRET
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


class Recorder:
    """Listens for one session and records it.

    Use it as an asynchronous context manager, and wait for `wait`.

    Args:
        server: Address of the server; paths come from the client.
        tape: Takes the records; the caller closes it.
        listen: Where to listen; port 0 takes a free one.
        clock: Monotonic seconds.
        max_bytes: The session is closed when the tape holds so much.
        complain: Told in one line why a client was turned away.

    Attributes:
        port: Where it listens, once entered.
    """

    def __init__(
        self,
        server: str,
        tape: Tape,
        *,
        listen: tuple[str, int],
        clock: Callable[[], float],
        max_bytes: int = 256 * 1024 * 1024,
        complain: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.port = listen[1]
        self._server = server
        self._tape = tape
        self._listen = listen
        self._clock = clock
        self._max_bytes = max_bytes
        self._complain = complain
        self._began = 0.0
        self._taken: ServerConnection | None = None
        self._far: ClientConnection | None = None
        self._closing = False
        self._why = "closed"
        self._over = asyncio.Event()
        self._failure: RecordingError | None = None
        self._listener: Server | None = None

    async def __aenter__(self) -> Recorder:
        """Begin to listen.

        Raises:
            OSError: The address cannot be listened at.
        """
        host, port = self._listen
        self._listener = await serve(
            self._record,
            host,
            port,
            process_request=self._open,
            select_subprotocol=self._select,
            compression=None,
            ping_interval=None,
            max_size=MAX_MESSAGE,
            open_timeout=_OPEN_S,
            close_timeout=_CLOSE_S,
        )
        self.port = next(iter(self._listener.sockets)).getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the session, if there is one, and stop listening; 6 s at most."""
        assert self._listener is not None
        self._listener.close(close_connections=False)
        await self._leave_both()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._listener.wait_closed()

    async def wait(self) -> None:
        """Wait until a session is over; then ask `check`."""
        await self._over.wait()

    def check(self) -> None:
        """Say whether everything that was said has been written.

        Raises:
            RecordingError: The file could not be written, and so the session was ended.
        """
        if self._failure is not None:
            raise self._failure

    async def stop(self) -> None:
        """End the session early, and the recording with it; 8 s at most."""
        self._why = "stopped"
        if self._taken is None:
            return
        await self._leave_both()
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * _CLOSE_S):
                await self.wait()

    async def _leave_both(self) -> None:
        self._closing = True
        for socket in (self._taken, self._far):
            if socket is not None:
                await _leave(socket, 1001, "the recording was stopped")

    # -- the handshake --------------------------------------------------------------------------

    async def _open(self, near: ServerConnection, request: Request) -> Response | None:
        """Connect to the server first: what it refuses is refused here."""
        if self._taken is not None or self._over.is_set():
            response = near.respond(503, "One session is recorded, and it is another one.\n")
            response.headers["Retry-After"] = "1"
            return response
        self._taken, self._began = near, self._clock()
        offered = request.headers.get_all("Sec-WebSocket-Protocol")
        names = [Subprotocol(name.strip()) for line in offered for name in line.split(",")]
        headers = Headers()
        for name in _PASSED_ON:
            if name in request.headers:
                headers[name] = request.headers[name]
        refusal = await self._dial(near, request.path, names, headers)
        if refusal is not None:
            self._taken = None
            return refusal
        # A client may go away between its request and the answer: then nobody claims the socket.
        asyncio.get_running_loop().call_later(_OPEN_S, self._abandon, near)
        return None

    async def _dial(
        self, near: ServerConnection, path: str, names: list[Subprotocol], headers: Headers
    ) -> Response | None:
        scheme, host = urlsplit(self._server)[:2]
        query = urlsplit(path)
        url = urlunsplit((scheme, host, query.path, query.query, ""))
        agent = headers.pop("User-Agent", None)
        try:
            self._far = await connect(
                url,
                subprotocols=names or None,
                additional_headers=headers,
                user_agent_header=agent,
                compression=None,
                open_timeout=_OPEN_S,
                ping_interval=None,
                close_timeout=_CLOSE_S,
                max_size=MAX_MESSAGE,
                proxy=None,
            )
        except InvalidStatus as error:
            return self._pass_back(near, error.response)
        except (OSError, InvalidHandshake, ValueError) as error:
            self._complain(f"cannot reach {url}: {' '.join(str(error).split())}")
            return near.respond(502, "The server behind the recorder cannot be reached.\n")
        return None

    def _pass_back(self, near: ServerConnection, found: Response) -> Response:
        self._complain(f"the server refused the client with HTTP {found.status_code}")
        response = near.respond(found.status_code, (found.body or b"").decode("utf-8", "replace"))
        for name in _PASSED_BACK:
            if name in found.headers:
                response.headers[name] = found.headers[name]
        return response

    def _select(self, near: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return self._far.subprotocol if self._far is not None else None

    def _abandon(self, near: ServerConnection) -> None:
        if self._taken is near and near.state.name in ("CONNECTING", "CLOSED"):
            self._taken = None
            if self._far is not None and not self._closing:
                self._far.transport.abort()

    # -- the session ----------------------------------------------------------------------------

    async def _record(self, near: ServerConnection) -> None:
        """Forward both ways until one side closes; then close the other likewise."""
        far = self._far
        assert far is not None, "the handshake connects to the server first"
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._forward(near, far, Side.CLIENT), name="record up")
                tasks.create_task(self._forward(far, near, Side.SERVER), name="record down")
            self._tape.write(End(self._now(), self._why))
        except* RecordingError as group:
            failure = group.exceptions[0]
            assert isinstance(failure, RecordingError)
            self._failure = failure
            await _leave(near, 1011, "the recording failed")
        finally:
            far.transport.abort()
            self._over.set()

    async def _forward(
        self,
        source: ServerConnection | ClientConnection,
        sink: ServerConnection | ClientConnection,
        side: Side,
    ) -> None:
        try:
            while not self._is_full():
                message = await source.recv()
                kept = redact(message) if isinstance(message, str) else message
                self._tape.write(Message(self._now(), side, kept))
                async with asyncio.timeout(_SEND_S):
                    await sink.send(message)
            await self._fill_up(source, sink)
        except TimeoutError:
            sink.transport.abort()
        except ConnectionClosed:
            # Whichever direction notices first tells the other side; who closed says its socket.
            if source.close_code is None:
                return
            await self._pass_close(source, sink, side)

    async def _pass_close(
        self,
        source: ServerConnection | ClientConnection,
        sink: ServerConnection | ClientConnection,
        side: Side,
    ) -> None:
        if self._closing:
            return
        self._closing = True
        code, reason = source.close_code or 1006, source.close_reason or ""
        self._tape.write(Closed(self._now(), side, code, reason))
        # A close without a code cannot be sent by this library; 1000 comes nearest.
        await _leave(sink, 1000 if code == _NO_CODE else code, reason)

    async def _fill_up(self, *sockets: ServerConnection | ClientConnection) -> None:
        self._closing, self._why = True, "full"
        for socket in sockets:
            await _leave(socket, 1001, "the recording is full")

    def _is_full(self) -> bool:
        return self._tape.tally.bytes > self._max_bytes

    def _now(self) -> float:
        return self._clock() - self._began


async def _leave(socket: ServerConnection | ClientConnection, code: int, reason: str) -> None:
    """Close with a code; without a word if there was none, or if it takes longer than 2 s."""
    if code not in _NEVER_SENT:
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await socket.close(code, reason)
                return
    socket.transport.abort()
