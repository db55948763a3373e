"""What of one audio stream has been sent and heard, and how far to run ahead. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Playout", "PlayoutSettings", "PlayoutState"]

STALL_PATIENCE_S = 10.0
"""A device that reported a stall and then fell silent is assumed to play again after this."""


class PlayoutState(StrEnum):
    """What a device says about its speaker."""

    START = "start"
    PLAYING = "playing"
    DONE = "done"
    FLUSHED = "flushed"
    STALLED = "stalled"


@dataclass(frozen=True, slots=True)
class PlayoutSettings:
    """The device's buffer, as it described it.

    Attributes:
        rate: Samples per second of the stream's pts.
        reports: Whether the device reports its playout.
        buffer_ms: What the device can hold.
        start_ms: How long it buffers before it starts to play.
        reported_window_ms: Most that is sent ahead of a device that reports.
        estimated_window_ms: Most that is sent ahead of one that does not.
    """

    rate: int
    reports: bool = True
    buffer_ms: int = 2400
    start_ms: int = 120
    reported_window_ms: int = 2000
    estimated_window_ms: int = 600

    @property
    def window(self) -> int:
        """Samples that may be sent and not heard."""
        cap = self.reported_window_ms if self.reports else self.estimated_window_ms
        return min(self.buffer_ms, cap) * self.rate // 1000


class Playout:
    """The playout of one stream: an anchor (when, which sample) extrapolated at the stream's rate.

    The anchor is the device's last report; before any, or without reports, the moment when the
    first frame should sound: sent, half a round trip on the way, then ``start_ms`` of buffering.
    When the device ran dry in between, the anchor moves on to the frame that ended the underrun.
    """

    def __init__(self, settings: PlayoutSettings) -> None:
        self._settings = settings
        self._sent = 0
        self._anchor_time = math.inf
        self._anchor_pts = 0
        self._final: int | None = None
        self.flushed = False

    @property
    def window_s(self) -> float:
        """Seconds that may be sent and not heard."""
        return self._settings.window / self._settings.rate

    @property
    def sent(self) -> int:
        """Samples handed to the socket."""
        return self._sent

    def on_sent(self, end_pts: int, now: float, round_trip: float = 0.0) -> bool:
        """Note that the frames up to ``end_pts`` were handed to the socket.

        Returns:
            Whether what `wait_before` said before may be too long now.
        """
        if end_pts <= self._sent:
            return False
        arrival = now + round_trip / 2
        anchored = True
        if self._anchor_time == math.inf:
            self._anchor_time = arrival + self._settings.start_ms / 1000
        elif self._extrapolated(arrival) >= self._sent and arrival > self._anchor_time:
            # It had played everything and waited: time that passed then was not heard.
            self._anchor_time, self._anchor_pts = arrival, self._sent
        else:
            anchored = False
        self._sent = end_pts
        if not self.flushed:
            self._final = None  # "done" was about what the device had then
        return anchored

    def on_report(self, pts: int, state: PlayoutState, now: float) -> None:
        """Take a device's report: ``pts`` samples have been heard."""
        pts = max(0, min(pts, self._sent))
        # A stalled device stays where it is, then goes on from there.
        patience = STALL_PATIENCE_S if state is PlayoutState.STALLED else 0.0
        self._anchor_time, self._anchor_pts = now + patience, pts
        if state in (PlayoutState.DONE, PlayoutState.FLUSHED):
            self._final = pts
            self.flushed = self.flushed or state is PlayoutState.FLUSHED

    def heard(self, now: float) -> int:
        """Samples heard by now: reported, or else estimated; never more than were sent."""
        return self._extrapolated(now) if self._final is None else self._final

    def wait_before(self, begin_pts: int, end_pts: int, now: float) -> float:
        """Seconds until the frame ``[begin_pts:end_pts]`` may go out; 0 if now, inf if unknown.

        A report, or the hand-over of an earlier frame, may shorten the wait. A frame larger than
        the window goes when everything before it has been heard.
        """
        # Also after "done" and "flushed": no device may hold up its own reply for ever.
        heard = self._extrapolated(now)
        excess = min(end_pts - heard - self._settings.window, begin_pts - heard)
        if excess <= 0:
            return 0.0
        return max(0.0, self._anchor_time - now) + excess / self._settings.rate

    def remaining(self, now: float) -> float:
        """Seconds until everything that was sent has been heard, by the best knowledge."""
        if self._final is not None or self._sent == 0:
            return 0.0
        unheard = self._sent - self.heard(now)
        if not unheard:
            return 0.0
        return max(0.0, self._anchor_time - now) + unheard / self._settings.rate

    def _extrapolated(self, now: float) -> int:
        if now <= self._anchor_time:
            return self._anchor_pts
        played = int((now - self._anchor_time) * self._settings.rate)
        return min(self._sent, self._anchor_pts + played)
