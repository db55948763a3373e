"""From what the pipeline reports to what the wire says: one match statement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

import orjson

from gateway.sessions.timeline import Timeline
from pipeline import events as heard
from pipeline.engines import Word
from protocol import events as wire
from protocol.audio import AudioFormat
from protocol.errors import ErrorCode

__all__ = ["FIRST_STREAM", "Bridge"]

FIRST_STREAM = 0x0100
LAST_STREAM = 0xFFFF
PER_SECOND = 16_000
LONGEST_DELTA = 256
"""Code points, of which JSON makes at most six bytes each: fits the smallest ``max_text``."""


class Bridge:
    """Translates one session's reports, and numbers the streams of its replies.

    Args:
        timeline: Where microphone positions lie on the client's streams.
        features: What the client wants to hear about.

    Attributes:
        output: Format of the replies that will start; one in progress keeps its own. None: text.
    """

    def __init__(self, timeline: Timeline, features: frozenset[str]) -> None:
        self._timeline = timeline
        self._features = features
        self._streams: dict[str, int] = {}
        self._formats: dict[str, AudioFormat | None] = {}
        self._next_stream = FIRST_STREAM
        self.output: AudioFormat | None = None

    def stream_of(self, response: str) -> int:
        """Return the stream that carries a reply's audio, or 0."""
        return self._streams.get(response, 0)

    def response_of(self, stream: int) -> str:
        """Return the reply that a stream carries, or ""."""
        return next((reply for reply, number in self._streams.items() if number == stream), "")

    def translate(self, event: heard.PipelineEvent) -> Iterator[wire.ServerEvent]:
        """Yield what to send; nothing where the client asked not to be told."""
        match event:
            case heard.StateChanged():
                yield wire.State(event.state.value)
            case heard.SpeechStarted():
                if "vad_events" in self._features:
                    stream, pts = self._timeline.locate(event.position)
                    yield wire.SpeechStarted(event.turn, stream, pts)
            case heard.SpeechStopped():
                if "vad_events" in self._features:
                    stream, pts = self._timeline.locate(event.position)
                    yield wire.SpeechStopped(event.turn, stream, pts, event.reason.value)
            case heard.PartialHeard():
                if "partials" in self._features:
                    partial = event.partial
                    confidence = _rounded(partial.confidence)
                    yield wire.TranscriptPartial(
                        event.turn, partial.text, partial.stable, confidence
                    )
            case heard.TranscriptReady():
                yield self._final(event)
            case heard.ReplyStarted():
                self._formats[event.response] = self.output
                metadata = orjson.loads(event.metadata) if event.metadata else None
                yield wire.ResponseStarted(event.response, event.turn or None, metadata)
            case heard.ReplyText():
                if event.always or self._shows_text(event.response):
                    for delta in _pieces(event.delta):
                        yield wire.ResponseText(event.response, delta)
            case heard.ReplyAudioStarted():
                yield self._audio_start(event)
            case heard.ReplyMark():
                if "captions" in self._features:
                    stream = self.stream_of(event.response)
                    yield wire.AudioMark(stream, event.pts, event.text.strip(), event.index)
            case heard.ReplyAudio():
                yield self.frame(event)
            case heard.ReplyAudioEnded():
                yield wire.AudioEnd(self.stream_of(event.response), event.pts % 2**32)
            case heard.ReplyInterrupted():
                stream = self.stream_of(event.response)
                yield wire.Interrupt(stream, event.response, event.reason.value)
            case heard.ReplyCut():
                yield wire.HistoryTruncated(
                    event.item, event.heard_text, event.heard_ms, event.total_ms, event.by.value
                )
            case heard.ReplyDone():
                self._formats.pop(event.response, None)
                yield _done(event)
            case heard.LatencyMeasured():
                if "latency" in self._features:
                    yield _latency(event)
            case heard.TurnFailed():
                yield wire.ErrorReport(ErrorCode(event.code), event.message)
            case _:
                assert_never(event)

    def _shows_text(self, response: str) -> bool:
        return self._formats.get(response) is None or "text_out" in self._features

    def _audio_start(self, event: heard.ReplyAudioStarted) -> wire.AudioStart:
        output = self._formats[event.response]
        assert output is not None  # a reply without a format has no audio
        stream = self._next_stream
        self._next_stream = stream + 1 if stream < LAST_STREAM else FIRST_STREAM
        self._streams[event.response] = stream
        while len(self._streams) > 16:  # reports about older ones mean nothing any more
            self._streams.pop(next(iter(self._streams)))
        return wire.AudioStart(
            stream, event.response, event.item, output.codec, output.rate, output.frame_ms
        )

    def frame(self, event: heard.ReplyAudio) -> wire.AudioFrame:
        """A frame of a reply's sound."""
        return wire.AudioFrame(
            self.stream_of(event.response),
            event.pts,
            event.payload,
            start=event.start,
            end=event.end,
            response=event.response,
            samples=event.samples,
        )

    def _final(self, event: heard.TranscriptReady) -> wire.TranscriptFinal:
        transcript = event.transcript
        words = tuple(self._word(word, transcript.begin) for word in transcript.words)
        return wire.TranscriptFinal(
            event.turn,
            event.item,
            transcript.text,
            transcript.language,
            _rounded(transcript.confidence),
            True if transcript.no_speech or not transcript.text else None,
            words or None,
        )

    def _word(self, word: Word, begin: int) -> tuple[str, int, int]:
        start, end = (
            self._timeline.locate(begin + round(seconds * PER_SECOND))[1]
            for seconds in (word.start, word.end)
        )
        return word.text, start, end


def _done(event: heard.ReplyDone) -> wire.ResponseDone:
    usage = wire.Usage(event.usage.prompt, event.usage.generated, event.usage.cached)
    return wire.ResponseDone(
        event.response,
        event.status.value,
        event.text,
        usage,
        event.reason or None,
        event.item or None,
        event.heard,
    )


def _latency(event: heard.LatencyMeasured) -> wire.Latency:
    return wire.Latency(
        event.turn,
        round(event.stop_to_final),
        round(event.llm_first),
        round(event.tts_first),
        round(event.stop_to_audio),
    )


def _pieces(text: str) -> Iterator[str]:
    for at in range(0, len(text), LONGEST_DELTA):
        yield text[at : at + LONGEST_DELTA]


def _rounded(probability: float | None) -> float | None:
    return None if probability is None else round(min(1.0, max(0.0, probability)), 3)
