"""A bare line to a server: hello, welcome, and silence.

`gateway.client.session` behaves like a device, whose microphone never stops. To see what a session
costs that does nothing, and to open ten thousand of them in little time, a line has a socket and
the protocol's client end, and no more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from gateway.client.dialing import dial
from gateway.client.errors import SessionEnded, WaitExpired
from gateway.version import VERSION
from protocol.audio import AudioFormat, Encoding
from protocol.client import ClientProtocol
from protocol.events import (
    AudioOffer,
    ClientInfo,
    FormatOffer,
    Hello,
    InputText,
    ResponseDone,
    ServerMessage,
    SessionFields,
)

__all__ = ["Line", "line"]

_FORMAT: Final = AudioFormat(Encoding.OPUS, 16_000, 20)
_PATIENCE_S: Final = 60.0
_FEW_TOKENS: Final = 4
"""Of a reply: all of its sound is sent ahead, so that calls are short."""


@dataclass(slots=True)
class Line:
    """One session without a device behind it; made by `line`."""

    socket: ClientConnection
    protocol: ClientProtocol
    done: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def greet(self, *, audible: bool) -> None:
        """Say hello, and wait for the welcome.

        Args:
            audible: Whether replies are to be spoken, not only written.

        Raises:
            SessionEnded: The server closed instead.
        """
        offer = (FormatOffer(_FORMAT.codec, _FORMAT.rate, _FORMAT.frame_ms),)
        hello = Hello(
            protocol=1,
            client=ClientInfo(name="parley memory", version=VERSION),
            audio=AudioOffer(in_=offer, out=offer if audible else (), aec="device"),
            session=SessionFields(max_tokens=_FEW_TOKENS),
        )
        await self.socket.send(self.protocol.hello(hello, time.monotonic()))
        try:
            while self.protocol.welcome is None:
                await self._take(await self.socket.recv())
        except ConnectionClosed as error:
            raise SessionEnded(
                f"the server closed before its welcome: {error}", code=1006
            ) from None

    async def listen(self) -> None:
        """Answer what the protocol wants answered, until the socket closes."""
        try:
            while True:
                await self._take(await self.socket.recv())
        except ConnectionClosed:
            self.ended.set()

    async def ask(self, text: str) -> None:
        """Type something, and wait until the server is through with its reply.

        Raises:
            WaitExpired: It took longer than 60 s.
        """
        self.done.clear()
        await self.socket.send(self.protocol.seal(InputText(text=text), time.monotonic()))
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self.done.wait()
        except TimeoutError:
            raise WaitExpired(f"no reply was over within {_PATIENCE_S:g} s") from None

    async def leave(self) -> None:
        """Say bye, and wait until the server has closed."""
        try:
            await self.socket.send(self.protocol.bye(time.monotonic()))
            async with asyncio.timeout(_PATIENCE_S):
                await self.ended.wait()
        except (ConnectionClosed, TimeoutError):
            self.socket.transport.abort()

    async def _take(self, message: str | bytes) -> None:
        outcome = self.protocol.receive(message, time.monotonic())
        for event in outcome.events:
            self._note(event)
        for reply in outcome.replies:
            await self.socket.send(self.protocol.seal(reply, time.monotonic()))

    def _note(self, event: ServerMessage | object) -> None:
        if isinstance(event, ResponseDone):
            self.done.set()


@asynccontextmanager
async def line(url: str, *, key: str | None = None, audible: bool = True) -> AsyncIterator[Line]:
    """A session that is welcomed; leaving the context says bye and waits for the close.

    Raises:
        Unreachable: Nobody answers.
        Refused: The server is full, or wants another key.
        SessionEnded: It did not like the hello.
    """
    socket = await dial(url, key=key, timeout_s=_PATIENCE_S)
    found = Line(socket, ClientProtocol(now=time.monotonic()))
    try:
        await found.greet(audible=audible)
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(found.listen(), name="line")
            try:
                yield found
                await found.leave()
            finally:
                reader.cancel()
    finally:
        await socket.close()
