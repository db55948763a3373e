"""The training itself: steps, looks, checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from starter.order import Order
from starter.recognizer.batches import Batch, Composer
from starter.recognizer.context import Contexts
from starter.recognizer.course import Course
from starter.recognizer.development import Development
from starter.recognizer.losses import Losses, losses_of
from starter.recognizer.network import Recognizer
from starter.recognizer.tokenizer import Tokens
from starter.training.averaging import MovingAverage
from starter.training.budget import Budget, interruptible
from starter.training.checkpoint import Checkpoint, save_checkpoint
from starter.training.curve import LearningCurve
from starter.training.machine import Machine
from starter.training.optimizers import Optimizers, Rates

__all__ = ["KIND", "Intervals", "Training", "is_matrix"]

KIND = "recognizer"
_CLIP = 5.0


@dataclass(frozen=True, slots=True)
class Intervals:
    """Seconds between what is done now and then.

    Attributes:
        point: A point of the learning curve.
        saving: A checkpoint.
        looking: Word errors on the development sets.
        loading: Shards that have appeared are taken in.
    """

    point: float = 30.0
    saving: float = 240.0
    looking: float = 480.0
    loading: float = 20.0


def is_matrix(name: str, parameter: torch.Tensor) -> bool:
    """Whether Muon takes a parameter: matrices inside layers."""
    return parameter.ndim == 2 and "layers" in name


@dataclass(slots=True)
class _Sums:
    """What was measured since the last point."""

    words: float = 0.0
    phones: float = 0.0
    listening: float = 0.0
    steps: int = 0
    rows: int = 0
    began: float = field(default_factory=time.monotonic)

    def add(self, losses: Losses, rows: int) -> None:
        self.words += float(losses.words)
        self.phones += float(losses.phones)
        self.listening += float(losses.listening)
        self.steps, self.rows = self.steps + 1, self.rows + rows

    def means(self) -> dict[str, float]:
        count = max(1, self.steps)
        return {
            "words": round(self.words / count, 4),
            "phones": round(self.phones / count, 4),
            "listening": round(self.listening / count, 4),
            "rows_per_second": round(self.rows / max(1e-9, time.monotonic() - self.began), 1),
        }


class Training:
    """A network, its optimizers and its average; steps until the budget is used.

    Args:
        network: On the machine's device already.
        tokens: Its tokenizer.
        phones: Its phones.
        order: What is made, and where.
        machine: What computes.
        rates: Learning rates.
        begun: Whether the weights come from an earlier training.
        lineage: Lines of the runs before.
    """

    def __init__(
        self,
        network: Recognizer,
        tokens: Tokens,
        phones: Sequence[str],
        order: Order,
        machine: Machine,
        rates: Rates,
        *,
        begun: bool,
        lineage: Sequence[str] = (),
    ) -> None:
        self.network, self.tokens, self.phones = network, tokens, tuple(phones)
        self._order, self._machine = order, machine
        self._lineage, self._course = tuple(lineage), Course(begun)
        self._optimizers = Optimizers(
            network.named_parameters(), is_matrix=is_matrix, rates=rates, clip=_CLIP
        )
        self.average = MovingAverage(network)
        self.budget = Budget(order.minutes * 60)
        self.steps = self._rows = 0
        self._curve = LearningCurve(order.curve)

    @property
    def on_cuda(self) -> bool:
        """Whether a GPU computes."""
        return self._machine.device == "cuda"

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on where a checkpoint of this training was saved."""
        self.steps = int(checkpoint.progress["steps"])
        self._rows = int(checkpoint.progress["rows"])
        self.budget = Budget(self._order.minutes * 60, checkpoint.progress["seconds"])
        with torch.no_grad():
            current = checkpoint.optimizer["current"]
            for name, parameter in self.network.named_parameters():
                parameter.copy_(current[name])
        self.average.restore(checkpoint.weights, self.steps)
        self._optimizers.restore(checkpoint.optimizer["optimizers"])

    def checkpoint(self) -> Checkpoint:
        """Return everything that is needed to go on."""
        current = {name: one.detach() for name, one in self.network.named_parameters()}
        return Checkpoint(
            kind=KIND,
            build=self._order.build,
            weights=self.average.weights(),
            shape={
                "sizes": asdict(self.network.sizes),
                "tokenizer": self.tokens.document,
                "phones": list(self.phones),
            },
            optimizer={"current": current, "optimizers": self._optimizers.state()},
            progress={
                "begun": float(self._course.begun),
                "steps": self.steps,
                "rows": self._rows,
                "seconds": self.budget.spent,
            },
            lineage=(*self._lineage, self._line()),
        )

    def _line(self) -> str:
        return (
            f"{self._order.build}: {self._rows} rows in {self.steps} steps, "
            f"{self.budget.spent / 60:.0f} minutes on {self._machine.describe()}"
        )

    def run(
        self,
        composer: Composer,
        development: Development,
        console: Console,
        *,
        more_speech: Callable[[], object] = lambda: None,
        intervals: Intervals | None = None,
    ) -> None:
        """Train until the budget is used, or somebody asks to stop; then save."""
        intervals = intervals or Intervals()
        due = _Due(time.monotonic())
        sums = _Sums()
        contexts, draw = Contexts(), np.random.default_rng([self._order.seed, self.steps])
        with interruptible(self.budget), _progress(console) as progress:
            task = progress.add_task("training", total=1.0)
            for batch in composer.batches():
                if self.budget.over:
                    break
                sums.add(self._step(composer, batch, contexts, draw), batch.sentences)
                if due.after("point", intervals.point):
                    self._report(sums, progress, task)
                    sums = _Sums()
                if due.after("loading", intervals.loading):
                    more_speech()
                if due.after("saving", intervals.saving):
                    save_checkpoint(self.checkpoint(), self._order.checkpoint)
                if due.after("looking", intervals.looking):
                    self.look(development, progress.console)
        save_checkpoint(self.checkpoint(), self._order.checkpoint)

    def look(self, development: Development, console: Console) -> None:
        """Measure the averaged weights on the development sets."""
        with self.average.applied():
            errors = development.word_errors(self.network, self.tokens)
        self._add({f"errors_{name}": rate for name, rate in errors.items()})
        told = ", ".join(f"{name} {rate:g}" for name, rate in errors.items())
        console.print(f"{self._rows} rows, {self.budget.share:.0%}: word errors % {told}")

    def _step(
        self, composer: Composer, batch: Batch, contexts: Contexts, draw: np.random.Generator
    ) -> Losses:
        stage = self._course.at(self.budget.share)
        composer.token_noise = stage.token_noise
        sound = int(batch.positions.max())
        padding = contexts.draw(sound, draw, stage.padding_offset).to(self._machine.device)
        with self._lower_precision():
            losses = losses_of(self.network, batch.to(self._machine.device), padding, stage.weights)
        losses.total.backward()  # type: ignore[no-untyped-call, unused-ignore]
        self._optimizers.step(self.steps, self.budget.share)
        self.average.update()
        self.steps, self._rows = self.steps + 1, self._rows + batch.sentences
        return losses

    def _lower_precision(self) -> AbstractContextManager[Any]:
        if self._machine.autocast is None:
            return nullcontext()
        return torch.autocast(self._machine.device, dtype=self._machine.autocast)

    def _report(self, sums: _Sums, progress: Progress, task: TaskID) -> None:
        means = sums.means()
        self._add(means)
        told = " ".join(f"{name} {value:g}" for name, value in means.items())
        progress.update(task, completed=self.budget.share, description=told)

    def _add(self, figures: Mapping[str, float]) -> None:
        spent = round(self.budget.spent, 1)
        self._curve.add({"step": self.steps, "rows": self._rows, "seconds": spent, **figures})


class _Due:
    """Says when something is to be done again."""

    def __init__(self, now: float) -> None:
        self._began, self._last = now, dict[str, float]()

    def after(self, name: str, seconds: float) -> bool:
        now = time.monotonic()
        if now - self._last.get(name, self._began) < seconds:
            return False
        self._last[name] = now
        return True


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, refresh_per_second=1)
