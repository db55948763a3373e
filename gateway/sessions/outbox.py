"""What a session has to say and has not said yet: two lanes, and a gate for each reply's sound."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.waiting import Signal
from protocol.codec import is_sequenced
from protocol.errors import CloseCode
from protocol.events import AudioEnd, AudioFrame, AudioMark, ServerEvent

__all__ = ["Closing", "Entry", "Outbox"]

MOST_BYTES = 512 * 1024
"""Of audio that waits; playout pacing keeps it far below (2 s) while the client reads."""
MOST_ENTRIES = 8192


class Entry(NamedTuple):
    """An event to send. It has no number yet: that is given when the socket takes it."""

    event: ServerEvent
    re: str | None = None


@dataclass(frozen=True, slots=True)
class Closing:
    """The last thing to do: close the socket with this code."""

    code: CloseCode
    reason: str


class Outbox:
    """Pending events in two lanes: unsequenced ones (acks, pings, farewells) pass the others.

    Entries have no sequence number, so closing a reply only filters what is pending and leaves no
    hole. One task takes, any code on the loop puts.
    """

    def __init__(self) -> None:
        self._urgent: deque[Entry] = deque()
        self._ordered: deque[Entry] = deque()
        self._closing: Closing | None = None
        self._changed = Signal()
        self._audio_bytes = 0

    def __len__(self) -> int:
        return len(self._urgent) + len(self._ordered)

    @property
    def is_overfull(self) -> bool:
        """Whether more waits than a client that reads could ever cause."""
        return self._audio_bytes > MOST_BYTES or len(self) > MOST_ENTRIES

    def put(self, event: ServerEvent, *, re: str | None = None) -> None:
        """Append an event to its lane; nothing may follow a farewell."""
        if self._closing is not None:
            return
        if isinstance(event, AudioFrame):
            self._audio_bytes += len(event.payload)
            self._ordered.append(Entry(event, re))
        else:
            lane = self._ordered if is_sequenced(event) else self._urgent
            lane.append(Entry(event, re))
        self._changed.set()

    def close_reply(self, response: str, stream: int) -> None:
        """Withdraw the audio, marks and end of a reply that were not sent. Takes effect now."""
        kept = [
            entry
            for entry in self._ordered
            if not _belongs_to(entry.event, response=response, stream=stream)
        ]
        self._ordered = deque(kept)
        self._audio_bytes = sum(
            len(entry.event.payload) for entry in kept if isinstance(entry.event, AudioFrame)
        )

    def close(self, code: CloseCode, reason: str, *, drop: bool = False) -> None:
        """Close the socket after what is pending (or, with ``drop``, instead of it)."""
        if self._closing is None:
            self._closing = Closing(code, reason)
        if drop:
            self._ordered.clear()
            self._audio_bytes = 0
        self._changed.set()

    async def take(self) -> Entry | Closing:
        """Return the next entry when there is one; `Closing` is last. Cancelling loses none."""
        while True:
            if self._urgent:
                return self._urgent.popleft()
            if self._ordered:
                return self._pop_ordered()
            if self._closing is not None:
                return self._closing
            self._changed.clear()
            await self._changed.wait()

    def _pop_ordered(self) -> Entry:
        entry = self._ordered.popleft()
        if isinstance(entry.event, AudioFrame):
            self._audio_bytes -= len(entry.event.payload)
        return entry


def _belongs_to(event: ServerEvent, *, response: str, stream: int) -> bool:
    match event:
        case AudioFrame():
            return event.response == response
        case AudioMark() | AudioEnd():
            return event.stream == stream
        case _:
            return False
