"""What happened in a recorded session: events both ways, audio, the latencies of each turn. Pure.

All times are the recorder's, which stands between the two: of a latency, the way between it and
the device is missing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmarks.recording.format import Closed, Message, Recording, Side
from gateway.client.decoding import StreamDecoder
from gateway.client.trace import ConversationTrace, TurnTrace
from pipeline.errors import AudioError
from protocol.audio import AudioFormat
from protocol.codec import parse_object, read_client_message, read_envelope, read_server_message
from protocol.errors import BadFrame, MalformedMessage
from protocol.events import (
    AudioOpen,
    AudioStart,
    ClientMessage,
    ServerMessage,
    SpeechStopped,
    Welcome,
)
from protocol.frames import Flag, Frame, Kind, parse

__all__ = ["LEVEL_S", "Event", "Sound", "Timeline", "Turn", "read_timeline"]

Int16Audio: TypeAlias = npt.NDArray[np.int16]

LEVEL_S: Final = 0.1
"""How much audio one level stands for."""
_AUDIBLE: Final = 32768 * 10 ** (-50 / 20)
_MAX_GAP_S: Final = 60.0
_HIDDEN: Final = frozenset({"type", "seq", "ts", "ack", "id", "re", "must", "omitted"})


@dataclass(frozen=True, slots=True)
class Event:
    """One message that is not audio, or a close.

    Attributes:
        at: Seconds from the beginning.
        side: Who sent it.
        name: Its type; "close" of a close, "unreadable" of what is no message of the protocol.
        body: Its fields, without the envelope's.
    """

    at: float
    side: Side
    name: str
    body: Mapping[str, Any]


@dataclass(slots=True)
class Sound:
    """One stream of audio, from START to END or to the next START.

    Attributes:
        side: Who sent it.
        stream: Its id.
        format: How it is encoded.
        rate: Hz of the decoded samples.
        frames: When each frame passed, and the position after it, in samples of ``format.rate``.
        payload_bytes: Of all frames.
        gaps: Stretches that were missing and became silence.
        undecodable: Frames that no decoder took.
        position: One past the last sample, at ``format.rate``.
        audible_at: When the first frame with a sample above -50 dBFS passed.
        chunks: What was decoded, at ``rate``; take it from `samples`.
    """

    side: Side
    stream: int
    format: AudioFormat
    rate: int
    frames: list[tuple[float, int]] = field(default_factory=list)
    payload_bytes: int = 0
    gaps: int = 0
    undecodable: int = 0
    position: int = 0
    audible_at: float | None = None
    chunks: list[Int16Audio] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.position / self.format.rate

    def samples(self) -> Int16Audio:
        """Everything, at ``rate``."""
        self.chunks = [np.concatenate([np.zeros(0, np.int16), *self.chunks])]
        return self.chunks[0]

    def passed_at(self, position: int) -> float | None:
        """When the sample before a position had passed; None if it never did."""
        index = bisect_left(self.frames, position, key=itemgetter(1))
        return self.frames[index][0] if index < len(self.frames) else None

    def levels(self, begin: float, end: float) -> list[float]:
        """Loudness in dBFS of each `LEVEL_S` of what passed between two times."""
        first, last = (bisect_left(self.frames, at, key=itemgetter(0)) for at in (begin, end))
        before = self.frames[first - 1][1] if first else 0
        reached = self.frames[last - 1][1] if last else 0
        cut = self.samples()[self._index(before) : self._index(reached)]
        size = round(LEVEL_S * self.rate)
        return [_decibels(cut[at : at + size]) for at in range(0, len(cut), size)]

    def _index(self, position: int) -> int:
        return position * self.rate // self.format.rate


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn and its latencies, in milliseconds; None where something did not happen.

    Attributes:
        trace: What the server said about it.
        speech_end_at: When the sample passed that the server calls the end of speech.
        hang_over_ms: From there to ``speech.stopped``.
        recognition_ms: From ``speech.stopped`` to ``transcript.final``.
        first_text_ms: From ``transcript.final`` to the reply's first text.
        first_audio_ms: From the end of speech to the reply's first frame; of a typed turn or a
            greeting, from ``response.started``.
        first_audible_ms: The same to the first frame with something to hear.
        reply_s: Seconds of audio that were sent.
    """

    trace: TurnTrace
    speech_end_at: float | None
    hang_over_ms: float | None
    recognition_ms: float | None
    first_text_ms: float | None
    first_audio_ms: float | None
    first_audible_ms: float | None
    reply_s: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """A session, read.

    Attributes:
        events: All that is not audio, in order.
        sounds: All streams, in the order in which they began.
        turns: All turns.
        orphans: Binary messages that belong to no stream.
    """

    events: tuple[Event, ...]
    sounds: tuple[Sound, ...]
    turns: tuple[Turn, ...]
    orphans: int


def read_timeline(recording: Recording) -> Timeline:
    """Read a recording; what is no message of the protocol becomes an event "unreadable"."""
    reader = _Reader()
    for record in recording.records:
        reader.take(record)
    return reader.timeline()


