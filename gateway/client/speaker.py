"""A device's loudspeaker, simulated: the buffer, the clock that drains it, and what was heard.

The speaker plays nothing. It keeps the books that a device keeps (how much has passed the
converter, when the buffer ran dry) and keeps the audio, so that a test or a person can listen to
exactly what a user would have heard. It is pure: times come in as arguments, reports come out of
`Speaker.poll`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from protocol.events import Playout

__all__ = ["AUDIBLE_DB", "Playback", "Speaker"]

AUDIBLE_DB: Final = -50.0
"""dBFS of a single sample above which something can be heard."""
_AUDIBLE: Final = 32768.0 * 10.0 ** (AUDIBLE_DB / 20)

Int16Audio: TypeAlias = npt.NDArray[np.int16]


@dataclass(slots=True)
class Playback:
    """One stream of the server, from its announcement until it has been heard or flushed.

    Positions are samples at ``rate``, times are seconds of the session's clock.

    Attributes:
        stream: The stream's id.
        response: The response it belongs to.
        rate: Hz, the unit of all positions.
        audio_rate: Hz of the decoded audio; Opus may be decoded at another rate than ``rate``.
        opened_at: When the stream was announced.
        received: Samples received so far, gaps included.
        decoded: The same at ``audio_rate``, less what a decoder holds back, as far as somebody
            needed the samples.
        heard: Samples that have passed the converter.
        ended: Whether END arrived.
        outcome: How it ended, or None while it lasts.
        first_audio_at: Arrival of the first frame.
        first_audible_at: When the first sample above `AUDIBLE_DB` could be heard at the earliest:
            its frame has arrived, and what lies before it has been played.
        last_frame_at: Arrival of the last frame that was taken.
        longest_gap_s: Longest time between the arrivals of two frames.
        started_at: When the first sample passed the converter.
        ended_at: When playback ended.
        underruns: How often the buffer ran dry in the middle of the stream.
        stalled_s: Seconds of silence that the underruns caused.
        late_frames: Frames that arrived for this stream after it had been flushed.
        late_at: Arrival of the last of them.
    """

    stream: int
    response: str
    rate: int
    audio_rate: int
    opened_at: float
    received: int = 0
    decoded: int = 0
    heard: int = 0
    ended: bool = False
    outcome: Literal["done", "flushed"] | None = None
    first_audio_at: float | None = None
    first_audible_at: float | None = None
    last_frame_at: float | None = None
    longest_gap_s: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    underruns: int = 0
    stalled_s: float = 0.0
    late_frames: int = 0
    late_at: float | None = None
    chunks: list[Int16Audio] = field(default_factory=list)

    @property
    def heard_s(self) -> float:
        """Seconds heard."""
        return self.heard / self.rate

    @property
    def received_s(self) -> float:
        """Seconds received."""
        return self.received / self.rate

    def received_audio(self) -> Int16Audio:
        """Everything that arrived, at ``audio_rate``."""
        return np.concatenate(self.chunks) if self.chunks else np.zeros(0, np.int16)

    def heard_audio(self) -> Int16Audio:
        """What a user heard of it, at ``audio_rate``."""
        return self.received_audio()[: self.heard * self.audio_rate // self.rate]


class Speaker:
    """Plays streams one after the other, in the order in which they were opened.

    Contract: tell it `open`, `play`, `end` and `flush` as the messages arrive, call `poll` at or
    after `next_deadline`, and send what `poll` returns. Nothing here waits.
    """

    def __init__(
        self,
        *,
        start_ms: float = 120,
        report_ms: float = 500,
        keep_audio: bool = True,
        listen: Callable[[Playback], None] | None = None,
    ) -> None:
        """Set the device's habits.

        Args:
            start_ms: How long the first frame lies in the buffer before playback starts; the same
                after an underrun.
            report_ms: Interval of the reports while playing.
            keep_audio: Whether received audio is kept; a load client needs none of it.
            listen: Called with a playback whenever it started or ended.
        """
        self.history: list[Playback] = []
        self._start_s = start_ms / 1000
        self._report_s = report_ms / 1000
        self._keep_audio = keep_audio
        self._listen = listen
        self._queue: deque[Playback] = deque()
        self._by_stream: dict[int, Playback] = {}
        self._reports: list[Playout] = []
        self._start_at: float | None = None
        self._since: float | None = None
        self._base = 0
        self._stalled_at: float | None = None
        self._report_at = 0.0

    @property
    def current(self) -> Playback | None:
        """What is playing, or waits to."""
        return self._queue[0] if self._queue else None

    @property
    def is_idle(self) -> bool:
        """Whether nothing plays and nothing is queued."""
        return not self._queue

    def open(self, stream: int, *, response: str, rate: int, audio_rate: int, now: float) -> None:
        """A stream was announced (``audio.start``)."""
        playback = Playback(stream, response, rate, audio_rate, now)
        self.history.append(playback)
        self._by_stream[stream] = playback
        self._queue.append(playback)

    def needs_samples(self, stream: int) -> bool:
        """Whether `play` looks at a frame's samples; if not, none need to be given.

        They are kept, or the first audible one is still being looked for.
        """
        playback = self._by_stream.get(stream)
        return self._keep_audio or (playback is not None and playback.first_audible_at is None)

    def play(self, stream: int, *, pts: int, samples: int, audio: Int16Audio, now: float) -> None:
        """A frame arrived.

        Args:
            stream: Its stream; a frame of an unknown or flushed stream is counted and dropped.
            pts: Position of its first sample; a gap in front of it becomes silence.
            samples: Its duration at the stream's rate.
            audio: Its samples at the stream's ``audio_rate``; see `needs_samples`.
            now: Arrival.
        """
        playback = self._by_stream.get(stream)
        if playback is None:
            return
        if playback.outcome is not None:
            playback.late_frames += 1
            playback.late_at = now
            return
        self._advance(now)
        self._fill_gap(playback, pts, now)
        if playback.last_frame_at is not None:
            playback.longest_gap_s = max(playback.longest_gap_s, now - playback.last_frame_at)
        playback.last_frame_at = now
        if playback.first_audio_at is None:
            playback.first_audio_at = now
        self._keep(playback, audio, now)
        playback.received += samples
        if playback is self.current and self._since is None and self._start_at is None:
            self._start_at = now + self._start_s

    def end(self, stream: int, now: float, *, rest: Int16Audio | None = None) -> None:
        """END arrived: what has been received is all, but for what a decoder still held."""
        playback = self._by_stream.get(stream)
        if playback is not None and playback.outcome is None:
            if rest is not None and len(rest):
                self._keep(playback, rest, now)
            playback.ended = True
            self._advance(now)

    def flush(self, stream: int, now: float) -> None:
        """Drop this stream and every older one now (``interrupt``); one report says so."""
        self._advance(now)
        for playback in [each for each in self._queue if _is_not_newer(each.stream, stream)]:
            self._close(playback, "flushed", now)
        told = self._by_stream.get(stream)
        self._reports.append(Playout(stream=stream, pts=told.heard if told else 0, state="flushed"))

    def poll(self, now: float) -> list[Playout]:
        """What has to be reported by now, oldest first."""
        self._advance(now)
        head = self.current
        if head is not None and self._since is not None and now >= self._report_at:
            self._report("playing", head)
            self._report_at = now + self._report_s
        reports, self._reports = self._reports, []
        return reports

    def next_deadline(self) -> float | None:
        """When `poll` has to be called next, or None while nothing moves."""
        if self._reports:
            return float("-inf")
        head = self.current
        if head is None:
            return None
        if self._since is None:
            return self._start_at
        return min(self._report_at, self._since + (head.received - self._base) / head.rate)

    # -- the clock ------------------------------------------------------------------------------

    def _advance(self, now: float) -> None:
        """Let the time until ``now`` pass; several short streams may end in it."""
        while (head := self.current) is not None:
            if self._since is None and not self._begin(head, now):
                return
            assert self._since is not None
            position = self._base + int((now - self._since) * head.rate)
            if position < head.received:
                head.heard = max(position, head.heard)
                return
            head.heard = head.received
            dry_at = self._since + (head.received - self._base) / head.rate
            if not head.ended:
                self._stall(head, dry_at)
                return
            self._close(head, "done", dry_at)

    def _begin(self, head: Playback, now: float) -> bool:
        """Start, or go on after a stall, if it is time; whether playback runs now."""
        if head.ended and head.heard == head.received:
            # All was heard before END arrived (or there was nothing): no gap that anyone hears.
            self._close(head, "done", now if self._stalled_at is None else self._stalled_at)
            return False
        if self._start_at is None or now < self._start_at:
            return False
        self._since, self._base = self._start_at, head.heard
        if self._stalled_at is not None:
            head.underruns += 1
            head.stalled_s += self._since - self._stalled_at
            self._stalled_at = None
        self._start_at = None
        if head.started_at is None:
            head.started_at = self._since
            self._report("start", head)
            self._tell(head)
        else:
            self._report("playing", head)
        self._report_at = self._since + self._report_s
        return True

    def _stall(self, head: Playback, dry_at: float) -> None:
        self._since, self._start_at, self._stalled_at = None, None, dry_at
        self._report("stalled", head)

    def _close(self, playback: Playback, outcome: Literal["done", "flushed"], now: float) -> None:
        was_head = playback is self.current
        self._queue.remove(playback)
        playback.outcome, playback.ended_at = outcome, now
        if outcome == "done":
            self._report("done", playback)
        if was_head:
            self._since = self._start_at = self._stalled_at = None
            following = self.current
            if following is not None and following.first_audio_at is not None:
                self._start_at = max(now, following.first_audio_at + self._start_s)
        self._tell(playback)

    # -- the books ------------------------------------------------------------------------------

    def _report(self, state: Literal["start", "playing", "done", "stalled"], of: Playback) -> None:
        buffered = round((of.received - of.heard) * 1000 / of.rate)
        self._reports.append(
            Playout(stream=of.stream, pts=of.heard, state=state, buffered_ms=buffered)
        )

    def _tell(self, playback: Playback) -> None:
        if self._listen is not None:
            self._listen(playback)

    def _fill_gap(self, playback: Playback, pts: int, now: float) -> None:
        gap = pts - playback.received
        if gap > 0:
            playback.received += gap
            self._keep(
                playback, np.zeros(gap * playback.audio_rate // playback.rate, np.int16), now
            )

    def _keep(self, playback: Playback, audio: Int16Audio, now: float) -> None:
        if playback.first_audible_at is None:
            loud = np.flatnonzero(np.abs(audio.astype(np.int32)) > _AUDIBLE)
            if len(loud):
                before = (playback.decoded + int(loud[0])) / playback.audio_rate
                begin = now if playback.first_audio_at is None else playback.first_audio_at
                playback.first_audible_at = max(now, begin + before)
        playback.decoded += len(audio)
        if self._keep_audio and len(audio):
            playback.chunks.append(audio)


def _is_not_newer(stream: int, than: int) -> bool:
    """Whether a stream's id is ``than`` or older, on the wrapping scale of 16 bits (RFC 1982)."""
    return (than - stream) & 0xFFFF < 0x8000
