"""The task tree of one reply: think, speak, deliver. Cancelling it ends all three."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from pipeline.codecs import AudioEncoder, EncodedFrame
from pipeline.engines import (
    Generated,
    Int16Audio,
    Prompt,
    SpeakJob,
    SpokenAudio,
    StopSignal,
    Usage,
    Voice,
)
from pipeline.engines.thread import EngineRunner, Priority, ResultStream
from pipeline.errors import EngineError, EngineFailed
from pipeline.events import (
    PipelineEvent,
    ReplyAudio,
    ReplyAudioEnded,
    ReplyAudioStarted,
    ReplyMark,
    ReplyStatus,
    ReplyText,
    TurnFailed,
)
from pipeline.reply import Reply
from pipeline.segmentation import Segmenter
from pipeline.waiting import Signal
from protocol.audio import AudioFormat

__all__ = ["Thinker", "Turn", "TurnSettings", "TurnTimes"]

log = logging.getLogger(__name__)

SEGMENTS_AHEAD = 2
CHUNKS_AHEAD = 4
AUDIO_AHEAD_S = 30.0
PACE_STEP_S = 1.0
PACE_LEAST_S = 0.06
"""Frames wait at least so long when they have to wait: then several leave with one wake-up."""
ENCODE_SLICE_S = 0.1


class Thinker(Protocol):
    """A conversation's place in the language model."""

    def reply(self, prompt: Prompt) -> ResultStream[Generated]:
        """Begin to answer."""
        ...


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """How a reply is produced.

    Attributes:
        output: Format of the audio, or None for text only.
        language: BCP 47 tag of what is said, for the voice and for finding the ends of sentences;
            "" is the voice's own.
        voice: Name of the voice, or "" for the language's.
        speed: Pace of the voice, 1.0 its own.
        apology: What is said where an engine failed.
        max_payload: Most bytes in one frame's payload.
        first_token_within, token_within: Deadlines of the language model in seconds.
        speech_within: Deadline of a segment's first audio in seconds, queueing included.
    """

    output: AudioFormat | None
    speed: float = 1.0
    apology: str = "Sorry, something went wrong. Please try again."
    max_payload: int = 4080
    first_token_within: float = 30.0
    token_within: float = 10.0
    speech_within: float = 20.0
    language: str = ""
    voice: str = ""


@dataclass(slots=True)
class TurnTimes:
    """When things happened, in the clock's seconds; None where they did not (yet)."""

    prompted: float | None = None
    first_text: float | None = None
    first_segment: float | None = None
    first_speech: float | None = None
    first_audio: float | None = None


@dataclass(frozen=True, slots=True)
class _Segment:
    start: int
    text: str


@dataclass(frozen=True, slots=True)
class _Chunk:
    segment: _Segment
    opens: bool
    audio: SpokenAudio


