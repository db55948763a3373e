"""How fast a language model answers, and how fast it stops.

``python -m benchmarks.language_model`` prints a table for the starter model, or any GGUF file:

* *first token, cold*: a new conversation, nothing cached.
* *first token, next turn*: the conversation goes on; only the new words are read.
* *first token, after a cut*: the last reply was interrupted and is kept up to its middle.
* *tokens per second*: while a reply is generated.
* *stopped in prefill*: from the moment when the event loop gives up a job until it has ended, on a
  random-weight model that needs at least a second to read its prompt in one native call. It is
  written on the spot, which takes a checkout of the project with its development dependencies.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.engines import Generated, Message, Prompt, StopSignal
from pipeline.engines.llama_cpp import LlamaModel, LlamaSession, LlamaSettings, load
from pipeline.engines.thread import EngineThread, StopToken, call

__all__ = ["main"]

_STARTER = Path(__file__).parents[1] / "starter" / "models" / "language-model" / "starter-q8_0.gguf"
_INSTRUCTIONS = Message(
    "system",
    "You are Nova, a friendly voice assistant. Keep your answers short. "
    "Current time: Tuesday, 3 March 2026, 15:42.",
)
_QUESTIONS = (
    "What is the capital of France?",
    "Tell me a story.",
    "What time is it?",
    "Count from one to twenty.",
    "What can you do?",
)


@dataclass
class _Rows:
    """Milliseconds, by row of the table."""

    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    cut: list[float] = field(default_factory=list)
    tokens: int = 0
    seconds: float = 0.0


def _answer(session: LlamaSession, talk: Sequence[Message], rows: _Rows) -> tuple[str, float]:
    """Return a reply, and the milliseconds to its first token."""
    began = time.perf_counter()
    pieces = session.generate(Prompt(talk, max_tokens=80), stop=StopToken())
    text = next(pieces).text
    first = time.perf_counter()
    usage = None
    for piece in pieces:
        text, usage = text + piece.text, piece.usage
    if usage is not None and usage.generated > 1:
        rows.tokens += usage.generated - 1
        rows.seconds += time.perf_counter() - first
    return text, (first - began) * 1e3


def _converse(model: LlamaModel, rounds: int) -> _Rows:
    rows = _Rows()
    for _ in range(rounds):
        session, talk = model.open(), [_INSTRUCTIONS]
        text = ""
        for number, question in enumerate(_QUESTIONS):
            talk.append(Message("user", question))
            text, wait = _answer(session, talk, rows)
            (rows.warm if number else rows.cold).append(wait)
            talk.append(Message("assistant", text))
        talk[-1] = Message("assistant", text[: len(text) // 2].rsplit(" ", 1)[0])
        talk.append(Message("user", "What did you say?"))
        rows.cut.append(_answer(session, talk, rows)[1])
        session.close()
    return rows


class _Reading:
    """A job that reads a long prompt, and knows when it ended."""

    def __init__(self, size: int) -> None:
        self.prompt = Prompt([Message("user", "x" * size)], max_tokens=1)
        self.seconds = 0.0
        self.ended: float | None = None

    def __call__(self, model: LlamaModel, stop: StopSignal) -> Iterator[Generated]:
        session, began = model.open(), time.perf_counter()
        try:
            yield from session.generate(self.prompt, stop=stop)
        finally:
            session.close()
            self.ended = time.perf_counter()
            self.seconds = self.ended - began


async def _stop_waits(path: Path, times: int) -> tuple[float, list[float]]:
    """Return the seconds of a whole prefill, and the milliseconds of each stop."""
    settings = LlamaSettings(
        path, context_tokens=16_384, cache_tokens=16_384, batch_tokens=16_384, sessions=2
    )
    engine = EngineThread("llm", lambda: load(settings))
    await engine.start()
    size, whole = 1_000, _Reading(1_000)
    while whole.seconds < 1.0:
        size = size * 3 // 2
        whole = _Reading(size)
        async with engine.run(whole, first_within=120) as results:
            _ = [piece async for piece in results]
    waits = []
    for number in range(times):
        reading = _Reading(size)
        async with engine.run(reading, first_within=120):
            await asyncio.sleep(whole.seconds * (number + 0.5) / times * 0.9)
            stopped = time.perf_counter()
        await call(engine, lambda _model, _stop: True)  # jobs run one after another
        if reading.ended is not None and reading.ended > stopped:
            waits.append((reading.ended - stopped) * 1e3)
    await call(engine, lambda model, _stop: model.close())
    await engine.close()
    return whole.seconds, waits


def _percentiles(values: Sequence[float]) -> str:
    ranked = sorted(values)

    def at(share: float) -> float:
        return ranked[min(len(ranked) - 1, int(share * len(ranked)))]

    return f"{at(0.5):9.1f} {at(0.95):9.1f} {ranked[-1]:9.1f} {len(ranked):6d}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code is 0."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.language_model", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--model", type=Path, default=_STARTER, help="GGUF file")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--gpu-layers", type=int, default=-1)
    parser.add_argument("--rounds", type=int, default=10, help="conversations of six turns")
    parser.add_argument("--stops", type=int, default=40, help="stops in prefill; 0: none")
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    model = load(
        LlamaSettings(options.model, threads=options.threads, gpu_layers=options.gpu_layers)
    )
    loaded = time.perf_counter() - began
    rows = _converse(model, options.rounds)
    print(f"{options.model.name}: {model.context.description}")
    print(f"loaded and warm in {loaded * 1e3:.0f} ms, {options.threads} thread(s)")
    print(f"{rows.tokens / rows.seconds:.0f} tokens per second\n")
    print(f"{'ms':30}{'p50':>9} {'p95':>9} {'max':>9} {'n':>6}")
    print(f"{'first token, cold':30}{_percentiles(rows.cold)}")
    print(f"{'first token, next turn':30}{_percentiles(rows.warm)}")
    print(f"{'first token, after a cut':30}{_percentiles(rows.cut)}")
    model.close()
    if options.stops:
        _print_stops(options.stops)
    return 0


def _print_stops(times: int) -> None:
    try:
        from tests.models import random_gguf
    except ImportError as error:
        print(f"stopped in prefill: not measured ({error}); run it in a development checkout")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = random_gguf.write(Path(folder) / "slow.gguf", random_gguf.SLOW)
        seconds, waits = asyncio.run(_stop_waits(path, times))
    label = f"stopped in a {seconds:.1f} s prefill"
    print(f"{label:30}{_percentiles(waits)}" if waits else f"{label}: every stop came too late")


if __name__ == "__main__":
    raise SystemExit(main())
