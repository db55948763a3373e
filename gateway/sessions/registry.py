"""All sessions of a server: how many there may be, and how they end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from gateway.control.metrics import Metrics
from gateway.logs import log_context
from gateway.sessions.session import Session

__all__ = ["SessionRegistry"]

log = logging.getLogger(__name__)

POLL_S = 0.05


class SessionRegistry:
    """Holds live sessions; each runs as a task of the server's group.

    Args:
        tasks: The server's task group.
        metrics: Counts.
        clock: Monotonic seconds.
    """

    def __init__(
        self, tasks: asyncio.TaskGroup, metrics: Metrics, clock: Callable[[], float]
    ) -> None:
        self._tasks = tasks
        self._metrics = metrics
        self._clock = clock
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def start(self, session: Session) -> asyncio.Task[None]:
        """Let a session live; its task never raises."""
        self._sessions[session.id] = session
        return self._tasks.create_task(self._live(session), name=f"session-{session.id}")

    async def _live(self, session: Session) -> None:
        began = self._clock()
        self._metrics.session_opened()
        with log_context(session=session.id):
            log.info("session began")
            try:
                await session.run()
            finally:
                del self._sessions[session.id]
                seconds = self._clock() - began
                self._metrics.session_closed(session.result, seconds=seconds)
                log.info("session ended: %s after %.1f s", session.result, seconds)

    async def drain(self, within: float) -> bool:
        """Wait until no session is in a turn, then end them all. Returns whether all were done."""
        deadline = self._clock() + within
        while any(session.is_busy for session in self._sessions.values()):
            if self._clock() >= deadline:
                break
            await asyncio.sleep(POLL_S)
        done = not any(session.is_busy for session in self._sessions.values())
        for session in list(self._sessions.values()):
            session.end("drained")
        return done

    def each(self) -> list[Session]:
        """Return the sessions alive now."""
        return list(self._sessions.values())
