"""Loads the engines that the configuration asks for, warms them up, and says what they are like."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from gateway.config import Config
from gateway.engine_loading import (
    Placement,
    load_language_model,
    load_recognizers,
    load_voices,
    place,
    voices_of,
)
from gateway.provisioning.hardware import read_hardware
from gateway.provisioning.profiles import installed_profile
from gateway.sessions.settings import ModelTraits
from pipeline.detection import Vad, speech_detector
from pipeline.dialogue import Engines
from pipeline.engines import energy, silero, webrtc_vad
from pipeline.engines.scripted import (
    LoopRunner,
    Meter,
    ScriptedLanguageModel,
    ScriptedRecognizer,
    ScriptedVoice,
)
from pipeline.engines.thread import EngineStatistics, EngineThread, call
from pipeline.models import Profile

__all__ = ["EngineRoom", "RealEngines", "ScriptedEngines", "engine_room"]

log = logging.getLogger(__name__)

SCRIPTED_REPLY = (
    "This is a scripted answer, which is long enough to be interrupted while it is spoken. "
    "It has a second sentence, so that there is more than one segment. And it has a third."
)


class EngineRoom(Protocol):
    """Engines of one process; an async context manager: inside, they are loaded and warm."""

    engines: Engines
    traits: ModelTraits
    statistics: Mapping[str, Callable[[], EngineStatistics]]

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def engine_room(config: Config) -> EngineRoom:
    """Return the room that the configuration asks for; nothing is loaded yet.

    Raises:
        ModelError: If the profile or one of its files is missing or wrong.
    """
    if config.engines.kind == "scripted":
        return ScriptedEngines(config)
    return RealEngines(config, installed_profile(config))


class RealEngines:
    """Silero, webrtcvad, faster-whisper, llama.cpp and Piper, on the models of a profile."""

    def __init__(
        self, config: Config, profile: Profile, placement: Placement | None = None
    ) -> None:
        self._config = config
        self._profile = profile
        self._placement = placement = placement or place(config, read_hardware())
        threads = placement.threads
        self._recognizer = EngineThread(
            "recognizer",
            lambda: load_recognizers(profile, placement),
            workers=threads.recognizer.workers,
        )
        self._language_model = EngineThread(
            "language-model",
            lambda: load_language_model(
                profile.language_model, placement, config.server.max_sessions + 1
            ),
        )
        self._voice = EngineThread(
            "voice",
            lambda: load_voices(
                profile, placement, fallback=config.engines.fallback_voice == "espeak-ng"
            ),
            workers=threads.voice.workers,
        )
        self.statistics: Mapping[str, Callable[[], EngineStatistics]] = {
            thread.name: thread.statistics for thread in self._threads
        }

    @property
    def _threads(self) -> tuple[EngineThread[Any], ...]:
        return (self._recognizer, self._language_model, self._voice)

    async def __aenter__(self) -> Self:
        """Load all engines at the same time; each is run once on its thread.

        Raises:
            EngineUnavailable: Of an engine that could not be loaded, the detector's as it is,
                others' in an ``ExceptionGroup``.
        """
        log.info("loading profile %s: %s", self._profile.name, self._placement.describe())
        try:
            await self._load()
        except BaseException:
            await self._close()
            raise
        return self

    async def _load(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for thread in self._threads:
                tasks.create_task(_start(thread), name=f"load-{thread.name}")
        rate = await call(self._voice, lambda voice, _: voice.sample_rate)
        silero_model = silero.load() if self._config.turn.vad == "silero" else None
        gate, loudness = webrtc_vad.load(), energy.load()
        vad = Vad(self._config.turn.vad)
        self.engines = Engines(
            detector=lambda: speech_detector(
                vad, silero=silero_model, webrtc=gate, energy=loudness
            ),
            recognizer=self._recognizer,
            language_model=self._language_model,
            voice=self._voice,
            voice_rate=rate,
        )
        self.traits = _traits(self._profile)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for thread in self._threads:
                tasks.create_task(thread.close(), name=f"close-{thread.name}")


async def _start(thread: EngineThread[Any]) -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    await thread.start()
    log.info("%s is warm after %.1f s", thread.name, clock() - began)


def _traits(profile: Profile) -> ModelTraits:
    recognizers = (profile.recognizer, *profile.recognizers.values())
    windows = [float(model.settings.get("window_seconds", 30.0)) for model in recognizers]
    return ModelTraits(
        voices=tuple(model.id for model in voices_of(profile)),
        languages=profile.languages,
        window_seconds=min(windows),
        clock=profile.language_model.clock,
        warning=profile.warning,
    )


class ScriptedEngines:
    """Real voice activity detection; recognizer, model and voice at stated costs."""

    def __init__(self, config: Config) -> None:
        stated = config.engines
        hearing, thinking, speaking = Meter(), Meter(), Meter()
        recognizer = LoopRunner(
            ScriptedRecognizer(["Hello there."], hearing, seconds=stated.stt_ms / 1000), hearing
        )
        model = LoopRunner(
            ScriptedLanguageModel([SCRIPTED_REPLY], thinking, first_seconds=stated.llm_ms / 1000),
            thinking,
        )
        voice = LoopRunner(ScriptedVoice(speaking, seconds=stated.tts_ms / 1000), speaking)
        self.statistics: Mapping[str, Callable[[], EngineStatistics]] = {
            "recognizer": recognizer.statistics,
            "language-model": model.statistics,
            "voice": voice.statistics,
        }
        vad = Vad(config.turn.vad)
        self._silero = silero.load() if vad is Vad.SILERO else None
        gate, loudness = webrtc_vad.load(), energy.load()
        self.engines = Engines(
            detector=lambda: speech_detector(
                vad, silero=self._silero, webrtc=gate, energy=loudness
            ),
            recognizer=recognizer,
            language_model=model,
            voice=voice,
            voice_rate=16_000,
        )
        self.traits = ModelTraits(voices=("scripted",), languages=("en",))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """There is nothing to close."""
