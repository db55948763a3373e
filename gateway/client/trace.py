"""What the server's events say about a conversation, put together turn by turn.

Pure: events and their arrival go in, `TurnTrace` records come out. Everything that a client shows,
checks or measures about a turn is read from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from protocol.events import (
    AudioMark,
    AudioStart,
    HistoryTruncated,
    Interrupt,
    Latency,
    ResponseDone,
    ResponseStarted,
    ResponseText,
    ServerEvent,
    SpeechStarted,
    SpeechStopped,
    TranscriptFinal,
    TranscriptPartial,
    Usage,
)

__all__ = ["ConversationTrace", "TurnTrace"]


@dataclass(slots=True)
class TurnTrace:
    """One turn: what the user said, what was answered, and when the client learned of it.

    Times are seconds of the session's clock, None until it happened; positions are samples on the
    microphone's time line.

    Attributes:
        turn: The server's id; None of a response that answers no turn (a greeting).
        response: The id of its response.
        started_pts: Where the server says that speech began (its prefix included).
        stopped_pts: Where the server says that speech ended.
        stop_reason: Why it ended.
        partials: Arrival and text of every partial transcript.
        stable: Arrival and length of the part of it that will not change, in code points.
        transcript: The final transcript.
        words: Its words: text, first sample, one past the last, on the microphone's time line.
        no_speech: The server heard nothing that could be understood.
        reply: The reply's text, as far as it arrived.
        streams: Ids of its audio streams.
        marks: Position and text of each segment.
        status: How the response ended; ``status_reason`` why.
        heard_text: History's text after it was cut to what was heard; None if it was not cut.
        heard_ms: How much the server says was heard, and ``total_ms`` of how much.
        cut_by: Whether playout or an estimate decided where to cut.
    """

    turn: str | None = None
    response: str | None = None
    started_at: float | None = None
    started_pts: int | None = None
    stopped_at: float | None = None
    stopped_pts: int | None = None
    stop_reason: str | None = None
    partials: list[tuple[float, str]] = field(default_factory=list)
    stable: list[tuple[float, int]] = field(default_factory=list)
    transcript: str | None = None
    words: tuple[tuple[str, int, int], ...] = ()
    no_speech: bool = False
    confidence: float | None = None
    final_at: float | None = None
    response_at: float | None = None
    first_text_at: float | None = None
    reply: str = ""
    audio_start_at: float | None = None
    streams: list[int] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    marks: list[tuple[int, str]] = field(default_factory=list)
    done_at: float | None = None
    status: Literal["completed", "cancelled", "incomplete", "failed"] | None = None
    status_reason: str | None = None
    usage: Usage | None = None
    interrupted_at: float | None = None
    interrupt_reason: str | None = None
    truncated_at: float | None = None
    heard_text: str | None = None
    heard_ms: int | None = None
    total_ms: int | None = None
    cut_by: str | None = None
    latency: Latency | None = None

    @property
    def is_over(self) -> bool:
        """Whether the server has said all about it, but for a later interruption of its audio."""
        unanswered = self.final_at is not None and (self.no_speech or not self.transcript)
        return self.status is not None or unanswered

    @property
    def is_dropped(self) -> bool:
        """Whether speech ended and nothing came of it so far."""
        return self.stopped_at is not None and self.final_at is None and self.response is None

    def overlaps(self, begin: int, end: int) -> bool:
        """Whether its speech lies, in part, between two positions of the microphone."""
        if self.started_pts is None:
            return False
        return self.started_pts < end and (self.stopped_pts is None or self.stopped_pts > begin)


class ConversationTrace:
    """All turns of a session, in the order in which the server began them."""

    def __init__(self) -> None:
        self.turns: list[TurnTrace] = []
        self._by_turn: dict[str, TurnTrace] = {}
        self._by_response: dict[str, TurnTrace] = {}
        self._by_stream: dict[int, TurnTrace] = {}
        self._by_item: dict[str, TurnTrace] = {}

    def between(self, begin: int, end: int) -> list[TurnTrace]:
        """The turns whose speech lies between two positions of the microphone."""
        return [turn for turn in self.turns if turn.overlaps(begin, end)]

    def of_response(self, response: str) -> TurnTrace:
        """The turn that a response belongs to."""
        return self._response(response)

    def take(self, event: ServerEvent, at: float) -> None:
        """Note one event; those that belong to no turn are ignored."""
        match event:
            case SpeechStarted(turn=name, pts=pts):
                turn = self._turn(name)
                turn.started_at, turn.started_pts = at, pts
            case SpeechStopped(turn=name, pts=pts, reason=reason):
                turn = self._turn(name)
                turn.stopped_at, turn.stopped_pts, turn.stop_reason = at, pts, reason
            case TranscriptPartial(turn=name, text=text, stable=stable):
                self._turn(name).partials.append((at, text))
                self._turn(name).stable.append((at, stable))
            case TranscriptFinal():
                self._take_final(event, at)
            case Latency(turn=name):
                self._turn(name).latency = event
            case _:
                self._take_reply(event, at)

    def _take_final(self, event: TranscriptFinal, at: float) -> None:
        turn = self._turn(event.turn)
        turn.transcript, turn.final_at, turn.words = event.text, at, event.words or ()
        turn.no_speech, turn.confidence = bool(event.no_speech), event.confidence

    def _take_reply(self, event: ServerEvent, at: float) -> None:
        match event:
            case ResponseStarted():
                self._start_response(event, at)
            case ResponseText(response=name, delta=delta):
                turn = self._response(name)
                turn.first_text_at = at if turn.first_text_at is None else turn.first_text_at
                turn.reply += delta
            case AudioStart():
                self._start_audio(event, at)
            case AudioMark(stream=stream, pts=pts, text=text) if stream in self._by_stream:
                self._by_stream[stream].marks.append((pts, text))
            case Interrupt(response=name, reason=reason):
                turn = self._response(name)
                turn.interrupted_at, turn.interrupt_reason = at, reason
            case HistoryTruncated(item=item) if item in self._by_item:
                self._truncate(self._by_item[item], event, at)
            case ResponseDone():
                self._finish(event, at)
            case _:
                pass

    def _start_response(self, event: ResponseStarted, at: float) -> None:
        turn = self._turn(event.turn) if event.turn is not None else self._new_turn()
        turn.response, turn.response_at = event.response, at
        self._by_response[event.response] = turn

    def _start_audio(self, event: AudioStart, at: float) -> None:
        turn = self._response(event.response)
        turn.audio_start_at = at if turn.audio_start_at is None else turn.audio_start_at
        turn.streams.append(event.stream)
        turn.items.append(event.item)
        self._by_stream[event.stream] = turn
        self._by_item[event.item] = turn

    def _truncate(self, turn: TurnTrace, event: HistoryTruncated, at: float) -> None:
        turn.truncated_at, turn.heard_text, turn.cut_by = at, event.heard_text, event.by
        turn.heard_ms, turn.total_ms = event.heard_ms, event.total_ms

    def _finish(self, event: ResponseDone, at: float) -> None:
        turn = self._response(event.response)
        turn.done_at, turn.status, turn.status_reason = at, event.status, event.reason
        turn.usage = event.usage
        # The text of an interrupted response may be the heard part only; deltas hold all of it.
        turn.reply = turn.reply or event.text
        if event.item is not None:
            self._by_item[event.item] = turn

    def _turn(self, name: str) -> TurnTrace:
        if name not in self._by_turn:
            self._by_turn[name] = self._new_turn()
            self._by_turn[name].turn = name
        return self._by_turn[name]

    def _response(self, name: str) -> TurnTrace:
        if name not in self._by_response:
            self._by_response[name] = self._new_turn()
            self._by_response[name].response = name
        return self._by_response[name]

    def _new_turn(self) -> TurnTrace:
        turn = TurnTrace()
        self.turns.append(turn)
        return turn