class _Reader:
    def __init__(self) -> None:
        self._events: list[Event] = []
        self._sounds: list[Sound] = []
        self._open: dict[tuple[Side, int], Sound] = {}
        self._decoders: dict[tuple[Side, int], StreamDecoder] = {}
        self._formats: dict[int, AudioFormat] = {}
        self._usual: AudioFormat | None = None
        self._trace = ConversationTrace()
        self._stopped: dict[str, float | None] = {}
        self._orphans = 0

    def take(self, record: Message | Closed) -> None:
        match record:
            case Closed(at, side, code, reason):
                body = {"code": code, "reason": reason}
                self._events.append(Event(at, side, "close", body))
            case Message(content=str()):
                self._take_text(record)
            case Message():
                self._take_frame(record)

    def timeline(self) -> Timeline:
        for key in list(self._decoders):
            self._finish(key)
        turns = tuple(self._turn(trace) for trace in self._trace.turns)
        return Timeline(tuple(self._events), tuple(self._sounds), turns, self._orphans)

    def _take_text(self, message: Message) -> None:
        assert isinstance(message.content, str)
        try:
            body = parse_object(message.content)
        except MalformedMessage as error:
            self._note(message, "unreadable", {"text": message.content, "why": str(error)})
            return
        shown = {key: value for key, value in body.items() if key not in _HIDDEN}
        self._note(message, str(body.get("type")), shown)
        try:
            if message.side is Side.CLIENT:
                self._take_client(read_client_message(body))
            else:
                omitted = read_envelope(body).omitted
                self._take_server(read_server_message(body, omitted), message.at)
        except MalformedMessage:
            return  # it is shown as it is; nothing can be derived from it

    def _note(self, message: Message, name: str, body: Mapping[str, Any]) -> None:
        self._events.append(Event(message.at, message.side, name, body))

    def _take_client(self, event: ClientMessage | None) -> None:
        if isinstance(event, AudioOpen):
            self._formats[event.stream] = AudioFormat(event.codec, event.rate, event.frame_ms)

    def _take_server(self, event: ServerMessage | None, at: float) -> None:
        match event:
            case None:
                return
            case Welcome():
                self._usual = event.audio.in_
            case AudioStart(stream, _, _, codec, rate, frame_ms):
                self._begin(Side.SERVER, stream, AudioFormat(codec, rate, frame_ms))
            case SpeechStopped(turn=name, stream=stream, pts=pts):
                sound = self._open.get((Side.CLIENT, stream))
                self._stopped[name] = sound.passed_at(pts) if sound is not None else None
            case _:
                pass
        self._trace.take(event, at)

    def _take_frame(self, message: Message) -> None:
        assert isinstance(message.content, bytes)
        try:
            frame = parse(message.content)
        except BadFrame:
            self._orphans += 1
            return
        if message.side is Side.CLIENT and frame.flags & Flag.START:
            audio = self._formats.get(frame.stream, self._usual)
            if audio is not None:
                self._begin(Side.CLIENT, frame.stream, audio)
        sound = self._open.get((message.side, frame.stream))
        if sound is None or frame.kind is not Kind.AUDIO:
            self._orphans += 1
            return
        self._hear(sound, frame, message.at)
        if frame.flags & Flag.END:
            self._formats.pop(frame.stream, None)

    def _begin(self, side: Side, stream: int, audio: AudioFormat) -> None:
        key = (side, stream)
        self._finish(key)
        try:
            decoder = StreamDecoder(audio)
        except AudioError:
            return  # its frames count as orphans
        self._decoders[key] = decoder
        self._open[key] = Sound(side, stream, audio, decoder.audio_rate)
        self._sounds.append(self._open[key])

    def _finish(self, key: tuple[Side, int]) -> None:
        """Take what a decoder still holds, and free it."""
        if key in self._decoders:
            decoder = self._decoders.pop(key)
            self._open.pop(key).chunks.append(decoder.flush())
            decoder.close()

    def _hear(self, sound: Sound, frame: Frame, at: float) -> None:
        if frame.payload and frame.pts >= sound.position:
            gap = frame.pts - sound.position
            if 0 < gap <= _MAX_GAP_S * sound.format.rate:
                sound.gaps += 1
                silence = gap * sound.rate // sound.format.rate
                sound.chunks.append(np.zeros(silence, np.int16))
            sound.position = frame.pts + self._decode(sound, frame.payload, at)
            sound.payload_bytes += len(frame.payload)
        sound.frames.append((at, sound.position))

    def _decode(self, sound: Sound, payload: bytes, at: float) -> int:
        try:
            audio, samples = self._decoders[sound.side, sound.stream].decode(payload)
        except AudioError:
            sound.undecodable += 1
            return 0
        sound.chunks.append(audio)
        is_loud = len(audio) > 0 and int(np.abs(audio.astype(np.int32)).max()) > _AUDIBLE
        if is_loud and sound.audible_at is None:
            sound.audible_at = at
        return samples

    def _turn(self, trace: TurnTrace) -> Turn:
        sounds = [each for each in self._sounds if each.side is Side.SERVER]
        streams = [each for each in sounds if each.stream in trace.streams and each.frames]
        speech_end = self._stopped.get(trace.turn or "")
        begin = speech_end if speech_end is not None else trace.response_at
        first = streams[0] if streams else None
        return Turn(
            trace=trace,
            speech_end_at=speech_end,
            hang_over_ms=_between(speech_end, trace.stopped_at),
            recognition_ms=_between(trace.stopped_at, trace.final_at),
            first_text_ms=_between(trace.final_at, trace.first_text_at),
            first_audio_ms=_between(begin, first.frames[0][0] if first else None),
            first_audible_ms=_between(begin, first.audible_at if first else None),
            reply_s=sum(sound.seconds for sound in streams),
        )


def _between(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else (end - begin) * 1000


def _decibels(samples: Int16Audio) -> float:
    power = float(np.mean(np.square(samples / 32768.0))) if len(samples) else 0.0
    return 10 * float(np.log10(power)) if power > 0 else float("-inf")
