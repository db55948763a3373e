"""Decides where each engine runs and with how many threads, and loads it from its model.

An engine's own settings stand in its model's table of the catalogue; above them goes what the
configuration and the machine say.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from gateway.config import Config
from gateway.provisioning.hardware import Hardware
from pipeline.devices import Device, Gpu, chosen_device
from pipeline.engines import Recognizer, Voice, espeak, faster_whisper, llama_cpp, piper
from pipeline.engines.recognizers import RecognizersByLanguage
from pipeline.engines.voices import NamedVoice, VoicesByLanguage
from pipeline.errors import EngineUnavailable, ModelError
from pipeline.models import Model, Profile
from pipeline.threads import ThreadPlan, plan_threads

__all__ = [
    "PROBES",
    "Placement",
    "load_language_model",
    "load_recognizer",
    "load_recognizers",
    "load_voice",
    "load_voices",
    "place",
    "voices_of",
]

log = logging.getLogger(__name__)

S = TypeVar("S")

PROBES: Final[Mapping[str, Callable[[], str]]] = {
    "stt": faster_whisper.cuda_problem,
    "llm": llama_cpp.cuda_problem,
    "tts": piper.cuda_problem,
}
"""Why an engine cannot run on a GPU here, or ""; calling one imports its package."""

_ANY_LANGUAGE: Final = "mul"
"""ISO 639-2's tag for a model of many languages."""

