"""Loads a model through the product's own engine and measures what it costs.

CPU seconds are the process's own, and the least of several runs: neighbours on the machine cannot
add to them, though they take caches away. The number of tokens is fixed by the caller of each
engine, since random weights stop nowhere: four a second of speech for recognition, as English has.
"""

from __future__ import annotations

import functools
import math
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.geometries.shapes import Geometry, LlamaShape, VoiceShape, WhisperShape
from pipeline.engines import (
    SAMPLE_RATE,
    Float32Audio,
    HypothesisKind,
    Message,
    Prompt,
    RecognitionJob,
    SpeakJob,
)
from pipeline.engines.thread import StopToken
from pipeline.guards import GuardSettings

__all__ = ["Cost", "measure", "steps"]

_TOKENS_PER_SECOND: Final = 4.0
_CONTEXTS: Final = (5.0, 8.0, 10.0, 15.0, 20.0)
_FULL: Final = 30.0
_PAD_PARTIAL: Final = 1.28
"""Seconds of silence that a partial's context has behind the audio, by default."""
_TOLERANT: Final = GuardSettings(
    no_speech_probability=2.0,
    log_probability=-1e9,
    hopeless_log_probability=-1e9,
    compression_ratio=1e9,
    repeats=10_000,
    spoken_repeats=10_000,
)
"""Random text must be kept, so that its words are timed as those of real text are."""
_PREFILL, _DECODE, _QUESTION = 384, 48, 24
"""Tokens: a system prompt with some conversation, a reply, a question."""
_SENTENCES: Final = (
    "Sure, {}.",
    "Well, the weather in {},",
    "The weather in {} will be sunny for most of the day today.",
    "The weather in {} will be sunny for most of the day, with a little rain in the evening.",
)
_PLACES: Final = ("Paris", "London", "Rome", "Berlin", "Oslo", "Madrid", "Vienna", "Lisbon")


@dataclass(frozen=True, slots=True)
class Cost:
    """The least of several runs, in seconds.

    Attributes:
        cpu: Of all threads of the process.
        wall: That passed.
    """

    cpu: float
    wall: float


def steps(geometry: Geometry) -> int:
    """Return how many steps `measure` reports of a geometry."""
    match geometry:
        case WhisperShape():
            return len(_CONTEXTS) + 2
        case LlamaShape():
            return 4
        case VoiceShape():
            return 1 + len(_SENTENCES)


def measure(
    path: Path, geometry: Geometry, *, rounds: int, step: Callable[[], None]
) -> dict[str, Any]:
    """Measure one model in this process, which should have loaded nothing else.

    Args:
        path: The model, as its engine takes it.
        geometry: Its shape.
        rounds: Runs of each step.
        step: Called after each of them.

    Returns:
        Figures by name; seconds, bytes and tokens per second.
    """
    _import(geometry)
    before = _resident()
    figures = _measured(path, geometry, rounds, step)
    return {
        "shape": asdict(geometry),
        "file_bytes": _size(path),
        **figures,
        "resident_bytes": max(0, figures["resident_bytes"] - before),
        # The kernel counts both in batches, and may give a peak below what it gave before.
        "peak_bytes": max(0, _peak() - before, figures["resident_bytes"] - before),
    }


def _import(geometry: Geometry) -> None:
    """Import the engine's packages, which no model is to be charged for."""
    match geometry:
        case WhisperShape():
            import ctranslate2  # noqa: F401
            import faster_whisper  # noqa: F401
        case LlamaShape():
            import llama_cpp  # noqa: F401
        case VoiceShape():
            import onnxruntime  # noqa: F401
            import piper.voice  # noqa: F401


def _measured(
    path: Path, geometry: Geometry, rounds: int, step: Callable[[], None]
) -> dict[str, Any]:
    match geometry:
        case WhisperShape():
            return _measure_whisper(path, rounds, step)
        case LlamaShape():
            return _measure_llama(path, rounds, step)
        case VoiceShape():
            return _measure_voice(path, rounds, step)


