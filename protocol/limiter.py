"""How many frames a peer may send: a token bucket with a warning before the end."""

from __future__ import annotations

from enum import Enum, auto

__all__ = ["FrameRate", "Verdict"]


class Verdict(Enum):
    """What to do about one more frame."""

    FINE = auto()
    WARN = auto()
    """Too many, for the first time: take it, and say so."""
    EXCEEDED = auto()
    """Too many in spite of the warning."""


class FrameRate:
    """Frames per second of a peer.

    A bucket of ``burst`` frames fills with ``per_second``. The first frame beyond it brings a
    warning; frames are still taken until half a burst more is overdrawn. A bucket that was half
    full again forgets the warning.
    """

    def __init__(self, per_second: float, burst: float, now: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left = burst
        self._at = now
        self._warned = False

    def count(self, now: float) -> Verdict:
        """Count one frame."""
        refill = max(0.0, now - self._at) * self._per_second
        self._at = max(self._at, now)
        self._left = min(self._burst, self._left + refill) - 1
        if self._left >= self._burst / 2:
            self._warned = False
        if self._left >= 0:
            return Verdict.FINE
        if not self._warned:
            self._warned = True
            return Verdict.WARN
        return Verdict.EXCEEDED if self._left < -self._burst / 2 else Verdict.FINE

    @property
    def recovery_ms(self) -> int:
        """How long to stay silent until a whole burst is allowed again."""
        return round((self._burst - self._left) / self._per_second * 1000)
