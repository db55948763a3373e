"""Connections of devices: as little of a client as can be, so that one core carries many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Protocol, cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidMessage
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from benchmarks.peers.wires import Framing, Message, WireError
from gateway.client.errors import Refused, SessionEnded, Unreachable

__all__ = ["Link", "stream_link", "websocket_link"]

_OPEN_S: Final = 20.0
_CLOSE_S: Final = 5.0


class Link(Protocol):
    """One connection."""

    def send(self, message: Message) -> None:
        """Send; does nothing on a connection that is lost."""

    @property
    def lost(self) -> str | None:
        """Why the connection is gone, if it is and nobody here closed it."""


class _Base(asyncio.Protocol):
    def __init__(self, receive: Callable[[Message], None]) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.lost: str | None = None
        self._receive = receive
        self._closing = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self._closing and self.lost is None:
            self.lost = f"the connection was lost: {exc or 'the server closed it'}"
        if not self.opened.done():
            self.opened.set_exception(SessionEnded(self.lost or "closed", code=1006))
        if not self.closed.done():
            self.closed.set_result(None)

    def _fail(self, reason: str) -> None:
        self.lost = self.lost or reason
        if self._transport is not None:
            self._transport.abort()


class _WebSocketLink(_Base):
    """A WebSocket without compression, on the Sans-I/O part of `websockets`."""

    def __init__(self, url: str, receive: Callable[[Message], None]) -> None:
        super().__init__(receive)
        self._protocol = ClientProtocol(parse_uri(url), max_size=1 << 20)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
            elif isinstance(event, Response):
                self._answered(event)
        self._flush()

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.BINARY:
            self._receive(bytes(frame.data))
        elif frame.opcode is Opcode.TEXT:
            self._receive(bytes(frame.data).decode())
        elif frame.opcode is Opcode.CLOSE and not self._closing:
            self.lost = f"the server closed: {self._protocol.close_rcvd}"

    def _answered(self, response: Response) -> None:
        problem = self._protocol.handshake_exc
        if self.opened.done():
            return  # nobody waits any more
        if problem is None:
            self.opened.set_result(None)
        elif response.status_code == 101:
            self.opened.set_exception(Unreachable(f"no WebSocket: {problem}"))
        else:
            message = f"the server refused: HTTP {response.status_code}"
            self.opened.set_exception(Refused(message, code=response.status_code))

    def send(self, message: Message) -> None:
        if self._transport is None or self._closing or self.lost:
            return
        if isinstance(message, str):
            self._protocol.send_text(message.encode())
        else:
            self._protocol.send_binary(message)
        self._flush()

    def close(self) -> None:
        if self._transport is not None and not self.lost:
            self._protocol.send_close(1000)
            self._flush()
        self._closing = True

    def abort(self) -> None:
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        if self._transport is None:
            return
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()


class _StreamLink(_Base):
    """TCP, cut into messages by a framing."""

    def __init__(self, framing: Framing, receive: Callable[[Message], None]) -> None:
        super().__init__(receive)
        self._framing = framing

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.opened.set_result(None)

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._framing.feed(data):
                self._receive(message)
        except WireError as error:
            self._fail(str(error))

    def send(self, message: Message) -> None:
        if self._transport is not None and not self._closing and not self.lost:
            self._transport.write(message.encode() if isinstance(message, str) else message)

    def close(self) -> None:
        self._closing = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        self._closing = True
        if self._transport is not None:
            self._transport.abort()


@asynccontextmanager
async def websocket_link(
    host: str, port: int, path: str, receive: Callable[[Message], None]
) -> AsyncIterator[Link]:
    """A WebSocket for as long as the context lasts; `receive` must not raise.

    Raises:
        Unreachable: Nobody answers, or not with a WebSocket.
        Refused: The server answered and said no.
        SessionEnded: It hung up during the handshake.
    """
    link = _WebSocketLink(f"ws://{host}:{port}{path}", receive)
    async with _open(link, host, port):
        yield link


@asynccontextmanager
async def stream_link(
    host: str, port: int, framing: Framing, receive: Callable[[Message], None]
) -> AsyncIterator[Link]:
    """A TCP connection for as long as the context lasts; `receive` must not raise.

    Raises:
        Unreachable: Nobody answers.
    """
    link = _StreamLink(framing, receive)
    async with _open(link, host, port):
        yield link


@asynccontextmanager
async def _open(link: _WebSocketLink | _StreamLink, host: str, port: int) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_OPEN_S):
            await asyncio.get_running_loop().create_connection(lambda: link, host, port)
            await link.opened
    except (OSError, TimeoutError, InvalidHandshake, InvalidMessage) as error:
        link.abort()
        raise Unreachable(f"no answer at {host}:{port}: {error!r}") from error
    except BaseException:
        link.abort()
        raise
    try:
        yield
        link.close()
        async with asyncio.timeout(_CLOSE_S):
            await asyncio.shield(link.closed)
    except TimeoutError:
        pass  # it does not hang up: done below
    finally:
        link.abort()