_ENGINES: Final = {"stt": "recognizer", "llm": "language_model", "tts": "voice"}
_NAMES: Final = {"stt": "speech recognition", "llm": "the language model", "tts": "the voice"}


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the engines run.

    Attributes:
        threads: CPU threads of each.
        devices: By "stt", "llm" and "tts"; "auto" where the engine finds out when it is loaded.
        gpu: The one they run on, or None.
    """

    threads: ThreadPlan = field(default_factory=lambda: plan_threads(1))
    devices: Mapping[str, Device] = field(default_factory=dict)
    gpu: Gpu | None = None

    def device(self, engine: str) -> Device:
        """Return the device of "stt", "llm" or "tts"."""
        return self.devices.get(engine, "auto")

    def describe(self) -> str:
        """Say it in one line, for the log."""
        plan = self.threads
        parts = (
            ("recognizer", "stt", f"{plan.recognizer.workers} x {plan.recognizer.threads}"),
            ("language model", "llm", f"{plan.language_model.threads}"),
            ("voice", "tts", f"{plan.voice.workers} x {plan.voice.threads}"),
        )
        return ", ".join(
            f"{name} {'CUDA' if self.device(engine) == 'cuda' else f'{threads} threads'}"
            for name, engine, threads in parts
        )


def place(
    config: Config, hardware: Hardware, probes: Mapping[str, Callable[[], str]] = PROBES
) -> Placement:
    """Decide where the engines run.

    Where a GPU was found, an engine that may use it is asked whether it can; without one, nothing
    is imported, and what is left to chance stays "auto".

    Args:
        config: The section ``engines`` counts.
        hardware: What is there.
        probes: See `PROBES`.

    Raises:
        EngineUnavailable: If CUDA was asked for and does not work.
    """
    wanted: dict[str, Device] = {
        "stt": chosen_device(config.engines.stt_device, config.engines.device),
        "llm": chosen_device(config.engines.llm_device, config.engines.device),
        "tts": chosen_device(config.engines.tts_device, "cpu"),
    }
    devices = {
        engine: _device(engine, device, probes[engine], has_gpu=bool(hardware.gpus))
        for engine, device in wanted.items()
    }
    threads = plan_threads(
        hardware.cores,
        on_gpu={_ENGINES[engine] for engine, device in devices.items() if device == "cuda"},
        recognizer=config.engines.stt_threads,
        language_model=config.engines.llm_threads,
        voice=config.engines.tts_threads,
    )
    return Placement(threads, devices, hardware.gpu)


def _device(engine: str, wanted: Device, probe: Callable[[], str], *, has_gpu: bool) -> Device:
    if wanted == "cpu" or (wanted == "auto" and not has_gpu):
        return wanted
    if not (problem := probe()):
        return "cuda"
    if wanted == "cuda":
        key = f"engines.{engine}_device"
        raise EngineUnavailable(f'{key} is "cuda", but {problem}; or set it to "cpu"')
    log.warning("%s runs on the CPU beside a GPU: %s", _NAMES[engine], problem)
    return "cpu"


def load_recognizer(
    model: Model, placement: Placement, languages: tuple[str, ...] = ()
) -> faster_whisper.WhisperRecognizer:
    """Load and warm up a recognizer; blocks.

    Args:
        model: What to load.
        placement: Where.
        languages: Among which it detects one; empty: any.

    Raises:
        EngineUnavailable: If its package or device is missing.
        ModelError: If a file or a setting is wrong.
    """
    threads = placement.threads.recognizer
    chosen: dict[str, object] = {
        "device": placement.device("stt"),
        "gpu": placement.gpu,
        "threads": threads.threads,
        "workers": threads.workers,
        **({"languages": languages} if languages else {}),
    }
    recognizer = faster_whisper.load(
        faster_whisper.WhisperSettings.from_model(model.path, model.settings, **chosen)
    )
    recognizer.warm_up()
    return recognizer


def load_language_model(
    model: Model, placement: Placement, sessions: int = 1
) -> llama_cpp.LlamaModel:
    """Load a language model on the thread that will use it; blocks.

    Args:
        model: What to load.
        placement: Where.
        sessions: Conversations that keep their place in its cache.

    Raises:
        EngineUnavailable: If its package, file, device or memory is missing.
        ModelError: If a setting is wrong.
    """
    chosen: dict[str, Any] = {
        "device": placement.device("llm"),
        "threads": placement.threads.language_model.threads,
        "sessions": min(256, sessions),
    }
    return llama_cpp.load(_settings(llama_cpp.LlamaSettings, model, chosen))


def load_recognizers(profile: Profile, placement: Placement) -> Recognizer:
    """Load what listens in a profile: one recognizer, or one for each of several languages."""
    default = load_recognizer(profile.recognizer, placement, profile.languages)
    loaded: dict[str, Recognizer] = {profile.recognizer.id: default}
    for model in profile.recognizers.values():
        if model.id not in loaded:
            loaded[model.id] = load_recognizer(model, placement, profile.languages)
    if len(loaded) == 1:
        return default
    by_language = {tag: loaded[model.id] for tag, model in profile.recognizers.items()}
    return RecognizersByLanguage(default, by_language)


def load_voice(model: Model, placement: Placement) -> Voice:
    """Load and warm up a voice; blocks.

    Raises:
        EngineUnavailable: If its package, file or device is missing.
        ModelError: If a setting is wrong.
    """
    if model.engine == "espeak-ng":
        return espeak.load(_settings(lambda _, **values: espeak.EspeakSettings(**values), model))
    chosen = {"threads": placement.threads.voice.threads, "device": placement.device("tts")}
    voice = piper.load(_settings(piper.PiperSettings, model, chosen))
    voice.warm_up()
    return voice


def load_voices(profile: Profile, placement: Placement, *, fallback: bool = False) -> Voice:
    """Load what speaks in a profile: one voice, or one for each of several languages.

    Args:
        profile: Its voices.
        placement: Where they run.
        fallback: Whether eSpeak NG speaks the languages that none of them does.
    """
    tags: dict[str, set[str]] = {}
    for model in voices_of(profile):
        tags[model.id] = set(model.languages) - {_ANY_LANGUAGE}
    for language, model in profile.voices.items():
        tags[model.id].add(language)
    named = [
        NamedVoice(model.id, tuple(sorted(tags[model.id])), load_voice(model, placement))
        for model in voices_of(profile)
    ]
    last = espeak.load() if fallback else None
    if len(named) == 1 and last is None and all(map(named[0].speaks, profile.languages)):
        return named[0].voice
    resort = None if last is None else NamedVoice("espeak-ng", tuple(last.languages), last)
    return VoicesByLanguage(named, resort)


def voices_of(profile: Profile) -> tuple[Model, ...]:
    """Return the models that speak, each once, the default first."""
    unique = {model.id: model for model in (profile.voice, *profile.voices.values())}
    return tuple(unique.values())


def _settings(
    kind: Callable[..., S], model: Model, chosen: Mapping[str, object] | None = None
) -> S:
    """Build an engine's settings: the model's own, and above them what the configuration says."""
    try:
        return kind(model.path, **{**model.settings, **(chosen or {})})
    except (TypeError, ValueError) as error:
        raise ModelError(f"models.{model.id}.settings: {error}") from error
