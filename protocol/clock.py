"""How far two clocks lie apart, from pings and pongs.

The arithmetic and the filter are NTP's (RFC 5905 sections 8 and 10): of the last eight samples the
one with the shortest round trip is the least disturbed by queues, so its offset is believed.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from protocol.events import Ping, Pong
from protocol.sequence import difference

__all__ = ["ClockFilter", "wire_clock"]

_SAMPLES: Final = 8
_OPEN_PINGS: Final = 8


def wire_clock(now: float) -> int:
    """A monotonic time in seconds as a ``ts``: ms, low 32 bits."""
    return int(now * 1000) & 0xFFFFFFFF


class _Sample(NamedTuple):
    round_trip_s: float
    offset_ms: float


class ClockFilter:
    """Samples of the peer's clock."""

    def __init__(self) -> None:
        self._open: dict[int, float] = {}
        self._samples: deque[_Sample] = deque(maxlen=_SAMPLES)

    def ping(self, now: float) -> Ping:
        """A ping that leaves now."""
        t0 = wire_clock(now)
        self._open[t0] = now
        while len(self._open) > _OPEN_PINGS:
            del self._open[next(iter(self._open))]
        return Ping(t0)

    def pong(self, pong: Pong, now: float) -> None:
        """Take the answer to a ping; one that answers nothing open is ignored."""
        sent = self._open.pop(pong.t0, None)
        if sent is None:
            return
        held_ms = max(0, difference(pong.t2, pong.t1))
        round_trip = max(0.0, now - sent - held_ms / 1000)
        forth = difference(pong.t1, pong.t0)
        back = difference(pong.t2, wire_clock(now))
        self._samples.append(_Sample(round_trip, (forth + back) / 2))

    @property
    def round_trip_s(self) -> float | None:
        """Shortest round trip of the last eight, in seconds; None before the first."""
        return min(self._samples).round_trip_s if self._samples else None

    @property
    def offset_ms(self) -> float | None:
        """The peer's clock less ours in ms, by the sample with the shortest round trip."""
        return min(self._samples).offset_ms if self._samples else None
