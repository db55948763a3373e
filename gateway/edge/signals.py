"""SIGINT and SIGTERM: the first asks to drain, the second forces."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

__all__ = ["ShutdownSignals"]

log = logging.getLogger(__name__)

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class ShutdownSignals:
    """Turns signals into an event; an async context manager, on the main thread.

    Args:
        force: Ends the process at the second signal, given its exit status (128 + signal). The
            default leaves at once, without waiting for engine threads.

    Attributes:
        requested: Set by the first signal, or by `request`.
    """

    def __init__(self, *, force: Callable[[int], None] = os._exit) -> None:
        self.requested = asyncio.Event()
        self._force = force

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._on_signal, number)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)

    def request(self) -> None:
        """Ask for the shutdown as a signal would, e.g. because an engine died."""
        self.requested.set()

    def _on_signal(self, number: signal.Signals) -> None:
        if self.requested.is_set():
            log.warning("%s again: leaving now", number.name)
            self._force(128 + number)
            return
        log.info("%s: finishing the turns in progress; once more leaves at once", number.name)
        self.requested.set()
