"""Between a microphone stream's pts and the session's own 16 kHz time line. Pure."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

__all__ = ["Timeline"]

POSITION_RATE = 16_000
MOST_ANCHORS = 64


@dataclass(frozen=True, slots=True)
class _Anchor:
    position: int
    stream: int
    pts: int
    rate: int


class Timeline:
    """Where each stream's samples lie. Between anchors both clocks run at their rates.

    A stream's start is an anchor (its pts is 0), and so is every point behind a gap that was not
    filled with silence.
    """

    def __init__(self) -> None:
        self._anchors: list[_Anchor] = []

    def anchor(self, position: int, stream: int, pts: int, rate: int) -> None:
        """From ``position`` on, samples are those of ``stream`` from ``pts`` on."""
        if self._anchors and self._anchors[-1].position == position:
            self._anchors.pop()
        self._anchors.append(_Anchor(position, stream, pts, rate))
        del self._anchors[:-MOST_ANCHORS]

    def locate(self, position: int) -> tuple[int, int]:
        """Return the stream and the pts (at its rate, mod 2^32) of a position; stream 1 if none."""
        at = bisect_right(self._anchors, position, key=lambda anchor: anchor.position) - 1
        if at < 0:
            return (self._anchors[0].stream if self._anchors else 1), 0
        anchor = self._anchors[at]
        pts = anchor.pts + (position - anchor.position) * anchor.rate // POSITION_RATE
        return anchor.stream, max(0, pts) % 2**32

    def position(self, pts: int) -> int:
        """Return the position of a pts of the newest stretch; it may lie in the future."""
        if not self._anchors:
            return pts
        anchor = self._anchors[-1]
        # The wire's pts wraps at 2^32: take the value nearest to the stretch.
        ahead = (pts - anchor.pts + 2**31) % 2**32 - 2**31
        return max(0, anchor.position + ahead * POSITION_RATE // anchor.rate)
