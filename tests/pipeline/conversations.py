"""A dialogue on scripted engines under a virtual clock, with a device that plays what it gets."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

import numpy as np

from pipeline import events
from pipeline.detection import SpeechDetector
from pipeline.dialogue import Dialogue, DialogueSettings, Engines
from pipeline.engines import Int16Audio
from pipeline.engines.scripted import (
    LoopRunner,
    Meter,
    ScriptedDetector,
    ScriptedLanguageModel,
    ScriptedRecognizer,
    ScriptedVoice,
)
from pipeline.persona import ClockPlacement, Persona
from pipeline.playout import PlayoutState
from pipeline.recognition import RecognitionSettings
from protocol.audio import AudioFormat, Encoding

RATE = 16_000
LONG = (
    "Once upon a time there was a gateway. It spoke and spoke and spoke. Nobody could stop it. "
    "So it went on for a while. And then for some more, until somebody came and interrupted it."
)


def speech(seconds: float) -> Int16Audio:
    """Loud enough for the scripted detector."""
    wave = 8000 * np.sin(2 * np.pi * 200 * np.arange(round(seconds * RATE)) / RATE)
    return wave.astype(np.int16)


def silence(seconds: float) -> Int16Audio:
    return np.zeros(round(seconds * RATE), np.int16)


class Device:
    """Collects events; counts as having heard what the test says, or what the clock says."""

    def __init__(self) -> None:
        self.events: list[tuple[float, events.PipelineEvent]] = []
        self.frames: list[events.ReplyAudio] = []
        self.closed: set[str] = set()
        self.dialogue: Dialogue
        self.flushes = True
        self.changed = asyncio.Event()

    def report(self, event: events.PipelineEvent) -> None:
        self.events.append((asyncio.get_running_loop().time(), event))
        self.changed.set()
        if isinstance(event, events.ReplyAudio) and event.response not in self.closed:
            self.frames.append(event)
            self.dialogue.delivered(event.response, event.pts + event.samples)

    def close_reply(self, response: str) -> None:
        self.closed.add(response)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for _, event in self.events if isinstance(event, kind)]

    def names(self) -> list[str]:
        return [type(event).__name__ for _, event in self.events]

    def when(self, kind: type[Any], number: int = 0) -> float:
        return [at for at, event in self.events if isinstance(event, kind)][number]

    async def until(self, predicate: Callable[[], bool], within: float = 60.0) -> None:
        async with asyncio.timeout(within):
            while not predicate():
                self.changed.clear()
                await self.changed.wait()

    async def state(self, state: events.DialogueState) -> None:
        await self.until(lambda: self.of(events.StateChanged)[-1].state is state)


SETTINGS = DialogueSettings(
    persona=Persona("Be brief.", ClockPlacement.OFF),
    recognition=RecognitionSettings(language="en"),
    output=AudioFormat(Encoding.PCM_S16LE, 16_000, 20),
)


class Scene:
    """One conversation to steer from a test."""

    def __init__(self, dialogue: Dialogue, device: Device, model: ScriptedLanguageModel) -> None:
        self.dialogue = dialogue
        self.device = device
        self.model = model

    async def hear(self, audio: Int16Audio, *, step: float = 0.02) -> None:
        """Let the microphone pick up audio in real time."""
        size = round(step * RATE)
        for at in range(0, len(audio), size):
            self.dialogue.hear(audio[at : at + size])
            await asyncio.sleep(step)

    async def say(self, seconds: float = 1.0, *, pause: float = 1.5) -> None:
        await self.hear(np.concatenate([speech(seconds), silence(pause)]))

    def flush(self, pts: int) -> None:
        response = self.device.of(events.ReplyAudioStarted)[-1].response
        self.dialogue.playout(response, pts, PlayoutState.FLUSHED)


@asynccontextmanager
async def conversation(
    *,
    heard: Sequence[str] = ("Hello there.",),
    replies: Sequence[str] = ("Good day to you.",),
    settings: DialogueSettings = SETTINGS,
    engines: Callable[[Engines], Engines] = lambda engines: engines,
    llm_seconds: float = 0.1,
    **changes: Any,
):
    hearing, thinking, speaking = Meter(), Meter(), Meter()
    model = ScriptedLanguageModel(replies, thinking, first_seconds=llm_seconds)
    built = Engines(
        detector=lambda: SpeechDetector(ScriptedDetector()),
        recognizer=LoopRunner(ScriptedRecognizer(heard, hearing, seconds=0.05), hearing),
        language_model=LoopRunner(model, thinking),
        voice=LoopRunner(ScriptedVoice(speaking, seconds=0.05), speaking),
        voice_rate=16_000,
    )
    device = Device()
    numbers = count(1)
    dialogue = Dialogue(
        engines(built),
        replace(settings, **changes),
        device,
        clock=asyncio.get_running_loop().time,
        now=lambda: datetime(2026, 3, 3, 15, 42),  # noqa: DTZ001
        new_id=lambda prefix: f"{prefix}_{next(numbers)}",
    )
    device.dialogue = dialogue
    async with asyncio.TaskGroup() as tasks:
        life = tasks.create_task(dialogue.run())
        await asyncio.sleep(0)
        yield Scene(dialogue, device, model)
        life.cancel()