def _least(run: Callable[[], object], rounds: int) -> Cost:
    costs = []
    for _ in range(rounds):
        cpu, wall = time.process_time(), time.perf_counter()
        run()
        costs.append((time.process_time() - cpu, time.perf_counter() - wall))
    return Cost(min(cpu for cpu, _ in costs), min(wall for _, wall in costs))


# -- recognition ----------------------------------------------------------------------------------


def _measure_whisper(path: Path, rounds: int, step: Callable[[], None]) -> dict[str, Any]:
    began = time.process_time()
    recognizer = _recognizer(path, _FULL, _FULL)
    compute_type, load_cpu = recognizer.compute_type, time.process_time() - began
    final_30s = _pass(recognizer, _FULL, HypothesisKind.FINAL, rounds)
    resident = _resident()  # now: further models are loaded below
    step()
    recognizer = _recognizer(path, 8.0, 3.0)
    final_3s = _pass(recognizer, 3.0, HypothesisKind.FINAL, rounds)
    step()
    partials = {}
    for context in _CONTEXTS:
        seconds = round(context - _PAD_PARTIAL, 2)
        recognizer = _recognizer(path, context, seconds)
        partials[f"{context:g}"] = _pass(recognizer, seconds, HypothesisKind.PARTIAL, rounds)
        step()
    return {
        "kind": "recognizer",
        "compute_type": compute_type,
        "load_cpu": round(load_cpu, 3),
        "final_3s": final_3s,
        "final_30s": final_30s,
        "partial_by_context": partials,
        "resident_bytes": resident,
    }


def _pass(
    recognizer: Any,  # noqa: ANN401 - see load
    seconds: float,
    kind: HypothesisKind,
    rounds: int,
) -> dict[str, float]:
    job = RecognitionJob(_noise(seconds), kind)
    _recognize(recognizer, job)
    cost = _least(functools.partial(_recognize, recognizer, job), rounds)
    return {"audio": seconds, **_rounded(cost)}


def _recognizer(path: Path, context: float, seconds: float) -> Any:  # noqa: ANN401 - see load
    from pipeline.engines.faster_whisper import WhisperSettings, load

    # One context: a pass that does not end would else be repeated with the full one.
    rate = max(0.0, _TOKENS_PER_SECOND - 8 / seconds)
    return load(
        WhisperSettings(
            path,
            device="cpu",
            contexts="full",
            full_context_seconds=context,
            final_beam=2,
            tokens_per_second=rate,
            guards=_TOLERANT,
        )
    )


def _recognize(recognizer: Any, job: RecognitionJob) -> None:  # noqa: ANN401 - see load
    found = recognizer.utterance(language="en").recognize(job, stop=StopToken())
    assert found.words, found


def _noise(seconds: float) -> Float32Audio:
    samples = math.floor(seconds * SAMPLE_RATE)
    return np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)


# -- language model -------------------------------------------------------------------------------


def _measure_llama(path: Path, rounds: int, step: Callable[[], None]) -> dict[str, Any]:
    from pipeline.engines.llama_cpp import LlamaSettings, load

    began = time.process_time()
    model = load(LlamaSettings(path, device="cpu", context_tokens=4096, sessions=2))
    load_cpu = time.process_time() - began
    step()
    prefills, decodes, turns, resident = [], [], [], 0
    for number in range(rounds):
        session = model.open()
        talk = [Message("user", _letters(number) * (_PREFILL - 24))]
        prompt_tokens, prefill, _ = _generate(session, talk, 1)
        prefills.append((prompt_tokens, prefill))
        # The same prompt again: all of it is cached, so what is left is generation.
        _, first, rest = _generate(session, talk, _DECODE)
        decodes.append((_DECODE, Cost(first.cpu + rest.cpu, first.wall + rest.wall)))
        talk += [Message("assistant", "Yes."), Message("user", _letters(number + 1) * _QUESTION)]
        turns.append(_generate(session, talk, 1)[1])
        resident = max(resident, _resident())
        session.close()
    model.close()
    for _ in range(3):
        step()
    return {
        "kind": "language_model",
        "load_cpu": round(load_cpu, 3),
        "prefill_tokens_per_cpu_second": round(_rate(prefills, "cpu"), 1),
        "prefill_tokens_per_second": round(_rate(prefills, "wall"), 1),
        "decode_tokens_per_cpu_second": round(_rate(decodes, "cpu"), 1),
        "decode_tokens_per_second": round(_rate(decodes, "wall"), 1),
        "first_token_cold": {
            "tokens": prefills[0][0],
            **_rounded(_least_of([cost for _, cost in prefills])),
        },
        "first_token_next_turn": _rounded(_least_of(turns)),
        "resident_bytes": resident,
    }


