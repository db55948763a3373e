"""Listens as a session of Parley does: windows, contexts, beam and guards as shipped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.engines import SAMPLE_RATE, Float32Audio, Int16Audio, Recognizer
from pipeline.engines.faster_whisper import WhisperSettings, load
from pipeline.engines.thread import EngineRunner, EngineThread
from pipeline.errors import EngineError
from pipeline.recognition import Recognition, RecognitionSettings
from starter.errors import RecipeError
from starter.evaluation.bench import Bench

__all__ = ["PRE_ROLL", "TAIL", "Heard", "Utterance", "as_captured", "listen", "utterance"]

PRE_ROLL: Final = 0.5
"""Seconds of the microphone that a session keeps from before the onset of speech."""
TAIL: Final = 0.3
"""Seconds behind the end of speech that a session reads."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A turn of a user, as the microphone heard it.

    Attributes:
        text: What was said, as it is written.
        audio: 16 kHz.
        end: Sample after the last of speech.
        pauses: (end of speech, where it goes on) of the pauses that an endpointer notices.
    """

    text: str
    audio: Int16Audio
    end: int
    pauses: tuple[tuple[int, int], ...] = ()

    @property
    def seconds(self) -> float:
        """Duration, silence included."""
        return len(self.audio) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said, and what was understood of it."""

    said: str
    heard: str


def utterance(text: str, speech: Float32Audio) -> Utterance:
    """Return speech between the silences that a session adds to it."""
    before, after = (np.zeros(round(s * SAMPLE_RATE), np.float32) for s in (PRE_ROLL, TAIL))
    audio = as_captured(np.concatenate([before, speech, after]))
    return Utterance(text, audio, len(audio) - len(after))


def as_captured(sound: Float32Audio) -> Int16Audio:
    """Return a sound in [-1, 1] as a microphone delivers it; louder parts are clipped."""
    captured: Int16Audio = np.clip(np.rint(sound * 32768), -32768, 32767).astype(np.int16)
    return captured


def listen(
    settings: WhisperSettings,
    utterances: Sequence[Utterance],
    *,
    bench: Bench | None = None,
    what: str = "",
) -> list[Heard]:
    """Transcribe all, each as a turn of its own; progress is told to the bench.

    Raises:
        RecipeError: If the recognizer cannot be loaded or fails.
    """
    each = iter(utterances) if bench is None else bench.each(what, utterances)
    try:
        return asyncio.run(_listen(settings, each))
    except EngineError as error:
        raise RecipeError(f"the recognizer {settings.path} failed: {error}") from error


async def _listen(settings: WhisperSettings, utterances: Iterator[Utterance]) -> list[Heard]:
    thread = EngineThread("stt", lambda: load(settings))
    await thread.start()
    try:
        window = await _window_seconds(thread)
        return [Heard(one.text, await _transcribe(thread, one, window)) for one in utterances]
    finally:
        await thread.close()


async def _window_seconds(thread: EngineRunner[Recognizer]) -> float:
    async with thread.run(lambda engine, _: iter([float(engine.window_seconds)])) as found:
        return await anext(aiter(found))


async def _transcribe(
    thread: EngineRunner[Recognizer], spoken: Utterance, window_seconds: float
) -> str:
    turn = Recognition(
        thread,
        RecognitionSettings(
            language="en",
            window_seconds=window_seconds,
            preroll_seconds=PRE_ROLL,
            tail_seconds=TAIL,
            partials=False,
        ),
        begin=0,
        report=lambda _: None,
        clock=time.monotonic,
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(turn.run(), name="turn")
        at = 0
        for end, on in spoken.pauses:
            turn.hear(spoken.audio[at:on])
            turn.pause(end)
            await asyncio.sleep(0)  # as in a session, windows close while speech goes on
            turn.resume()
            at = on
        turn.hear(spoken.audio[at:])
        turn.finish(spoken.end)
        transcript = await running
    return transcript.text