class Turn:
    """Produces one reply and hands it over, paced by what the listener has heard.

    Args:
        reply: Filled as it grows; readable at any moment, also after a cancellation.
        thinker: Answers prompts; unused for a turn that speaks given text.
        voice: Where segments are spoken.
        voice_rate: Sample rate of the voice in Hz.
        settings: Format, pace, deadlines.
        report: Takes events, synchronously, in order.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        reply: Reply,
        *,
        thinker: Thinker,
        voice: EngineRunner[Voice],
        voice_rate: int,
        settings: TurnSettings,
        report: Callable[[PipelineEvent], None],
        clock: Callable[[], float],
    ) -> None:
        self.times = TurnTimes()
        self.usage = Usage()
        self.status = ReplyStatus.COMPLETED
        self.failure = ""
        self._reply = reply
        self._thinker = thinker
        self._voice = voice
        self._voice_rate = voice_rate
        self._settings = settings
        self._listener = report
        self._stopped = False
        self._clock = clock
        self._moved = Signal()
        self._taken = asyncio.Event()
        # A quarter of the window at most, so that a small buffer does not run dry meanwhile.
        window_s = reply.playout.window_s if reply.playout is not None else 0.0
        self._pace_least = min(PACE_LEAST_S, window_s / 4)
        self._spoken_samples = 0
        self._delivered_samples = 0

    @property
    def is_cut_short(self) -> bool:
        """Whether the model was stopped by its token limit."""
        return self.status is ReplyStatus.INCOMPLETE

    def playout_moved(self) -> None:
        """The listener has heard more, or frames went out: look at the window again."""
        self._moved.set()

    def stop(self) -> None:
        """Report nothing and change nothing of the reply from here on; then cancel the task.

        The children of a cancelled group run on until the cancellation has reached them.
        """
        self._stopped = True

    def _report(self, event: PipelineEvent) -> None:
        """Called before what is reported is entered into the reply."""
        if self._stopped:
            raise asyncio.CancelledError("the turn was stopped")
        self._listener(event)

    async def answer(self, prompt: Prompt) -> None:
        """Think, speak and deliver the answer to a prompt. Returns when all is handed over."""
        await self._run(self._think(prompt))

    async def say(self, text: str, *, failed: str = "") -> None:
        """Speak exactly this text. ``failed``: the failure that it apologises for."""
        if failed:
            self._fail(failed)
        await self._run(self._recite(text, always=bool(failed)))

    async def _run(self, pieces: AsyncGenerator[str]) -> None:
        segments: asyncio.Queue[_Segment | None] = asyncio.Queue(SEGMENTS_AHEAD)
        if self._settings.output is None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._segment(pieces, segments), name="think")
                tasks.create_task(_drain(segments), name="drop")
            return
        chunks: asyncio.Queue[_Chunk | None] = asyncio.Queue(CHUNKS_AHEAD)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._segment(pieces, segments), name="think")
            tasks.create_task(self._speak(segments, chunks), name="speak")
            tasks.create_task(self._deliver(chunks, self._settings.output), name="deliver")

    # -- think ----------------------------------------------------------------------------------

    async def _recite(self, text: str, *, always: bool) -> AsyncGenerator[str]:
        self.times.prompted = self.times.first_text = self._clock()
        self._grow(text, always=always)
        yield text

    async def _think(self, prompt: Prompt) -> AsyncGenerator[str]:
        self.times.prompted = self._clock()
        try:
            async with self._thinker.reply(prompt) as pieces:
                async for piece in pieces:
                    self._note(piece)
                    if piece.text:
                        self._grow(piece.text)
                        yield piece.text
            if not self._reply.text.strip():
                raise EngineFailed("the model gave an empty answer")
        except EngineError as error:
            self._report(TurnFailed("llm_failed", str(error), self._reply.turn))
            self._fail("llm_failed")
            apology = (" " if self._reply.text else "") + self._settings.apology
            self._grow(apology, always=True)
            yield apology

    def _note(self, piece: Generated) -> None:
        if piece.text and self.times.first_text is None:
            self.times.first_text = self._clock()
        if piece.usage is not None:
            self.usage = piece.usage
        if piece.finish == "length":
            self.status = ReplyStatus.INCOMPLETE

    def _grow(self, delta: str, *, always: bool = False) -> None:
        self._report(ReplyText(self._reply.response, delta, always))
        self._reply.text += delta

    def _fail(self, code: str) -> None:
        self.status, self.failure = ReplyStatus.FAILED, code

    async def _segment(
        self, pieces: AsyncGenerator[str], segments: asyncio.Queue[_Segment | None]
    ) -> None:
        segmenter = Segmenter(language=self._settings.language or "en")
        at = 0
        async with aclosing(pieces):
            async for piece in pieces:
                for text in segmenter.feed(piece):
                    at = await self._put(segments, at, text)
        for text in segmenter.flush():
            at = await self._put(segments, at, text)
        await segments.put(None)

    async def _put(self, segments: asyncio.Queue[_Segment | None], at: int, text: str) -> int:
        if self.times.first_segment is None:
            self.times.first_segment = self._clock()
        await segments.put(_Segment(at, text))
        return at + len(text)

    # -- speak ----------------------------------------------------------------------------------

    async def _speak(
        self, segments: asyncio.Queue[_Segment | None], chunks: asyncio.Queue[_Chunk | None]
    ) -> None:
        while (segment := await segments.get()) is not None:
            if self.failure == "tts_failed":
                continue  # the text still reaches the client
            await self._wait_until_needed()
            try:
                await self._speak_segment(segment, chunks)
            except EngineError as error:
                self._report(TurnFailed("tts_failed", str(error), self._reply.turn))
                self._fail("tts_failed")
                self._report(ReplyText(self._reply.response, self._settings.apology, always=True))
        await chunks.put(None)

    async def _wait_until_needed(self) -> None:
        while self._spoken_samples - self._delivered_samples > AUDIO_AHEAD_S * self._voice_rate:
            # Not `_moved`, which the delivery clears: this loop would spin while that is set.
            self._taken.clear()
            await self._taken.wait()

    async def _speak_segment(self, segment: _Segment, chunks: asyncio.Queue[_Chunk | None]) -> None:
        settings = self._settings
        job = SpeakJob(segment.text, settings.speed, settings.language, settings.voice)

        def work(voice: Voice, stop: StopSignal) -> Iterator[SpokenAudio]:
            return voice.speak(job, stop=stop)

        first = self.times.first_speech is None
        opens = True
        async with self._voice.run(
            work,
            priority=Priority.FIRST if first else Priority.CONTINUATION,
            first_within=self._settings.speech_within,
            gap_within=self._settings.speech_within,
        ) as spoken:
            async for audio in spoken:
                if self.times.first_speech is None:
                    self.times.first_speech = self._clock()
                self._spoken_samples += len(audio.audio)
                await chunks.put(_Chunk(segment, opens, audio))
                opens = False

    # -- deliver --------------------------------------------------------------------------------

    async def _deliver(self, chunks: asyncio.Queue[_Chunk | None], output: AudioFormat) -> None:
        encoder = AudioEncoder(
            output, source_rate=self._voice_rate, max_payload=self._settings.max_payload
        )
        try:
            while (chunk := await chunks.get()) is not None:
                self._place(chunk, output)
                for piece in self._slices(chunk.audio.audio):
                    for frame in encoder.encode(piece):
                        await self._send(frame)
                    await asyncio.sleep(0)
            for frame in encoder.flush():
                await self._send(frame)
        finally:
            encoder.close()
        if self._reply.audio_started:
            self._send_end()

    def _slices(self, audio: Int16Audio) -> Iterator[Int16Audio]:
        """Encoding runs on the event loop, at about 1 % of real time: a little at once."""
        size = round(ENCODE_SLICE_S * self._voice_rate)
        for at in range(0, len(audio), size):
            yield audio[at : at + size]

    def _place(self, chunk: _Chunk, output: AudioFormat) -> None:
        """Enter the chunk into the reply's time line before any of its samples leaves."""
        if not self._reply.audio_started:
            self._report(ReplyAudioStarted(self._reply.response, self._reply.item))
            self._reply.audio_started = True
        begin = self._delivered_samples * output.rate // self._voice_rate
        segment = chunk.segment
        if chunk.opens:
            index = self._reply.segments
            self._report(ReplyMark(self._reply.response, begin, segment.text, index))
            self._reply.open_segment(segment.start, segment.start + len(segment.text), begin)
        self._delivered_samples += len(chunk.audio.audio)
        self._taken.set()
        end = self._delivered_samples * output.rate // self._voice_rate
        self._reply.add_audio(end, chunk.audio.words)

    async def _send(self, frame: EncodedFrame) -> None:
        reply = self._reply
        await self._pace(reply.total_pts, reply.total_pts + frame.samples)
        start = reply.total_pts == 0
        if start:
            self.times.first_audio = self._clock()
        pts = reply.total_pts
        self._report(ReplyAudio(reply.response, pts, frame.samples, frame.payload, start=start))
        reply.total_pts += frame.samples

    def _send_end(self) -> None:
        response, total = self._reply.response, self._reply.total_pts
        self._report(ReplyAudio(response, total, 0, b"", start=total == 0, end=True))
        self._report(ReplyAudioEnded(response, total))

    async def _pace(self, begin_pts: int, end_pts: int) -> None:
        playout = self._reply.playout
        assert playout is not None  # a reply with audio has a playout
        while True:
            self._moved.clear()
            wait = playout.wait_before(begin_pts, end_pts, self._clock())
            if wait <= 0:
                return
            await self._moved.wait_within(min(max(wait, self._pace_least), PACE_STEP_S))


async def _drain(segments: asyncio.Queue[_Segment | None]) -> None:
    while await segments.get() is not None:
        pass
