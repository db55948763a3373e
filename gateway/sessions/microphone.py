"""A session's microphone: frames of whichever stream is open, as samples on one time line."""

from __future__ import annotations

from gateway.sessions.timeline import Timeline
from pipeline.codecs import AudioDecoder
from pipeline.engines import Int16Audio
from protocol.audio import AudioFormat, Encoding
from protocol.events import AudioOpen, AudioReceived

__all__ = ["Microphone"]


class Microphone:
    """Decodes the stream that spoke last; frames of another one make it the microphone.

    Args:
        default: The format agreed on, for streams that ``audio.open`` did not announce.
        timeline: Learns where each stream begins and where samples are missing.
    """

    def __init__(self, default: AudioFormat | None, timeline: Timeline) -> None:
        self._default = default
        self._timeline = timeline
        self._announced: dict[int, AudioFormat] = {}
        self._open: dict[int, AudioFormat] = {}
        self._stream = 0
        self._format: AudioFormat | None = None
        self._decoder: AudioDecoder | None = None

    @property
    def stream(self) -> int:
        """The stream that is the microphone now; 0 before any."""
        return self._stream

    @property
    def is_open(self) -> bool:
        """Whether that stream has started and not ended."""
        return self._decoder is not None

    def announce(self, opening: AudioOpen) -> None:
        """From its next start until the end after that, the stream will be in this format."""
        self._announced[opening.stream] = AudioFormat(opening.codec, opening.rate, opening.frame_ms)

    def begin(self, stream: int, position: int) -> None:
        """A stream starts: its first sample will be at ``position``."""
        self._close_decoder()
        self._stream = stream
        announced = self._announced.pop(stream, None)
        self._format = announced or self._open.get(stream, self._default)
        if self._format is not None:
            self._open[stream] = self._format
        self._anchor(position, 0)

    def skip(self, pts: int, position: int) -> None:
        """Samples before ``pts`` are missing and not made up; the next is at ``position``."""
        self._close_decoder()
        self._anchor(position, pts)

    def decode(self, frame: AudioReceived) -> list[Int16Audio]:
        """Return the frame's samples (16 kHz), inserted silence first.

        Raises:
            AudioError: If the payload is not what its format says; the stream goes on.
        """
        if self._decoder is None:
            return []
        pieces = [self._decoder.insert_silence(frame.silence)] if frame.silence else []
        if frame.payload or frame.dtx:
            pieces.append(self._decoder.decode(frame.payload, dtx=frame.dtx))
        return pieces

    def catch_up(self) -> Int16Audio | None:
        """Return what the resampler holds back (up to 120 ms); the stream goes on behind it."""
        if self._decoder is None or self._decoder.format.codec is Encoding.OPUS:
            return None  # Opus is decoded to 16 kHz at once, and its decoder must not be reset
        return self._decoder.flush()

    def forget(self, stream: int) -> None:
        """The stream has ended: its next start is in the format agreed on, unless announced."""
        self._open.pop(stream, None)

    def end(self) -> Int16Audio | None:
        """The microphone's stream ends: return what the resampler held back."""
        rest = self._decoder.flush() if self._decoder is not None else None
        self._close_decoder()
        return rest

    def close(self) -> None:
        """Free the decoder."""
        self._close_decoder()

    def _anchor(self, position: int, pts: int) -> None:
        if self._format is not None:
            self._timeline.anchor(position, self._stream, pts, self._format.rate)
            self._decoder = AudioDecoder(self._format)

    def _close_decoder(self) -> None:
        if self._decoder is not None:
            self._decoder.close()
            self._decoder = None
