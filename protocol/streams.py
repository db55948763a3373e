"""The life of the audio streams that a client sends: what opens, continues and ends them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocol.audio import AudioFormat, payload_samples
from protocol.errors import BadFrame, ErrorCode, MalformedMessage
from protocol.events import AudioEnded, AudioInterrupted, AudioOpen, AudioReceived
from protocol.frames import Flag, Frame
from protocol.sequence import difference

__all__ = ["LAST_CLIENT_STREAM", "UplinkEvent", "UplinkStreams"]

LAST_CLIENT_STREAM: Final = 0xFF
"""Highest stream id that a client may use; the server's begin above."""

_START: Final = int(Flag.START)
_END: Final = int(Flag.END)
_DTX: Final = int(Flag.DTX)

UplinkEvent = AudioReceived | AudioInterrupted | AudioEnded


@dataclass(slots=True)
class _Stream:
    """An open stream; ``position`` is one past the last sample, unwrapped."""

    audio: AudioFormat
    position: int = 0
    announced: bool = False


class UplinkStreams:
    """The client's streams: checks each frame and puts it in its place on the time line.

    Args:
        agreed: Format of a stream that was not announced by ``audio.open``; None if the client
            said that it sends no audio.
        max_streams: How many may be open or announced at once.
    """

    def __init__(self, agreed: AudioFormat | None, max_streams: int) -> None:
        self._agreed = agreed
        self._max_streams = max_streams
        self._open: dict[int, _Stream] = {}
        self._declared: dict[int, AudioFormat] = {}
        self._discarded: set[int] = set()

    @property
    def open_streams(self) -> frozenset[int]:
        """Ids of the streams that are open."""
        return frozenset(self._open)

    def format_of(self, stream: int) -> AudioFormat | None:
        """Format of an open stream."""
        known = self._open.get(stream)
        return known.audio if known else None

    def declare(self, request: AudioOpen) -> None:
        """Keep the format that the stream will have from its next START on.

        Raises:
            MalformedMessage: ``bad_field`` for a rate that the codec does not have;
                ``bad_event`` if too many streams are open.
        """
        if request.codec in ("pcmu", "pcma") and request.rate != 8000:
            raise MalformedMessage(
                ErrorCode.BAD_FIELD,
                f"rate is {request.rate}, {request.codec} has 8000 only",
                "rate",
            )
        in_use = self._open.keys() | self._declared.keys() | {request.stream}
        if len(in_use) > self._max_streams:
            raise MalformedMessage(
                ErrorCode.BAD_EVENT,
                f"{self._max_streams} streams are open already; end one first",
                "stream",
            )
        self._declared[request.stream] = AudioFormat(request.codec, request.rate, request.frame_ms)

    def discard(self, stream: int) -> None:
        """Ignore a stream until its next START: its beginning could not be used."""
        self._open.pop(stream, None)
        self._discarded.add(stream)

    def accept(self, frame: Frame) -> list[UplinkEvent]:
        """Take a frame of kind audio; return what it means, in order.

        Raises:
            BadFrame: If it belongs to no open stream, comes too late, or its payload cannot be
                one of the stream's format. The stream goes on as if the frame had been lost.
        """
        if frame.stream > LAST_CLIENT_STREAM:
            raise _refused(frame, f"stream {frame.stream} is the server's; use 1 to 255")
        if frame.flags & _START:
            self._start(frame)
        elif frame.stream in self._discarded:
            return []
        stream = self._open.get(frame.stream)
        if stream is None:
            raise _refused(frame, f"stream {frame.stream} is not open; send START with pts 0")
        return self._place(stream, frame)

    def _start(self, frame: Frame) -> None:
        if frame.pts != 0:
            raise _refused(frame, f"START has pts {frame.pts}, expected 0")
        current = self._open.get(frame.stream)
        audio = self._declared.pop(frame.stream, None)
        if audio is None:
            audio = current.audio if current else self._unannounced(frame)
        self._discarded.discard(frame.stream)
        self._open[frame.stream] = _Stream(audio)

    def _unannounced(self, frame: Frame) -> AudioFormat:
        """The format of a stream that just begins; only one such may be open."""
        if self._agreed is None:
            raise _refused(frame, "no audio to the server was agreed; send audio.open first")
        if self._open:
            others = ", ".join(map(str, sorted(self._open)))
            raise _refused(
                frame, f"stream {others} is open; end it, or announce a second by audio.open"
            )
        return self._agreed

    def _place(self, stream: _Stream, frame: Frame) -> list[UplinkEvent]:
        ahead = difference(frame.pts, stream.position & 0xFFFFFFFF)
        if ahead < 0:
            raise _refused(frame, f"pts {frame.pts} is {-ahead} samples behind the stream")
        samples = self._duration(stream.audio, frame)
        pts = stream.position + ahead
        events: list[UplinkEvent] = []
        jumped = ahead > stream.audio.rate
        if jumped:
            events.append(AudioInterrupted(frame.stream, pts))
        start, stream.announced = not stream.announced, True
        stream.position = pts + samples
        ends, dtx = frame.flags & _END != 0, frame.flags & _DTX != 0
        if samples or start:
            silence = 0 if jumped else ahead
            events.append(
                AudioReceived(frame.stream, frame.payload, pts, start, ends, dtx, silence)
            )
        if ends:
            del self._open[frame.stream]
            events.append(AudioEnded(frame.stream, stream.position))
        return events

    def _duration(self, audio: AudioFormat, frame: Frame) -> int:
        if frame.payload:
            try:
                return payload_samples(frame.payload, audio)
            except ValueError as error:
                raise _refused(frame, str(error)) from error
        if frame.flags & _DTX:
            return audio.frame_samples
        if frame.flags & _END:
            return 0
        raise _refused(frame, "payload is empty, which only END and DTX frames may be")


def _refused(frame: Frame, message: str) -> BadFrame:
    return BadFrame(message, stream=frame.stream, seq=frame.seq)
