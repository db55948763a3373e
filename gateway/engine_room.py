"""Loads the engines that the configuration asks for, warms them up, and says what they are like."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from gateway.config import Config
from gateway.sessions.settings import ModelTraits
from pipeline.detection import Vad, speech_detector
from pipeline.dialogue import Engines
from pipeline.engines import energy, faster_whisper, llama_cpp, piper, silero, webrtc_vad
from pipeline.engines.scripted import (
    LoopRunner,
    Meter,
    ScriptedLanguageModel,
    ScriptedRecognizer,
    ScriptedVoice,
)
from pipeline.engines.thread import EngineStatistics, EngineThread, call
from pipeline.errors import ModelError
from pipeline.models import Catalogue, Model, Profile

__all__ = ["EngineRoom", "RealEngines", "ScriptedEngines", "Threads", "engine_room", "plan_threads"]

log = logging.getLogger(__name__)

S = TypeVar("S")

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
    catalogue = Catalogue.load(config.models.file)
    profile = catalogue.profile(config.models.profile)
    catalogue.verify(profile)
    return RealEngines(config, profile)


@dataclass(frozen=True, slots=True)
class Threads:
    """CPU threads per engine."""

    recognizer: int
    language_model: int
    voice: int


def plan_threads(config: Config, cores: int) -> Threads:
    """Divide the cores, so that the event loop keeps its turn.

    Spinning threads of several libraries on the same cores cost more than they bring: with two
    cores every engine has one thread; with more, the language model takes half.
    """
    engines = config.engines
    return Threads(
        engines.stt_threads or max(1, cores // 4),
        engines.llm_threads or max(1, cores // 2 if cores > 2 else 1),
        engines.tts_threads or 1,
    )


class RealEngines:
    """Silero, webrtcvad, faster-whisper, llama.cpp and Piper, on the models of a profile."""

    def __init__(self, config: Config, profile: Profile) -> None:
        self._config = config
        self._profile = profile
        threads = plan_threads(config, os.cpu_count() or 1)
        self._recognizer = EngineThread(
            "recognizer", lambda: _load_recognizer(config, profile.recognizer, threads)
        )
        self._language_model = EngineThread(
            "language-model", lambda: _load_language_model(config, profile.language_model, threads)
        )
        self._voice = EngineThread("voice", lambda: _load_voice(profile.voice, threads))
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
        log.info("loading the models of profile %s", self._profile.name)
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


def _load_recognizer(
    config: Config, model: Model, threads: Threads
) -> faster_whisper.WhisperRecognizer:
    chosen: dict[str, object] = {"device": config.engines.device, "threads": threads.recognizer}
    recognizer = faster_whisper.load(
        faster_whisper.WhisperSettings.from_model(model.path, model.settings, **chosen)
    )
    recognizer.warm_up()
    return recognizer


def _load_language_model(config: Config, model: Model, threads: Threads) -> llama_cpp.LlamaModel:
    chosen: dict[str, Any] = {
        "threads": threads.language_model,
        "sessions": min(256, config.server.max_sessions + 1),
        **({"gpu_layers": 0} if config.engines.device == "cpu" else {}),
    }
    return llama_cpp.load(_settings(llama_cpp.LlamaSettings, model, chosen))


def _load_voice(model: Model, threads: Threads) -> piper.PiperVoice:
    voice = piper.load(_settings(piper.PiperSettings, model, {"threads": threads.voice}))
    voice.warm_up()
    return voice


def _settings(kind: Callable[..., S], model: Model, chosen: Mapping[str, object]) -> S:
    """Build an engine's settings: the model's own, and above them what the configuration says."""
    try:
        return kind(model.path, **{**model.settings, **chosen})
    except (TypeError, ValueError) as error:
        raise ModelError(f"models.{model.id}.settings: {error}") from error


def _traits(profile: Profile) -> ModelTraits:
    recognizer = profile.recognizer.settings
    return ModelTraits(
        voices=(profile.voice.id,),
        languages=profile.languages,
        window_seconds=float(recognizer.get("window_seconds", 30.0)),
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
