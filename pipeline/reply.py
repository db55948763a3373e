"""A reply from its first word until it has been heard: text, times, marks, playout. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.engines import TimedText
from pipeline.playout import Playout, PlayoutSettings

__all__ = ["Reply"]


@dataclass(slots=True)
class _Segment:
    """A stretch of text and the audio that speaks it; pts at the output rate."""

    start: int
    end: int
    start_pts: int
    end_pts: int
    words: list[tuple[int, int]] = field(default_factory=list)  # (end character, end pts)


class Reply:
    """One reply. It outlives its producer: it ends when it has been heard, flushed or given up.

    Args:
        response: Id on the wire.
        item: Id of its item in the history.
        turn: Id of the user's turn that caused it, or "".
        playout: The device's buffer; None where the reply is text only.
        voice_rate: Sample rate of the voice in Hz; word times come in it.
    """

    def __init__(
        self, response: str, item: str, turn: str, playout: PlayoutSettings | None, voice_rate: int
    ) -> None:
        self.response = response
        self.item = item
        self.turn = turn
        self.text = ""
        self.done = False
        self.audio_started = False
        self.total_pts = 0
        self.playout = Playout(playout) if playout else None
        self._rate = playout.rate if playout else 0
        self._voice_rate = voice_rate
        self._segments: list[_Segment] = []

    @property
    def rate(self) -> int:
        """Samples per second of the reply's pts; 0 where it has no audio."""
        return self._rate

    @property
    def segments(self) -> int:
        """Segments spoken so far."""
        return len(self._segments)

    def open_segment(self, start: int, end: int, pts: int) -> None:
        """Text ``[start:end]`` begins to sound at ``pts``."""
        self._segments.append(_Segment(start, end, pts, pts))

    def add_audio(self, end_pts: int, words: Sequence[TimedText]) -> None:
        """The open segment's audio now reaches to ``end_pts``; ``words`` end within it."""
        segment = self._segments[-1]
        segment.end_pts = end_pts
        for word in words:
            end = segment.start_pts + word.end_sample * self._rate // self._voice_rate
            segment.words.append((segment.start + word.end, end))

    def heard_text(self, pts: int) -> str:
        """Return the text of which every word had ended by ``pts``, without spaces around it."""
        if self.playout is None:
            return self.text.strip()
        return self.text[: self._heard_characters(pts)].strip()

    def _heard_characters(self, pts: int) -> int:
        heard = 0
        for segment in self._segments:
            if segment.end_pts <= pts and segment.end_pts > segment.start_pts:
                heard = self._spoken_until(segment)
            elif segment.start_pts < pts:
                return max(heard, self._heard_within(segment, pts))
        return heard

    def _spoken_until(self, segment: _Segment) -> int:
        """The newest segment may still be growing: then its audio ends before its text."""
        if self.done or segment is not self._segments[-1] or not segment.words:
            return segment.end
        timed = segment.words[-1][0]
        is_whole = not any(sign.isalnum() for sign in self.text[timed : segment.end])
        return segment.end if is_whole else timed

    def _heard_within(self, segment: _Segment, pts: int) -> int:
        if segment.words:
            return max((at for at, end in segment.words if end <= pts), default=0)
        # No word times: in proportion to the characters, back to the last whole word.
        share = (pts - segment.start_pts) / max(1, segment.end_pts - segment.start_pts)
        text = self.text[segment.start : segment.end]
        reached = int(share * len(text))
        while reached and reached < len(text) and not text[reached].isspace():
            reached -= 1
        return segment.start + reached if reached else 0