def _letters(number: int) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[number % 26]


def _generate(session: Any, talk: list[Message], tokens: int) -> tuple[int, Cost, Cost]:  # noqa: ANN401
    """Return the prompt's tokens, the cost of the first token, and that of the others."""
    cpu, wall = time.process_time(), time.perf_counter()
    # Above 0, and the seed fixed: greedy decoding of random weights goes round in circles.
    prompt = Prompt(talk, max_tokens=tokens, temperature=1.0, seed=7)
    pieces = session.generate(prompt, stop=StopToken())
    next(pieces)
    first = Cost(time.process_time() - cpu, time.perf_counter() - wall)
    usage = None
    for piece in pieces:
        usage = piece.usage
    whole = Cost(time.process_time() - cpu, time.perf_counter() - wall)
    assert usage is not None
    assert usage.generated == tokens, usage
    return usage.prompt, first, Cost(whole.cpu - first.cpu, whole.wall - first.wall)


def _rate(runs: list[tuple[int, Cost]], clock: str) -> float:
    return max(float(tokens / max(getattr(cost, clock), 1e-9)) for tokens, cost in runs)


def _least_of(costs: list[Cost]) -> Cost:
    return Cost(min(cost.cpu for cost in costs), min(cost.wall for cost in costs))


# -- voice ----------------------------------------------------------------------------------------


def _measure_voice(path: Path, rounds: int, step: Callable[[], None]) -> dict[str, Any]:
    from pipeline.engines.piper import PiperSettings, load

    began = time.process_time()
    voice = load(PiperSettings(path))
    voice.warm_up()
    load_cpu = time.process_time() - began
    step()
    cpu = wall = seconds = 0.0
    first_clause = Cost(0.0, 0.0)
    for sentence in _SENTENCES:
        runs = [_spoken(voice, sentence.format(place)) for place in _places(rounds)]
        best = min(runs, key=lambda run: run[1].cpu / run[0])
        seconds, cpu, wall = seconds + best[0], cpu + best[1].cpu, wall + best[1].wall
        if sentence.endswith(","):
            first_clause = _least_of([cost for _, cost in runs])
        step()
    return {
        "kind": "voice",
        "load_cpu": round(load_cpu, 3),
        "real_time_factor_cpu": round(cpu / seconds, 4),
        "real_time_factor": round(wall / seconds, 4),
        "first_clause": _rounded(first_clause),
        "resident_bytes": _resident(),
    }


def _places(rounds: int) -> Iterator[str]:
    return (_PLACES[number % len(_PLACES)] for number in range(rounds))


def _spoken(voice: Any, text: str) -> tuple[float, Cost]:  # noqa: ANN401 - see load
    cpu, wall = time.process_time(), time.perf_counter()
    samples = sum(len(each.audio) for each in voice.speak(SpeakJob(text), stop=StopToken()))
    cost = Cost(time.process_time() - cpu, time.perf_counter() - wall)
    return samples / voice.sample_rate, cost


# -- memory ---------------------------------------------------------------------------------------


def _rounded(cost: Cost) -> dict[str, float]:
    return {"cpu": round(cost.cpu, 4), "wall": round(cost.wall, 4)}


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(each.stat().st_size for each in path.iterdir())


def _resident() -> int:
    """Bytes of memory that this process holds now; mapped files count as far as they were read."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return _peak()
    return pages * resource.getpagesize()


def _peak() -> int:
    """Bytes that it ever held. Not from getrusage: there a child begins with its parent's peak."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    found = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
