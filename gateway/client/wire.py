"""A device's socket without tasks: messages go out at once, and come in as calls.

`websockets` connects, upgrades, frames and closes; what it does with a task switch or a timer per
message is done here without one. A load client with hundreds of devices spends most of its time on
that, and on a device it is a few microcontroller instructions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.protocol import State

__all__ = ["Wire"]

_INVALID_TEXT: Final = 1007


class Wire(ClientConnection):
    """A connection whose messages are handed to a listener; give it to `dial`.

    ``recv`` and ``send`` of the base class are not for it: use `listen` and `post`.
    """

    def __init__(self, *args: Any, **more: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **more)
        self._early: list[str | bytes] = []
        self._pieces: list[Frame] = []
        self._deliver: Callable[[str | bytes], None] = self._early.append
        self._lost: Callable[[ConnectionClosed], None] | None = None
        self._writable: Callable[[], None] | None = None

    @property
    def can_write(self) -> bool:
        """Whether a message would go out, and not pile up behind a socket that takes nothing."""
        return not self.paused and self.protocol.state is State.OPEN

    def listen(
        self,
        *,
        deliver: Callable[[str | bytes], None],
        lost: Callable[[ConnectionClosed], None],
        writable: Callable[[], None],
    ) -> None:
        """Hand over what comes, and what has come already.

        Args:
            deliver: Called with every message.
            lost: Called once, when the connection is gone.
            writable: Called when the socket takes messages again.
        """
        early, self._early = self._early, []
        self._deliver, self._lost, self._writable = deliver, lost, writable
        for message in early:
            deliver(message)
        if self.protocol.state is State.CLOSED:
            lost(self.close_exc)

    def post(self, message: str | bytes) -> None:
        """Send a message now; call it only while `can_write`."""
        if isinstance(message, str):
            self.protocol.send_text(message.encode())
        else:
            self.protocol.send_binary(message)
        for data in self.protocol.data_to_send():
            self.transport.write(data)

    def stop_reading(self) -> None:
        """Take nothing from the socket; the server feels it once the buffers are full."""
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def read_on(self) -> None:
        """Take what has piled up, and what comes."""
        if not self.transport.is_closing():
            self.transport.resume_reading()

    # -- what the base class calls --------------------------------------------------------------

    def process_event(self, event: Any) -> None:  # noqa: ANN401
        """Hand a message over as soon as it is whole."""
        if not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
            super().process_event(event)
        elif event.fin and not self._pieces:
            self._take(event.opcode, bytes(event.data))
        else:
            self._pieces.append(event)
            if event.fin:
                pieces, self._pieces = self._pieces, []
                self._take(pieces[0].opcode, b"".join(bytes(each.data) for each in pieces))

    def resume_writing(self) -> None:
        """The socket's buffer has room again."""
        super().resume_writing()
        if self._writable is not None:
            self._writable()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        super().connection_lost(exc)
        if self._lost is not None:
            self._lost(self.close_exc)

    def _take(self, opcode: Opcode, data: bytes) -> None:
        if opcode is not Opcode.TEXT:
            self._deliver(data)
            return
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            self.protocol.fail(_INVALID_TEXT, f"{error.reason} at position {error.start}")
            self.send_data()
            return
        self._deliver(text)
