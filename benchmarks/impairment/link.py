"""One direction of a bad network: which byte arrives when. Pure; the relay asks, and then waits.

A link is modelled as a transmitter followed by a distance. The transmitter takes one slice after
the other, at its rate, and pauses while the link stalls; the distance adds the delay, the jitter
and what a lost segment costs. TCP delivers in order, so a slice that is late holds up all behind
it (head-of-line blocking): no arrival is earlier than the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

__all__ = [
    "ANY_RATE",
    "SEGMENT_BYTES",
    "Admission",
    "Cut",
    "CutKind",
    "Direction",
    "Link",
    "LinkSchedule",
    "Profile",
    "Stall",
    "slices",
]

SEGMENT_BYTES: Final = 1448
"""What a TCP segment holds on Ethernet: 1500 less 40 of IPv4 and TCP and 12 of time stamps."""

ANY_RATE: Final = 0.0
"""A rate that is not limited."""


class Direction(StrEnum):
    """Which way bytes go."""

    UP = "up"
    DOWN = "down"


class CutKind(StrEnum):
    """How a connection ends: tidily, or as if a box on the way had forgotten it."""

    FIN = "fin"
    RST = "rst"


class Admission(StrEnum):
    """What happens to a new connection."""

    PASS = "pass"
    REFUSE = "refuse"
    BLACK_HOLE = "black-hole"


@dataclass(frozen=True, slots=True)
class Stall:
    """A link that goes silent again and again, first one interval after it opened.

    Attributes:
        every_s: From the beginning of one silence to the next.
        for_ms: How long each lasts; shorter than the interval.
    """

    every_s: float
    for_ms: float

    def __post_init__(self) -> None:
        if not 0 < self.for_ms / 1000 < self.every_s:
            raise ValueError(
                f"a stall of {self.for_ms:g} ms every {self.every_s:g} s leaves no time between; "
                "make it shorter than its interval"
            )


@dataclass(frozen=True, slots=True)
class Link:
    """One direction.

    Attributes:
        delay_ms: From the last bit sent to its arrival.
        jitter_ms: At most so much is added to it, evenly distributed, for each slice.
        rate_kbps: 1000 bits per second; `ANY_RATE` for no limit.
        stall: Regular silences.
        loss: Probability that a slice is lost and has to be sent again.
        recovery_ms: What a loss adds to the slice's way: its detection and another trip.
        slice_bytes: Bytes travel in slices of at most so many, and are written so.
        buffer_bytes: What may be on the way; beyond it, nothing more is read from the sender.
    """

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    rate_kbps: float = ANY_RATE
    stall: Stall | None = None
    loss: float = 0.0
    recovery_ms: float = 0.0
    slice_bytes: int = SEGMENT_BYTES
    buffer_bytes: int = 256 * 1024

    def __post_init__(self) -> None:
        for name in ("delay_ms", "jitter_ms", "rate_kbps", "recovery_ms"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is {getattr(self, name):g}, expected a number from 0")
        if not 0 <= self.loss < 1:
            raise ValueError(f"loss is {self.loss:g}, expected a share from 0 to below 1")
        if not 1 <= self.slice_bytes <= self.buffer_bytes:
            raise ValueError(
                f"slice_bytes is {self.slice_bytes}, expected 1 to {self.buffer_bytes}, the buffer"
            )


@dataclass(frozen=True, slots=True)
class Cut:
    """The end of a connection, at a byte, at a frame or at a time, whichever comes first.

    Attributes:
        kind: How.
        at_byte: After exactly so many bytes have been passed on in ``direction``, the WebSocket
            handshake included; None for no such limit.
        after_s: So long after the connection was accepted; None for no such limit.
        direction: Whose bytes count.
        times: Only the first so many connections are cut; None for all.
        at_frame: After so many whole WebSocket frames in ``direction``, control frames included;
            not through TLS. None for no such limit.
    """

    kind: CutKind
    at_byte: int | None = None
    after_s: float | None = None
    direction: Direction = Direction.DOWN
    times: int | None = None
    at_frame: int | None = None

    def __post_init__(self) -> None:
        if self.at_byte is None and self.after_s is None and self.at_frame is None:
            raise ValueError("a cut needs a byte or a time; say at which byte, or after how long")
        for unit, number in (("byte", self.at_byte), ("frame", self.at_frame)):
            if number is not None and number < 1:
                raise ValueError(f"a cut at {unit} {number} cannot be; count from 1")
        if self.after_s is not None and not 0 < self.after_s < float("inf"):
            raise ValueError(f"a cut after {self.after_s:g} s cannot be; give more than 0")


@dataclass(frozen=True, slots=True)
class Profile:
    """A network.

    Attributes:
        name: What it is called.
        up: Client to server.
        down: Server to client.
        cut: How connections end before their time.
        why: Where the numbers come from.
    """

    name: str
    up: Link = field(default_factory=Link)
    down: Link = field(default_factory=Link)
    cut: Cut | None = None
    why: str = ""


class LinkSchedule:
    """Plans the arrivals of one connection in one direction.

    Args:
        link: The direction.
        opened: When the connection began, in seconds of the caller's clock; stalls count from it.
        draw: Evenly distributed numbers in [0, 1); called twice for each slice if the link has
            jitter or loss, so that the same seed gives the same network whatever is sent.
    """

    def __init__(self, link: Link, *, opened: float, draw: Callable[[], float]) -> None:
        self._link = link
        self._opened = opened
        self._draw = draw
        self._free_at = opened
        self._arrived_at = opened

    def arrival(self, size: int, now: float) -> float:
        """When a slice of ``size`` bytes, handed over at ``now``, has arrived as a whole.

        Never earlier than ``now`` nor than the arrival of the slice before.
        """
        link = self._link
        seconds = size * 8 / (link.rate_kbps * 1000) if link.rate_kbps else 0.0
        self._free_at = self._transmitted(max(now, self._free_at), seconds)
        on_the_way = (link.delay_ms + self._random_ms()) / 1000
        self._arrived_at = max(self._arrived_at, self._free_at + on_the_way)
        return self._arrived_at

    def _random_ms(self) -> float:
        link = self._link
        if not link.jitter_ms and not link.loss:
            return 0.0
        jitter, chance = self._draw() * link.jitter_ms, self._draw()
        return jitter + (link.recovery_ms if chance < link.loss else 0.0)

    def _transmitted(self, begin: float, seconds: float) -> float:
        """When sending is over that takes so long and pauses in every stall."""
        stall = self._link.stall
        if stall is None:
            return begin + seconds
        silence = stall.for_ms / 1000
        number = int((begin - self._opened) / stall.every_s)
        at, left = begin, seconds
        while True:
            silent_from = self._opened + number * stall.every_s
            if number and silent_from <= at < silent_from + silence:
                at = silent_from + silence
            number += 1
            following = self._opened + number * stall.every_s
            if at + left <= following:
                return at + left
            left -= max(0.0, following - at)
            at = max(at, following)


def slices(content: bytes, size: int) -> Iterator[bytes]:
    """Cut bytes into pieces of at most ``size``."""
    for begin in range(0, len(content), size):
        yield content[begin : begin + size]
