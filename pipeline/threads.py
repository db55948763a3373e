"""How many threads each engine gets, and what keeps idle ones from spinning. Pure.

Engines whose threads together exceed the cores cost more than they bring: at a barrier the threads
of llama.cpp (some thirty times a layer) and of CTranslate2 wait for one that another engine has
put off its core. Measured on two cores with one busy neighbour: a 135 M model gives 99 tokens/s
with one thread and 31 with two, and its slowest token takes 1.7 s instead of 23 ms. For speech
recognition, two passes on one thread each give 1.2 to 2.7 times the throughput of one pass on two
threads: short contexts hardly divide. A voice is quickest on one thread.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["NO_SPINNING", "EngineName", "EngineThreads", "ThreadPlan", "plan_threads"]

NO_SPINNING: Final[Mapping[str, str]] = {
    "OMP_WAIT_POLICY": "PASSIVE",  # idle OpenMP threads sleep instead of taking the loop's core
    "KMP_BLOCKTIME": "0",  # the same for LLVM's and Intel's OpenMP (builds for macOS and Windows)
    "OPENBLAS_NUM_THREADS": "1",  # numpy needs no threads of its own beside the engines'
}
"""What has to be in the environment before the first engine library is loaded.

OpenMP runtimes read it once, when they are loaded. Measured on two cores with neighbours: with two
threads of llama.cpp, twenty replies of the starter model take 0.6 instead of 7.7 CPU seconds, and
1.2 instead of 26 s; numpy's BLAS costs a log-mel spectrogram 12 to 23 ms of CPU instead of 3.
"""

EngineName = str
"""One of ``recognizer``, ``language_model`` and ``voice``."""

_MOST_RECOGNIZERS: Final = 4
"""Passes at the same time; with more cores each gets more threads instead."""
_MOST_LANGUAGE: Final = 16
"""Beyond that memory bandwidth, not cores, bounds the tokens per second of one machine."""
_MOST_VOICES: Final = 4
_LOOP_CORE_FROM: Final = 8
"""Cores from which one is left to the event loop; below, it needs but a share of one."""


@dataclass(frozen=True, slots=True)
class EngineThreads:
    """One engine's part.

    Attributes:
        threads: Within one pass.
        workers: Passes at the same time.
    """

    threads: int = 1
    workers: int = 1

    @property
    def total(self) -> int:
        """Cores that it can keep busy."""
        return self.threads * self.workers


@dataclass(frozen=True, slots=True)
class ThreadPlan:
    """What each engine gets. From three cores on, all of it together is at most the cores.

    Attributes:
        loop: Cores that are left to the event loop.
    """

    recognizer: EngineThreads
    language_model: EngineThreads
    voice: EngineThreads
    loop: int

    @property
    def total(self) -> int:
        """Cores that all of it can keep busy."""
        engines = (self.recognizer, self.language_model, self.voice)
        return self.loop + sum(engine.total for engine in engines)


def plan_threads(
    cores: int,
    *,
    on_gpu: Collection[EngineName] = (),
    recognizer: int = 0,
    language_model: int = 0,
    voice: int = 0,
) -> ThreadPlan:
    """Divide the cores.

    Every engine has at least one thread; with one or two cores they share them, which they can: a
    recogniser works while the user speaks, the language model and the voice afterwards.

    Args:
        cores: That this process may use; at least 1.
        on_gpu: Engines that compute on a GPU: they need one thread to feed it.
        recognizer: Threads that the operator wants; 0 leaves it to the plan. They are taken as they
            are, and the others share what is left.
        language_model: The same.
        voice: The same.
    """
    loop = 1 if cores >= _LOOP_CORE_FROM else 0
    wanted = {"recognizer": recognizer, "language_model": language_model, "voice": voice}
    fixed = dict.fromkeys(on_gpu, 1) | {name: n for name, n in wanted.items() if n}
    left = cores - loop - sum(fixed.values())
    open_ones = {name for name in wanted if name not in fixed}
    shares = _shares(left, open_ones)

    def engine(name: EngineName) -> EngineThreads:
        return EngineThreads(fixed[name]) if name in fixed else shares[name]

    return ThreadPlan(engine("recognizer"), engine("language_model"), engine("voice"), loop)


def _shares(cores: int, names: Collection[EngineName]) -> dict[EngineName, EngineThreads]:
    """Divide ``cores`` among the engines that compute on them and were not told otherwise."""
    spare = max(0, cores - len(names))
    weights = {name: weight for name, weight in _WEIGHTS.items() if name in names}
    total = sum(weights.values())
    counts = {name: 1 + spare * weight // total for name, weight in weights.items()}
    for first in list(counts)[:1]:
        counts[first] += spare - sum(count - 1 for count in counts.values())
    return {name: _arranged(name, count) for name, count in counts.items()}


_WEIGHTS: Final[Mapping[EngineName, int]] = {"language_model": 5, "recognizer": 2, "voice": 1}
"""How the cores beyond one for each are divided: a reply costs several times its transcript.

The first that is there takes what is left over."""


def _arranged(name: EngineName, cores: int) -> EngineThreads:
    if name == "language_model":
        return EngineThreads(min(cores, _MOST_LANGUAGE))
    if name == "voice":
        return EngineThreads(1, min(cores, _MOST_VOICES))
    workers = min(cores, _MOST_RECOGNIZERS)
    return EngineThreads(cores // workers, workers)
