"""Costs of the models that are served here, measured on this machine: better than any scaling.

Some seconds of each engine on one core, on bundled speech; CPU seconds, the least of several runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.engine_loading import load_language_model, load_recognizer, load_voice
from gateway.provisioning.calibration import ON_ONE_CORE, SENTENCE, least, spoken_question
from gateway.provisioning.costs import LanguageCost, RecognitionCost, VoiceCost
from pipeline.engines import HypothesisKind, Message, Prompt, RecognitionJob, SpeakJob
from pipeline.engines.thread import StopToken
from pipeline.models import Model, Profile

__all__ = ["MeasuredCosts", "measure_installed"]

_HERE = "this machine"
_PROMPT = "Tell me in a few sentences why the sky is blue and the sunset red. " * 3
_TOKENS = 16


@dataclass(frozen=True, slots=True)
class MeasuredCosts:
    """What one profile's models cost here, with their names."""

    recognizer: str
    language_model: str
    voice: str
    recognition: RecognitionCost
    language: LanguageCost
    speech: VoiceCost


def measure_installed(
    profile: Profile, *, seconds: float = 6.0, report: Callable[[str], None] = lambda _: None
) -> MeasuredCosts:
    """Measure a profile whose models are installed; blocks for loading them and some seconds.

    Args:
        profile: What to measure.
        seconds: To spend on runs; each engine has a third and one run at least.
        report: Told what is being measured.

    Raises:
        EngineUnavailable: If an engine is missing.
        ModelError: If a model is.
    """
    share = seconds / 3
    report(profile.recognizer.id)
    recognition = _recognition(profile.recognizer, share)
    report(profile.language_model.id)
    language = _language(profile.language_model, share)
    report(profile.voice.id)
    speech = _speech(profile.voice, share)
    names = (profile.recognizer.id, profile.language_model.id, profile.voice.id)
    return MeasuredCosts(*names, recognition, language, speech)


def _recognition(model: Model, seconds: float) -> RecognitionCost:
    recognizer, audio = load_recognizer(model, ON_ONE_CORE), spoken_question()

    def cost(kind: HypothesisKind) -> float:
        job = RecognitionJob(audio, kind)
        return least(
            lambda: recognizer.utterance(language="en").recognize(job, stop=StopToken()),
            seconds / 2,
            runs=1,
        )

    return RecognitionCost(cost(HypothesisKind.FINAL), cost(HypothesisKind.PARTIAL), _HERE)


def _language(model: Model, seconds: float) -> LanguageCost:
    engine = load_language_model(model, ON_ONE_CORE)
    talk = [Message("user", _PROMPT)]
    prefill = decode = 0.0
    end = time.monotonic() + seconds
    while not decode or time.monotonic() < end:
        session = engine.open()
        began = time.process_time()
        usage = [
            piece.usage for piece in session.generate(Prompt(talk, max_tokens=1), stop=StopToken())
        ][-1]
        read = time.process_time()
        pieces = list(session.generate(Prompt(talk, max_tokens=_TOKENS), stop=StopToken()))
        said = pieces[-1].usage.generated if pieces[-1].usage else 1
        prefill = max(prefill, (usage.prompt if usage else 1) / max(read - began, 1e-6))
        decode = max(decode, max(1, said) / max(time.process_time() - read, 1e-6))
        session.close()
    engine.close()
    return LanguageCost(prefill, decode, _HERE)


def _speech(model: Model, seconds: float) -> VoiceCost:
    voice = load_voice(model, ON_ONE_CORE)
    samples = 0

    def speak() -> None:
        nonlocal samples
        stretches = voice.speak(SpeakJob(SENTENCE), stop=StopToken())
        samples = sum(len(stretch.audio) for stretch in stretches)

    cost = least(speak, seconds, runs=1)
    return VoiceCost(cost / max(samples / voice.sample_rate, 0.1), _HERE)
