"""A WebSocket with a short way in and out for what comes many times a second.

`websockets` hands each message to a task through a queue, and lets each send wait for room: right
for messages of any kind, and a third of what an audio frame costs. Here a whole binary frame is
taken in the moment in which it is read, and a message is written without waiting, wherever nobody
could tell the difference; everything else goes the usual way.

This leans on parts of websockets' `Connection` that have no underscore but are not documented
(``process_event``, ``recv_messages``, ``send_data``): the tests of this module hold it to them.
"""

from __future__ import annotations

from collections.abc import Callable

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State

__all__ = ["Socket"]


class Socket(ServerConnection):
    """One accepted WebSocket.

    Attributes:
        take: Offered every whole binary message that nothing is waiting in front of; False sends it
            the usual way, through ``recv``. None: all go that way. Must not raise: the connection
            is then aborted, and the event loop logs why.
    """

    take: Callable[[bytes], bool] | None = None

    def process_event(self, event: Frame | Request) -> None:  # type: ignore[override]
        """Take a frame that was read."""
        take = self.take
        if (
            take is None
            or not isinstance(event, Frame)
            or event.opcode is not Opcode.BINARY
            or not event.fin
            or not self._reader_waits
            or not take(bytes(event.data))
        ):
            super().process_event(event)

    @property
    def _reader_waits(self) -> bool:
        """Whether everything that came before was taken: then no message is overtaken."""
        waiting = self.recv_messages.frames
        return waiting.get_waiter is not None and not waiting.queue

    def post(self, message: str | bytes) -> bool:
        """Write a message at once; False, and nothing is written, where ``send`` would wait."""
        if self.paused or self.protocol.state is not State.OPEN:
            return False
        if isinstance(message, str):
            self.protocol.send_text(message.encode())
        else:
            self.protocol.send_binary(message)
        self.send_data()
        return True
