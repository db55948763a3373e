"""The training: batches of dialogues, the loss of what the assistant says, checkpoints, looks."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from torch.nn import functional

from starter.language_model.looks import fixed_batches, look
from starter.language_model.network import Llama
from starter.language_model.rows import Batch, Source, batches
from starter.language_model.tokenizer import Tokenizer
from starter.training.averaging import MovingAverage
from starter.training.budget import Budget, interruptible
from starter.training.checkpoint import Checkpoint, save_checkpoint
from starter.training.curve import LearningCurve
from starter.training.machine import Machine
from starter.training.optimizers import Optimizers, Rates

__all__ = ["Plan", "Texts", "Training"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train.

    Attributes:
        rates: Muon's and AdamW's. 0.005 for Muon from nothing; 0.02 stays at a high loss with steps
            of so few tokens.
        batch_tokens: Tokens of a batch, padding included.
        batches: Batches of a step: of different lengths, so that a step is no length's own.
        longest: Longest row in tokens; a conversation in use fits as well.
        averaging: Share of the averaged weights that a step keeps.
        save_seconds: Between checkpoints.
        look_seconds: Between looks at the fixed sets.
    """

    rates: Rates = field(default_factory=lambda: Rates(muon=0.004, adamw=0.0012, hold=0.4))
    batch_tokens: int = 2048
    batches: int = 2
    longest: int = 448
    averaging: float = 0.985
    save_seconds: float = 180.0
    look_seconds: float = 240.0


@dataclass(frozen=True, slots=True)
class Texts:
    """What is learnt, and what is looked at.

    Attributes:
        training: Makes the dialogues to learn from.
        looks: Name -> what makes the dialogues of a fixed set that is only looked at.
        dialogues: Dialogues in each of those sets.
    """

    training: Source
    looks: Mapping[str, Source]
    dialogues: int = 96


