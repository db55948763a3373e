"""Makes shards of speech in several processes: `python -m starter.speech.making --minutes 30`."""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final, get_args

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from starter.domain.spoken import utterance, utterance_with_kept_name
from starter.errors import RecipeError
from starter.speech.recording import Studio
from starter.speech.reply_voice import MODEL
from starter.speech.shard_making import BYTES_OF_A_ROW, Plan, make_shard
from starter.speech.shards import finished_shards, require_space
from starter.speech.voices import VOICES, Family, speakers
from starter.training.budget import Budget, interruptible

__all__ = ["Result", "main", "make_speech"]

_LOOK_SECONDS: Final = 0.5
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(slots=True)
class Result:
    """What was made.

    Attributes:
        shards: How many.
        rows: Utterances in them, and in those that were left unfinished.
        hours: Of sound, in those that are finished.
        stopped: Whether somebody stopped it.
    """

    shards: int = 0
    rows: int = 0
    hours: float = 0.0
    stopped: bool = False


def make_speech(
    plan: Plan,
    *,
    minutes: float,
    jobs: int = 1,
    most_shards: int | None = None,
    console: Console | None = None,
) -> Result:
    """Make shards until the time is over; those that are in the folder already are kept.

    Ctrl-C and SIGTERM end it within seconds; shards that are not finished then are left out.

    Args:
        plan: See there.
        minutes: Wall-clock time; shards that have begun are finished.
        jobs: Processes.
        most_shards: End when the folder has so many, those of other seeds included.
        console: Shows progress, if given.

    Raises:
        RecipeError: If a synthesizer is missing (names its package) or fails, or the disk is full.
    """
    _require_synthesizers(plan)
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecipeError(f"{plan.folder} cannot be made ({error}); name another folder") from error
    budget = Budget(minutes * 60)
    with interruptible(budget), _Workshop(plan, jobs) as workshop, _progress(console) as progress:
        return _Run(plan, workshop, budget, most_shards).go(progress)


def _require_synthesizers(plan: Plan) -> None:
    one_each = {
        voice.family: name
        for name, voice in VOICES.items()
        if plan.family in (None, voice.family) and voice.learnt_by
    }
    speakers(one_each.values(), repeatable=False, reply_voice=plan.reply_voice)


# -- the processes --------------------------------------------------------------------------------


class _Workshop:
    """Processes that make shards, and what they share."""

    def __init__(self, plan: Plan, jobs: int) -> None:
        for name in _THREADS:  # threads that spin would take what the other processes need
            os.environ.setdefault(name, "1")
        context = multiprocessing.get_context("spawn")
        self.jobs = jobs
        self._stop, self._rows = context.Event(), context.Value("Q", 0)
        self._pool = ProcessPoolExecutor(
            jobs, context, initializer=_Bench.set_up, initargs=(plan, self._stop, self._rows)
        )

    @property
    def rows(self) -> int:
        return int(self._rows.value)

    def begin(self, number: int) -> Future[float | None]:
        return self._pool.submit(_Bench.make, number)

    def stop(self) -> None:
        self._stop.set()

    def __enter__(self) -> _Workshop:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        self._pool.shutdown(cancel_futures=True)


class _Bench:
    """What one of the processes works with."""

    plan: Plan
    stop: Event
    rows: Any
    studio: Studio

    @classmethod
    def set_up(cls, plan: Plan, stop: Event, rows: Any) -> None:  # noqa: ANN401
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the first process acts
        cls.plan, cls.stop, cls.rows, cls.studio = plan, stop, rows, Studio(plan.reply_voice)

    @classmethod
    def make(cls, number: int) -> float | None:
        return make_shard(cls.plan, number, cls.studio, stopped=cls.stop.is_set, counted=cls._count)

    @classmethod
    def _count(cls) -> None:
        with cls.rows.get_lock():
            cls.rows.value += 1


# -- handing out the work -------------------------------------------------------------------------


