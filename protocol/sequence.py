"""Sequence numbers of one direction: arithmetic that wraps, receipt, and when to acknowledge.

Numbers have 32 bits, begin with 1 and skip 0, which means "not counted". Order is that of RFC 1982
(serial number arithmetic): a number precedes another if it is less than half the circle behind.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

__all__ = ["AckCadence", "Receipt", "ReceiveCounter", "difference", "is_after", "successor"]

_CIRCLE: Final = 1 << 32
_HALF: Final = 1 << 31

ACK_FRAMES: Final = 32
"""Received frames after which an acknowledgement is due at once."""

ACK_DELAY_S: Final = 1.0
"""Seconds after the oldest frame not yet acknowledged when an acknowledgement is due."""


def difference(later: int, earlier: int) -> int:
    """Signed distance between two 32-bit positions on the circle, from -2^31 to 2^31 - 1."""
    return (later - earlier + _HALF) % _CIRCLE - _HALF


def is_after(seq: int, other: int) -> bool:
    """Whether a number comes after another (RFC 1982 section 3.2)."""
    return difference(seq, other) > 0


def successor(seq: int) -> int:
    """The number after this one; 1 follows 2^32 - 1."""
    return seq + 1 if seq < _CIRCLE - 1 else 1


class Receipt(Enum):
    """What to do with a numbered frame."""

    ACCEPT = auto()
    DUPLICATE = auto()
    GAP = auto()
    """The first one beyond a hole: discard it and ask for what is missing."""
    DISCARD = auto()
    """A further one beyond a hole that was already asked for."""


class ReceiveCounter:
    """How far the peer's frames have arrived without a hole.

    Attributes:
        recv: Highest number received in order; 0 before the first.
        counting: Whether the peer numbers its frames; None until its first frame tells.
    """

    def __init__(self, recv: int = 0) -> None:
        self.recv = recv
        self.counting: bool | None = None
        self._hole_reported = False
        self._unnumbered = 0

    @property
    def expected(self) -> int:
        """The number that comes next."""
        return successor(self.recv)

    def decide(self, *, counting: bool) -> None:
        """Settle, by the first frame that tells, whether the peer counts."""
        if self.counting is None:
            self.counting = counting

    def admit(self, seq: int) -> Receipt:
        """Judge a numbered frame, and count it if it is the next one.

        The first frame of a peer that counts may leave out the unreadable ones before it, or not.
        """
        if self.counting is None:
            self.counting = True
            if 1 <= seq <= self._unnumbered + 1:
                self.recv = seq - 1
        if seq == self.recv + 1 or seq == self.expected:  # the second is for the wrap, and slower
            self.recv = seq
            self._hole_reported = False
            return Receipt.ACCEPT
        if not is_after(seq, self.recv):
            return Receipt.DUPLICATE
        if self._hole_reported:
            return Receipt.DISCARD
        self._hole_reported = True
        return Receipt.GAP

    def consume_unreadable(self) -> None:
        """Count a frame whose number cannot be read: it had the next one."""
        if self.counting:
            self.recv = self.expected
        elif self.counting is None:
            self._unnumbered += 1

    def consume(self, seq: int) -> bool:
        """Count a frame that was refused before its turn was looked at, if it is the next one."""
        if self.counting is not False and seq == self.expected:
            self.counting = True
            self.recv = seq
            return True
        return False

    def skip_to(self, seq: int) -> None:
        """Go on after a hole that the peer cannot fill; a number that is not ahead is ignored."""
        if is_after(seq, self.recv):
            self.recv = seq
        self._hole_reported = False


class AckCadence:
    """When an acknowledgement must leave: after 32 frames, or 1 s after the oldest open one."""

    def __init__(self) -> None:
        self._frames = 0
        self._oldest: float | None = None

    @property
    def pending(self) -> bool:
        """Whether anything was received since the last acknowledgement."""
        return self._frames > 0

    @property
    def deadline(self) -> float | None:
        """When an acknowledgement is due at the latest; None if there is nothing to acknowledge."""
        return None if self._oldest is None else self._oldest + ACK_DELAY_S

    def received(self, now: float) -> bool:
        """Note a frame; return whether an acknowledgement is due at once."""
        self._frames += 1
        if self._oldest is None:
            self._oldest = now
        return self._frames >= ACK_FRAMES

    def acknowledged(self) -> None:
        """An acknowledgement left, by itself or riding on a message."""
        self._frames = 0
        self._oldest = None