class Training:
    """A network under training; `run` goes on until the budget is used up.

    Args:
        network: With the weights to begin from.
        tokenizer: Its vocabulary's.
        plan: How to train.
        machine: Where.
        seed: Of the dialogues.
    """

    def __init__(
        self, network: Llama, tokenizer: Tokenizer, plan: Plan, machine: Machine, seed: int
    ) -> None:
        self._network, self._tokenizer = network.to(machine.device), tokenizer
        self._plan, self._machine, self._seed = plan, machine, seed
        self._average = MovingAverage(self._network, plan.averaging)
        self._optimizers = Optimizers(
            self._network.named_parameters(), is_matrix=_is_muons, rates=plan.rates
        )
        self._progress = {"steps": 0.0, "tokens": 0.0, "dialogues": 0.0, "seconds": 0.0}

    @property
    def progress(self) -> Mapping[str, float]:
        """Steps, tokens, dialogues and seconds so far."""
        return self._progress

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on where a checkpoint of this very network was written."""
        state = checkpoint.optimizer
        self._average.restore(checkpoint.weights, int(checkpoint.progress["steps"]))
        self._network.load_state_dict(state["weights"])
        self._optimizers.restore({"muon": state["muon"], "adamw": state["adamw"]})
        self._progress = dict(checkpoint.progress)

    def checkpoint(self, build: str, lineage: tuple[str, ...]) -> Checkpoint:
        """Return everything that is needed to go on; its weights are the averaged ones."""
        shape: dict[str, Any] = {
            **self._network.sizes.as_shape(), **self._tokenizer.vocabulary.as_shape(),
        }  # fmt: skip
        state = {"weights": self._network.state_dict(), **self._optimizers.state()}
        weights = self._average.weights()
        return Checkpoint(
            "language-model", build, weights, shape, state, dict(self._progress), lineage
        )

    def run(
        self,
        texts: Texts,
        budget: Budget,
        console: Console,
        *,
        curve: LearningCurve,
        saved: tuple[Path, str, tuple[str, ...]],
    ) -> None:
        """Train until the budget is used up or somebody asks to stop; a step at least.

        Args:
            texts: What to learn and to look at.
            budget: Wall-clock time; what earlier runs used counts.
            console: For the progress bar.
            curve: Takes a point at each look.
            saved: Where checkpoints go, their build and their lineage.

        Raises:
            RecipeError: If a checkpoint cannot be written.
        """
        path, build, lineage = saved
        rounds = _Rounds(self._plan, budget)
        source = self._batches(texts.training, budget)
        looks = self._fixed(texts)
        with interruptible(budget), _bar(console) as bar:
            task = bar.add_task("language model", total=budget.seconds)
            while not rounds.begun or not budget.over:
                rounds.add(self._step(source, budget))
                self._show(bar, task, rounds, budget)
                if rounds.look_is_due:
                    self._look(looks, rounds, curve, console)
                if rounds.save_is_due:
                    save_checkpoint(self.checkpoint(build, lineage), path)
        self._look(looks, rounds, curve, console)
        save_checkpoint(self.checkpoint(build, lineage), path)

    def _batches(self, source: Source, budget: Budget) -> Iterator[Batch]:
        # A training that goes on draws other dialogues than the ones it began with.
        generator = random.Random(f"{self._seed} {int(self._progress['steps'])}")
        return batches(
            source, self._tokenizer, generator=generator, share=lambda: budget.share,
            tokens=self._plan.batch_tokens, longest=self._plan.longest,
        )  # fmt: skip

    def _step(self, source: Iterator[Batch], budget: Budget) -> tuple[float, int]:
        """Take one step; return the loss of a token, and the number of tokens read."""
        taken = [next(source) for _ in range(self._plan.batches)]
        learnt = sum(len(batch.targets) for batch in taken)
        loss = 0.0
        for batch in taken:
            part = self._loss(batch) / learnt
            part.backward()  # type: ignore[no-untyped-call, unused-ignore]
            loss += part.item()
        self._optimizers.step(int(self._progress["steps"]), budget.share)
        self._average.update()
        tokens = sum(batch.tokens for batch in taken)
        self._progress["steps"] += 1
        self._progress["tokens"] += tokens
        self._progress["dialogues"] += sum(len(batch.ids) for batch in taken)
        self._progress["seconds"] = budget.spent
        return loss, tokens

    def _loss(self, batch: Batch) -> torch.Tensor:
        device = self._machine.device
        with self._precision():
            logits = self._network(batch.ids.to(device), batch.wanted.to(device))
        targets = batch.targets.to(device)
        return functional.cross_entropy(logits.float(), targets, reduction="sum")

    def _precision(self) -> AbstractContextManager[object]:
        if self._machine.autocast is None:
            return nullcontext()
        return torch.autocast(self._machine.device, self._machine.autocast)

    def _fixed(self, texts: Texts) -> dict[str, tuple[Batch, ...]]:
        return {
            name: fixed_batches(
                source, self._tokenizer, seed=20261, dialogues=texts.dialogues,
                longest=self._plan.longest,
            )
            for name, source in texts.looks.items()
        }  # fmt: skip

    def _look(
        self,
        looks: Mapping[str, tuple[Batch, ...]],
        rounds: _Rounds,
        curve: LearningCurve,
        console: Console,
    ) -> None:
        point = self._point(looks, rounds)
        curve.add(point)
        console.print(", ".join(f"{name} {value}" for name, value in point.items()))

    def _point(
        self, looks: Mapping[str, tuple[Batch, ...]], rounds: _Rounds
    ) -> dict[str, float | int | str]:
        point: dict[str, float | int | str] = {
            **{name: round(number, 1) for name, number in self._progress.items()},
            "loss": round(rounds.loss, 4),
        }
        with self._average.applied():
            for name, fixed in looks.items():
                seen = look(self._network, fixed, self._precision())
                point[f"{name}_loss"] = round(seen.loss, 4)
                point[f"{name}_answers"] = round(seen.answers, 4)
        return point

    def _show(self, bar: Progress, task: TaskID, rounds: _Rounds, budget: Budget) -> None:
        words = (
            f"step {self._progress['steps']:.0f}, loss {rounds.loss:.3f}, "
            f"{rounds.tokens_per_second:.0f} tokens/s"
        )
        bar.update(task, completed=min(budget.spent, budget.seconds), description=words)


class _Rounds:
    """What the last steps were like, and when to look and to save again."""

    def __init__(self, plan: Plan, budget: Budget) -> None:
        self._plan, self._budget = plan, budget
        self._began = self._looked = self._saved = budget.spent
        self._tokens = 0
        self.loss = 0.0

    def add(self, step: tuple[float, int]) -> None:
        loss, tokens = step
        self.loss = loss if not self._tokens else 0.95 * self.loss + 0.05 * loss
        self._tokens += tokens

    @property
    def begun(self) -> bool:
        return self._tokens > 0

    @property
    def tokens_per_second(self) -> float:
        return self._tokens / max(1e-3, self._budget.spent - self._began)

    @property
    def look_is_due(self) -> bool:
        due = self._budget.spent - self._looked >= self._plan.look_seconds
        self._looked = self._budget.spent if due else self._looked
        return due

    @property
    def save_is_due(self) -> bool:
        due = self._budget.spent - self._saved >= self._plan.save_seconds
        self._saved = self._budget.spent if due else self._saved
        return due


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=console,
        refresh_per_second=1,
    )  # fmt: skip


def _is_muons(name: str, parameter: torch.Tensor) -> bool:
    return parameter.ndim == 2 and name.startswith("layers.")
