"""The log of numbered frames that were sent and not yet acknowledged."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

from protocol.frames import mark_replay
from protocol.sequence import is_after

__all__ = ["Replay", "SentLog"]


_Entry: TypeAlias = tuple[int, str | bytes, int, float]
"""Number, frame, size, when it was sent. A plain tuple of plain values is nothing that the garbage
collector has to look at again and again; there are thousands of them."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What can be sent again.

    Attributes:
        lost: First and last number that are gone; None if nothing is.
        frames: The rest in order, binary ones marked as replayed.
    """

    lost: tuple[int, int] | None
    frames: tuple[str | bytes, ...]


class SentLog:
    """Frames that may have to be sent again; bounded by bytes and by age, the oldest go first.

    Args:
        max_bytes: Bound on the sum of all frames' sizes.
        max_age_s: Bound on the age of a frame.
    """

    def __init__(self, max_bytes: int, max_age_s: float) -> None:
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._entries: deque[_Entry] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._bytes

    def append(self, seq: int, frame: str | bytes, size: int, now: float) -> None:
        """Keep a frame that was just handed to the socket; ``size`` in bytes."""
        self._entries.append((seq, frame, size, now))
        self._bytes += size
        self._forget_old(now)

    def acknowledge(self, seq: int) -> None:
        """Forget everything up to a number that the peer has."""
        while self._entries and not is_after(self._entries[0][0], seq):
            self._drop_oldest()

    def since(self, first: int, last_sent: int) -> Replay:
        """Everything from a number on that is still here.

        Args:
            first: First number wanted; at most ``last_sent``.
            last_sent: Highest number in use; tells what is lost if nothing is left.
        """
        wanted = [(seq, frame) for seq, frame, _, _ in self._entries if not is_after(first, seq)]
        frames = tuple(
            mark_replay(frame) if isinstance(frame, bytes) else frame for _, frame in wanted
        )
        if not wanted:
            return Replay((first, last_sent), ())
        oldest = wanted[0][0]
        return Replay(None if oldest == first else (first, _predecessor(oldest)), frames)

    def _forget_old(self, now: float) -> None:
        while self._entries and (
            self._bytes > self._max_bytes or now - self._entries[0][3] > self._max_age_s
        ):
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self._bytes -= self._entries.popleft()[2]


def _predecessor(seq: int) -> int:
    return seq - 1 if seq > 1 else 0xFFFFFFFF