@dataclass(slots=True)
class _Run:
    plan: Plan
    workshop: _Workshop
    budget: Budget
    most_shards: int | None
    result: Result = field(default_factory=Result)
    _running: set[Future[float | None]] = field(default_factory=set)

    def go(self, progress: Progress | None) -> Result:
        numbers = (number for number in itertools.count() if not self.plan.is_made(number))
        task = progress.add_task("", total=self.budget.seconds) if progress else None
        self._fill(numbers)
        while self._running:
            done, self._running = wait(self._running, _LOOK_SECONDS, FIRST_COMPLETED)
            for one in done:
                self._take(one)
            if self.budget.stopped:
                self.workshop.stop()
            self._fill(numbers)
            if progress is not None and task is not None:
                progress.update(task, completed=self.budget.spent, description=self.summary())
        self.result.rows, self.result.stopped = self.workshop.rows, self.budget.stopped
        return self.result

    def summary(self) -> str:
        per_second = self.workshop.rows / max(self.budget.spent, 1e-9)
        return f"{self.result.shards} shards, {self.workshop.rows} rows, {per_second:.0f} a second"

    def _fill(self, numbers: Iterator[int]) -> None:
        while len(self._running) < self.workshop.jobs and self._has_time() and self._is_wanted():
            require_space(self.plan.folder, self.workshop.jobs * self.plan.rows * BYTES_OF_A_ROW)
            self._running.add(self.workshop.begin(next(numbers)))

    def _has_time(self) -> bool:
        """Whether half of another shard fits into the time; at first, whether there is any."""
        made = self.result.shards
        each = self.budget.spent * self.workshop.jobs / made if made else 0.0
        return not self.budget.over and self.budget.seconds - self.budget.spent > each / 2

    def _is_wanted(self) -> bool:
        if self.most_shards is None:
            return True
        return len(finished_shards(self.plan.folder)) + len(self._running) < self.most_shards

    def _take(self, done: Future[float | None]) -> None:
        try:
            seconds = done.result()
        except BrokenProcessPool as error:
            message = (
                "a process that makes speech ended by itself, most likely for want of memory; "
                "begin again with fewer --jobs: what is finished is kept"
            )
            raise RecipeError(message) from error
        if seconds is not None:
            self.result.shards += 1
            self.result.hours += seconds / 3600


@contextmanager
def _progress(console: Console | None) -> Iterator[Progress | None]:
    """Show a line while it lasts, or nothing without a console."""
    if console is None:
        yield None
        return
    columns = (
        TextColumn("speech"), BarColumn(), TimeRemainingColumn(), TextColumn("{task.description}"),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        yield progress


# -- the command ----------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, 2 for what a person can put right, 130 if it was stopped."""
    options = _parser().parse_args(arguments)
    console = Console()
    plan = Plan(
        options.work.absolute() / "speech", options.seed, family=options.family,
        reply_voice=options.reply_voice.absolute(),
        source=utterance_with_kept_name if options.kept_names else utterance,
    )  # fmt: skip
    try:
        result = make_speech(
            plan, minutes=options.minutes, jobs=options.jobs, most_shards=options.shards,
            console=console,
        )  # fmt: skip
    except RecipeError as error:
        print(f"starter: {error}", file=sys.stderr)
        return 2
    console.print(
        f"{result.shards} shards made, {result.hours:.1f} h of sound, "
        f"{len(finished_shards(plan.folder))} in {plan.folder}"
    )
    return 130 if result.stopped else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m starter.speech.making", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="wall-clock time (30)")
    parser.add_argument("--shards", type=int, help="end when the folder has so many")
    parser.add_argument("--jobs", type=_at_least_one, default=1, help="processes (1)")
    parser.add_argument("--seed", type=int, default=1, help="another one makes others (1)")
    parser.add_argument("--family", choices=get_args(Family), help="its voices alone")
    parser.add_argument(
        "--kept-names", action="store_true",
        help="only utterances with a name that no language model learns",
    )  # fmt: skip
    parser.add_argument(
        "--reply-voice", type=Path, default=MODEL, metavar="FILE",
        help="another model of the reply voice (the one that comes with Parley)",
    )  # fmt: skip
    parser.add_argument(
        "--work", type=Path, default=Path("build/starter"), metavar="FOLDER",
        help="shards go into its folder speech (build/starter)",
    )  # fmt: skip
    return parser


def _at_least_one(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is too few, expected 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
