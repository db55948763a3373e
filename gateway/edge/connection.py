"""One socket: a handshake, one reader, one writer, one timer."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import ConnectionClosed

from gateway.control.metrics import Metrics
from gateway.edge.socket import Socket
from gateway.logs import SESSION
from gateway.sessions.outbox import Closing, Outbox
from gateway.sessions.session import Session
from pipeline.waiting import Signal
from protocol.errors import CloseCode, ErrorCode
from protocol.events import Goaway, Hello
from protocol.sequence import ACK_DELAY_S
from protocol.server import Command, Outcome, ServerProtocol

__all__ = ["Connection", "Refusal"]

log = logging.getLogger(__name__)

BURST = 8
"""Messages that are taken without giving the event loop back, while more are here already."""
BURST_S = 0.01
"""Within which so many frames are taken as they are read; the reader takes those beyond, with turns
for others in between."""
CHECKS_PER_DEADLINE = 4
"""How often, within the send deadline, a look is taken at whether a send has outlasted it. A timer
for each message would cost more than sending it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a hello is not welcome; ``details`` as in `protocol.events.ErrorReport`."""

    code: ErrorCode
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)


class Connection:
    """Serves one accepted socket from hello to close.

    Args:
        websocket: The socket.
        protocol: Its protocol endpoint, new.
        welcome: Judges a hello: returns a session, welcomed and started, or a refusal.
        metrics: Counts.
        clock: Monotonic seconds.
        send_deadline: Seconds that a send may take; after at most a quarter more the socket is cut.
    """

    def __init__(
        self,
        websocket: Socket,
        protocol: ServerProtocol,
        *,
        welcome: Callable[[Hello, Outbox], Session | Refusal],
        metrics: Metrics,
        clock: Callable[[], float],
        send_deadline: float,
    ) -> None:
        self._websocket = websocket
        self._protocol = protocol
        self._welcome = welcome
        self._metrics = metrics
        self._clock = clock
        self._send_deadline = send_deadline
        self._outbox = Outbox()
        self._sending_since: float | None = None
        self._rearm = Signal()
        self._armed_until = 0.0
        self._context = contextvars.copy_context()
        self._burst_began = 0.0
        self._burst = 0
        self._session: Session | None = None

    async def run(self) -> None:
        """Serve the socket until it is closed by either side. Does not raise for a peer's faults.

        Returns when the socket is of no more use; the session may live on to end its turn.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(self._write(), name="writer")
                timer = tasks.create_task(self._watch_deadlines(), name="timer")
                reader = tasks.create_task(self._read(), name="reader")
                await asyncio.wait({writer, reader}, return_when=asyncio.FIRST_COMPLETED)
                for task in (reader, timer, writer):
                    task.cancel("the socket is closed")
        finally:
            # Whatever the close handshake still wants, it does not get to wait for.
            self._websocket.transport.abort()

    def go_away(self, left_ms: int, reason: str) -> None:
        """Tell the client that the server will close."""
        self._outbox.put(Goaway(left_ms, reason, resume=False))

    def close(self, code: CloseCode, reason: str) -> None:
        """Close the socket after what is pending."""
        self._outbox.close(code, reason)

    @property
    def session(self) -> Session | None:
        """The session that is attached, once welcomed."""
        return self._session

    # -- in -------------------------------------------------------------------------------------

    async def _read(self) -> None:
        unbroken = 0
        with suppress(ConnectionClosed):
            async for message in self._websocket:
                self._metrics.received(len(message))
                self._apply(self._protocol.receive(message, self._clock()))
                self._rearm_if_sooner()
                if self._session is not None and self._session.is_behind:
                    await self._session.ready_for_more()
                # The next message may be here already; then waiting for it gives nobody a turn.
                unbroken += 1
                if unbroken == BURST:
                    unbroken = 0
                    await asyncio.sleep(0)

    def _take_frame(self, message: bytes) -> bool:
        """Take a frame of the microphone in the moment in which it was read.

        Where more audio waits than is listened to, the reader takes it, and waits.
        """
        if self._session is None or self._session.is_behind:
            return False
        now = self._clock()
        if now - self._burst_began > BURST_S:
            self._burst_began, self._burst = now, 0
        if self._burst == BURST:
            return False
        self._burst += 1
        self._metrics.received(len(message))
        self._context.run(self._session.apply, self._protocol.receive(message, now))
        # What a frame makes due is an acknowledgement, and not before the timer's next look.
        return True

    def _apply(self, outcome: Outcome) -> None:
        if self._session is not None:
            self._session.apply(outcome)
            return
        for reply in outcome.replies:
            self._outbox.put(reply)
        for command in outcome.commands:
            self._greet(command)
        if outcome.close is not None:
            self._outbox.close(outcome.close.code, outcome.close.reason)

    def _greet(self, command: Command) -> None:
        if self._session is not None:
            self._session.receive(command)
            return
        assert isinstance(command.event, Hello)  # the protocol lets nothing else through first
        verdict = self._welcome(command.event, self._outbox)
        if isinstance(verdict, Refusal):
            self._metrics.error(verdict.code)
            self._apply(self._protocol.refuse(verdict.code, verdict.message, verdict.details))
        else:
            self._session = verdict
            # For the rest of the reader's life; the timer, which says little, does without.
            SESSION.set(verdict.id)
            self._context = contextvars.copy_context()
            self._websocket.take = self._take_frame

    # -- out ------------------------------------------------------------------------------------

    async def _write(self) -> None:
        while True:
            entry = await self._outbox.take()
            if isinstance(entry, Closing):
                await self._close(entry)
                return
            message = self._protocol.seal(entry.event, self._clock(), re=entry.re)
            if not await self._send(message) or self._is_too_slow():
                return
            if self._session is not None:
                self._session.on_sent(entry.event)

    async def _send(self, message: str | bytes) -> bool:
        if self._websocket.post(message):
            self._metrics.sent(len(message))
            return True
        self._sending_since = self._clock()
        try:
            await self._websocket.send(message)
        except ConnectionClosed:
            return False
        finally:
            self._sending_since = None
        self._metrics.sent(len(message))
        return True

    def _is_too_slow(self) -> bool:
        if self._outbox.is_overfull:
            log.warning("too much waits for a client; cutting it off")
            self._metrics.error("slow_consumer")
            self._websocket.transport.abort()
            return True
        return False

    async def _close(self, closing: Closing) -> None:
        with suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(self._send_deadline):
                await self._websocket.close(closing.code, closing.reason[:120])
        if self._session is not None and closing.code is not CloseCode.GOING_AWAY:
            self._session.end(_RESULTS.get(closing.code, "closed"))

    # -- time -----------------------------------------------------------------------------------

    async def _watch_deadlines(self) -> None:
        while True:
            now = self._clock()
            self._cut_off_if_stuck(now)
            deadline = self._protocol.next_deadline()
            if deadline is not None and deadline <= now:
                self._apply(self._protocol.on_deadline(now))
                continue
            look = now + min(ACK_DELAY_S, self._send_deadline / CHECKS_PER_DEADLINE)
            self._armed_until = look if deadline is None else min(look, deadline)
            self._rearm.clear()
            await self._rearm.wait_within(self._armed_until - now)

    def _rearm_if_sooner(self) -> None:
        deadline = self._protocol.next_deadline()
        if deadline is not None and deadline < self._armed_until:
            self._rearm.set()

    def _cut_off_if_stuck(self, now: float) -> None:
        since = self._sending_since
        if since is not None and now - since >= self._send_deadline:
            log.warning("a client took nothing for %g s; cutting it off", self._send_deadline)
            self._metrics.error("slow_consumer")
            self._websocket.transport.abort()


_RESULTS = {
    CloseCode.NORMAL: "completed",
    CloseCode.TIMEOUT: "timeout",
    CloseCode.SESSION_ENDED: "expired",
    CloseCode.INTERNAL_ERROR: "failed",
    CloseCode.BAD_MESSAGE: "protocol_error",
    CloseCode.RATE_LIMITED: "rate_limited",
}
