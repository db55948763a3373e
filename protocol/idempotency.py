"""Commands that a client repeats under the same id take effect once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocol.events import ServerMessage

__all__ = ["CommandLog"]

MAX_IDS: Final = 256
"""Ids that are remembered."""

MAX_AGE_S: Final = 600.0
"""Seconds that an id is remembered."""


@dataclass(slots=True)
class _Entry:
    seen: float
    reply: ServerMessage | None = None


class CommandLog:
    """The ids of the latest commands, and the first reply to each."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def is_new(self, id: str, now: float) -> bool:
        """Note a command; False if it was seen before and must have no effect."""
        self._forget(now)
        if id in self._entries:
            return False
        if len(self._entries) >= MAX_IDS:
            del self._entries[next(iter(self._entries))]
        self._entries[id] = _Entry(now)
        return True

    def answered(self, id: str, reply: ServerMessage) -> None:
        """Keep the first reply to a command; later ones and unknown ids change nothing."""
        entry = self._entries.get(id)
        if entry is not None and entry.reply is None:
            entry.reply = reply

    def reply(self, id: str) -> ServerMessage | None:
        """The first reply to a command; None if it was not answered yet."""
        entry = self._entries.get(id)
        return entry.reply if entry else None

    def _forget(self, now: float) -> None:
        while self._entries:
            oldest = next(iter(self._entries))
            if now - self._entries[oldest].seen <= MAX_AGE_S:
                return
            del self._entries[oldest]
