"""How fast this machine is: some seconds of the starter models, on one core, and of its memory.

Costs of real models were measured on another machine (`gateway.provisioning.costs`). What the same
small work takes there and here says by how much to scale them. CPU seconds are compared, the least
of several runs, so that neighbours on the machine count for little. A language model's weights are
read for every token, so that the memory's speed bounds it, which the starter model, whose weights
fit into a cache, does not show: the slower of the two counts.
"""

from __future__ import annotations

import time
import wave
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from typing import Any, Final, Self

import numpy as np

from gateway.engine_loading import Placement, load_language_model, load_recognizer, load_voice
from pipeline.engines import (
    Float32Audio,
    HypothesisKind,
    Message,
    Prompt,
    RecognitionJob,
    SpeakJob,
)
from pipeline.engines.thread import StopToken
from pipeline.models import Catalogue, Profile
from pipeline.threads import plan_threads

__all__ = [
    "ON_ONE_CORE",
    "SENTENCE",
    "UNMEASURED",
    "Speeds",
    "Units",
    "calibrate",
    "compare",
    "least",
    "spoken_question",
]

ON_ONE_CORE: Final = Placement(plan_threads(1), {"stt": "cpu", "llm": "cpu", "tts": "cpu"})
"""The starter models' engines on one thread each."""
_UTTERANCE: Final = "capital.wav"
SENTENCE: Final = "The weather will be sunny for most of the day, with a little rain at night."
_PROMPT: Final = "What is the capital of France, and how far away is the moon? " * 6
_TOKENS: Final = 32
_LEAST_RUNS: Final = 3
_BUFFER_BYTES: Final = 1 << 26
"""More than processors' caches hold, with its copy."""


@dataclass(frozen=True, slots=True)
class Units:
    """What some fixed work took.

    Attributes:
        recognizer: CPU seconds of a final pass over a bundled utterance.
        prefill: CPU seconds of a prompt.
        decode: CPU seconds of a reply of 32 tokens.
        voice: CPU seconds of a sentence.
        memory: Bytes a second that one core copies.
    """

    recognizer: float
    prefill: float
    decode: float
    voice: float
    memory: float

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Build units from a JSON object.

        Raises:
            ValueError: If one is missing, or no positive number.
        """
        numbers = {each.name: values.get(each.name) for each in fields(cls)}
        for name, value in numbers.items():
            if not isinstance(value, int | float) or not value > 0:
                raise ValueError(f"calibration.{name} is {value!r}, expected a positive number")
        return cls(**{name: float(value) for name, value in numbers.items() if value is not None})

    def rounded(self) -> dict[str, float]:
        """Return them for JSON."""
        return {name: float(f"{value:.4g}") for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Speeds:
    """How many times as fast as the reference this machine is, core against core.

    Attributes:
        is_measured: Whether that was found out; else all are 1.
    """

    recognizer: float = 1.0
    prefill: float = 1.0
    decode: float = 1.0
    voice: float = 1.0
    is_measured: bool = False


UNMEASURED: Final = Speeds()
"""As fast as the reference, for want of better knowledge."""


def compare(here: Units, reference: Units) -> Speeds:
    """Return this machine's speeds. Pure."""
    memory = here.memory / reference.memory
    return Speeds(
        recognizer=reference.recognizer / here.recognizer,
        prefill=reference.prefill / here.prefill,
        decode=min(reference.decode / here.decode, memory),
        voice=reference.voice / here.voice,
        is_measured=True,
    )


def calibrate(
    *,
    profile: Profile | None = None,
    seconds: float = 6.0,
    report: Callable[[str], None] = lambda _: None,
) -> Units:
    """Measure this machine with the starter models; blocks for about 10 s, 20 s on a busy one.

    Args:
        profile: Of the starter models; by default those that Parley brings.
        seconds: To spend on runs, besides loading; each step has a fourth and three runs at least.
        report: Told what is being measured.

    Raises:
        EngineUnavailable: If an engine is missing.
        ModelError: If a model is.
    """
    profile = profile or Catalogue.load().profile("starter")
    share = seconds / 4
    report("recognition")
    recognizer = _recognition(profile, share)
    report("language model")
    prefill, decode = _language(profile, share)
    report("voice")
    voice = _voice(profile, share)
    report("memory")
    return Units(recognizer, prefill, decode, voice, _memory(share))


def _recognition(profile: Profile, seconds: float) -> float:
    recognizer = load_recognizer(profile.recognizer, ON_ONE_CORE)
    job = RecognitionJob(spoken_question(), HypothesisKind.FINAL)
    return least(
        lambda: recognizer.utterance(language="en").recognize(job, stop=StopToken()), seconds
    )


def _language(profile: Profile, seconds: float) -> tuple[float, float]:
    model = load_language_model(profile.language_model, ON_ONE_CORE)
    talk = [Message("user", _PROMPT)]
    prefills: list[float] = []
    decodes: list[float] = []
    end = time.monotonic() + seconds
    while len(prefills) < _LEAST_RUNS or time.monotonic() < end:
        session = model.open()
        began = time.process_time()
        list(session.generate(Prompt(talk, max_tokens=1), stop=StopToken()))
        read = time.process_time()
        # All of the prompt is cached now. Above 0: a greedy reply might end early.
        prompt = Prompt(talk, max_tokens=_TOKENS, temperature=1.0, seed=len(decodes))
        usages = [piece.usage for piece in session.generate(prompt, stop=StopToken())]
        said = max(1, usages[-1].generated if usages[-1] else 1)
        prefills.append(read - began)
        decodes.append((time.process_time() - read) / said * _TOKENS)
        session.close()
    model.close()
    return min(prefills), min(decodes)


def _voice(profile: Profile, seconds: float) -> float:
    voice = load_voice(profile.voice, ON_ONE_CORE)

    def speak() -> None:
        for _ in voice.speak(SpeakJob(SENTENCE), stop=StopToken()):
            pass

    return least(speak, seconds)


def _memory(seconds: float) -> float:
    source = np.ones(_BUFFER_BYTES, np.uint8)
    target = np.empty_like(source)
    return _BUFFER_BYTES / least(lambda: np.copyto(target, source), seconds)


def least(run: Callable[[], object], seconds: float, *, runs: int = _LEAST_RUNS) -> float:
    """Return the CPU seconds of the quickest run; the first one, which warms up, does not count.

    Args:
        run: What to measure.
        seconds: To go on for.
        runs: Made at least.
    """
    run()
    costs: list[float] = []
    end = time.monotonic() + seconds
    while len(costs) < runs or (time.monotonic() < end and len(costs) < 50):
        began = time.process_time()
        run()
        costs.append(time.process_time() - began)
    return max(min(costs), 1e-6)


def spoken_question() -> Float32Audio:
    """Return a bundled utterance of some two seconds, 16 kHz in [-1, 1]."""
    content = files("gateway.client").joinpath("utterances", _UTTERANCE)
    with content.open("rb") as file, wave.open(file) as recording:
        samples = np.frombuffer(recording.readframes(recording.getnframes()), "<i2")
    return samples.astype(np.float32) / np.float32(32768)
