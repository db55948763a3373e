"""The training of the acoustic network: frames and durations of sentences, from their symbols."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from starter.errors import RecipeError
from starter.order import Order
from starter.training.averaging import MovingAverage
from starter.training.budget import Budget, interruptible
from starter.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from starter.training.curve import LearningCurve
from starter.training.machine import Machine, choose_machine
from starter.training.optimizers import Optimizers, Rates
from starter.voice import frames, phones
from starter.voice.batches import Batch, batch_of, grouped, prepared
from starter.voice.export import acoustic_of
from starter.voice.fitting import fit_last_layer
from starter.voice.network import SUBFRAMES, Acoustic, Sizes
from starter.voice.rows import Row

__all__ = ["train", "trained"]

_LOOK_SECONDS: Final = 120.0
"""Between looks: a measurement on sentences that are not trained on, and a checkpoint."""
_HELD_BACK: Final = 60
_FROM_NOTHING: Final = Rates(muon=0.02, adamw=2e-3, warm_up_steps=50, hold=0.2)
_GOING_ON: Final = Rates(muon=0.01, adamw=1e-3, warm_up_steps=30, hold=0.1)
_FITTED: Final = 1500
"""Sentences that the last layer is fitted to before the training begins."""
_AVERAGING: Final = 0.99
_SLOPES, _DURATIONS = 0.5, 0.2
"""What the errors of slopes (against muffling) and of durations count beside those of frames."""
_WIDEST_SPREAD: Final = 1.4


def _weights() -> torch.Tensor:
    """Return what an error of each number in a frame counts."""
    weights = torch.ones(frames.SIZE)
    weights[0] = 3.0
    weights[1:8] = 2.0  # formants
    weights[frames.PITCH] = weights[frames.VOICING] = 4.0
    return weights / weights.sum()


@dataclass(frozen=True, slots=True)
class _Losses:
    """Mean errors: of frames and their slopes, and of the logarithm of durations (squared)."""

    frames: torch.Tensor
    durations: torch.Tensor

    @property
    def total(self) -> torch.Tensor:
        return self.frames + _DURATIONS * self.durations


def train(order: Order, rows: Sequence[Row], console: Console) -> Acoustic:
    """Train within the order's budget, going on from its checkpoint if there is one.

    Ctrl-C ends it after a checkpoint.

    Raises:
        RecipeError: If a checkpoint does not fit, or the disk is full.
    """
    machine = choose_machine(order.device, order.threads, order.seed)
    training = _Training(order, rows, machine)
    console.print(f"voice, {order.build} build: {len(rows)} sentences on {machine.describe()}")
    with interruptible(training.budget):
        training.run(console)
    return training.finished()


def trained(order: Order) -> Acoustic:
    """Return what was trained before: the order's checkpoint, or else the one to begin from.

    Raises:
        RecipeError: If there is neither, or it does not fit.
    """
    found = _found(order.checkpoint) or _found(order.start_from)
    if found is None:
        message = f"nothing is trained yet: there is no {order.checkpoint}; give some --minutes"
        raise RecipeError(message)
    return found.network


class _Training:
    """One run: the network, what moves it, and how far it has come."""

    def __init__(self, order: Order, rows: Sequence[Row], machine: Machine) -> None:
        self._order, self._machine = order, machine
        held_back = min(_HELD_BACK, max(len(rows) // 10, 1))
        kept, start = _found(order.checkpoint), _found(order.start_from)
        begun = kept or start
        self._network = begun.network if begun else _new_network(rows)
        self._measured = [prepared(row, self._network) for row in rows[:held_back]]
        self._learnt = [prepared(row, self._network) for row in rows[held_back:]]
        self._network.to(machine.device)
        self._optimizers = Optimizers(
            self._network.named_parameters(),
            is_matrix=lambda name, _: name.endswith("convolution.matrix"),  # neither first nor last
            rates=(_GOING_ON if start else _FROM_NOTHING).times(order.rate),
        )
        self._average = MovingAverage(self._network, _AVERAGING)
        self._curve = LearningCurve(order.curve)
        self._weights = _weights().to(machine.device)
        self._progress = dict(kept.checkpoint.progress) if kept else {}
        self._lineage = _lineage(order, kept, start)
        if kept and kept.checkpoint.optimizer:
            self._restore(kept.checkpoint)
        self._spent_before = self._progress.get("seconds", 0.0)
        self.budget = Budget(order.minutes * 60, self._spent_before)
        self._steps = int(self._progress.get("steps", 0))

    def _restore(self, kept: Checkpoint) -> None:
        names = dict(self._network.named_parameters())
        averages = {name: kept.weights[name] for name in names}
        self._average.restore(averages, int(kept.progress["steps"]))
        self._optimizers.restore(kept.optimizer["optimizers"])
        with torch.no_grad():
            for name, value in kept.optimizer["parameters"].items():
                names[name].copy_(value)

    def run(self, console: Console) -> None:
        """Train until the budget is over, looking now and then."""
        if self.budget.over:
            return
        if not self._steps:
            fit_last_layer(self._network, self._learnt[:_FITTED], self._machine.device)
            self._average = MovingAverage(self._network, _AVERAGING)
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("voice", total=1.0)
            looked, losses = time.monotonic(), list[float]()
            for batch in self._batches():
                if self.budget.over:
                    break
                losses.append(self._step(batch))
                bar.update(task, completed=self.budget.share, description=f"{losses[-1]:.3f}")
                if time.monotonic() - looked > _LOOK_SECONDS:
                    self._look(console, losses)
                    looked, losses = time.monotonic(), []
        if losses:
            self._look(console, losses)

    def finished(self) -> Acoustic:
        """Return the network as it is exported, with averaged weights."""
        with self._average.applied():
            network = Acoustic(self._network.sizes)
            network.load_state_dict(self._network.state_dict())
        return network.eval()

    def _batches(self) -> Iterator[Batch]:
        chooser = random.Random(self._order.seed + int(self._progress.get("steps", 0)))
        while True:
            rows = sorted(self._learnt, key=lambda row: len(row.frames) + chooser.random() * 120)
            groups = list(grouped(rows))
            chooser.shuffle(groups)
            yield from map(batch_of, groups)

    def _step(self, batch: Batch) -> float:
        self._network.train()
        losses = self._losses(batch)[0]
        losses.total.backward()  # type: ignore[no-untyped-call]
        self._optimizers.step(self._steps, self.budget.share)
        self._average.update()
        self._steps += 1
        return float(losses.frames.detach())

    def _losses(self, batch: Batch) -> tuple[_Losses, torch.Tensor]:
        """Return the errors on a batch, and the frames that the network made."""
        batch = batch.to(self._machine.device)
        network = self._network
        with torch.autocast(
            self._machine.device, self._machine.autocast, enabled=bool(self._machine.autocast)
        ):
            inputs, logarithms = network.inputs_of(
                batch.symbols, batch.symbol_mask, batch.owners, batch.places
            )
            made = network.decode(inputs, batch.step_mask)
        made = made.float()
        mask = batch.step_mask.repeat_interleave(SUBFRAMES, 1)[:, :, None]
        errors = (made - batch.frames).abs() * mask
        slopes = (made - batch.frames).diff(dim=1).abs() * mask[:, 1:]
        of_frames = ((errors.sum((0, 1)) + _SLOPES * slopes.sum((0, 1))) * self._weights).sum()
        sounding = batch.symbol_mask * (1 - network.silent[batch.symbols])
        wanted = torch.log(batch.durations.clamp(min=0.5))
        of_durations = ((logarithms.float() - wanted).square() * sounding).sum()
        return _Losses(of_frames / mask.sum(), of_durations / sounding.sum()), made

    @torch.no_grad()
    def _look(self, console: Console, losses: Sequence[float]) -> None:
        """Measure on what was held back, adapt the spread, and keep a checkpoint."""
        self._network.eval()
        with self._average.applied():
            found = [self._losses(batch_of(group))[0] for group in grouped(self._measured)]
            self._network.spread.copy_(self._spread())
            point = {
                "step": self._steps,
                "seconds": round(self.budget.spent, 1),
                "loss": round(float(np.mean(losses)), 4),
                "held_back": round(float(np.mean([float(one.frames) for one in found])), 4),
                "durations": round(float(np.mean([float(one.durations) for one in found])), 4),
                "spread": round(float(self._network.spread[1 : frames.CEPSTRA].mean()), 3),
            }
            weights = {name: one.cpu() for name, one in self._network.state_dict().items()}
        self._curve.add(point)
        console.print(", ".join(f"{name} {value}" for name, value in point.items()))
        self._save({name: one.clone() for name, one in weights.items()})

    def _spread(self) -> torch.Tensor:
        """Return how much wider the data spreads than what the network makes, for cepstra."""
        made, wanted = [], []
        for row in self._measured:
            made.append(self._losses(batch_of([row]))[1][0].cpu())
            wanted.append(row.frames)
        ratio = torch.cat(wanted).std(0) / torch.cat(made).std(0).clamp(min=1e-3)
        ratio = ratio.clamp(1.0, _WIDEST_SPREAD)
        ratio[0] = 1.0
        ratio[frames.CEPSTRA :] = 1.0
        return ratio

    def _save(self, weights: Mapping[str, torch.Tensor]) -> None:
        parameters = {name: one.detach().cpu() for name, one in self._network.named_parameters()}
        progress = {"steps": float(self._steps), "seconds": self.budget.spent}
        checkpoint = Checkpoint(
            kind="voice",
            build=self._order.build,
            weights=weights,
            shape=self._network.sizes.shape(),
            optimizer={"optimizers": self._optimizers.state(), "parameters": parameters},
            progress=progress,
            lineage=self._lineage,
        )
        save_checkpoint(checkpoint, self._order.checkpoint)


@dataclass(frozen=True, slots=True)
class _Found:
    """A checkpoint and its network."""

    checkpoint: Checkpoint
    network: Acoustic


def _found(path: Path | None) -> _Found | None:
    """Return what lies at a path, if anything does."""
    if path is None or not path.exists():
        return None
    checkpoint = load_checkpoint(path, kind="voice")
    return _Found(checkpoint, acoustic_of(checkpoint, path))


def _lineage(order: Order, kept: _Found | None, start: _Found | None) -> tuple[str, ...]:
    """Say what made the weights, a line for each run."""
    if kept:
        return kept.checkpoint.lineage
    line = f"{order.build}, {order.minutes:g} min, seed {order.seed}"
    return (*start.checkpoint.lineage, line) if start else (line,)


def _new_network(rows: Sequence[Row]) -> Acoustic:
    """Return an untrained network that knows mean and deviation of the data."""
    network = Acoustic(Sizes(max(phones.identifiers().values()) + 1))
    spoken = torch.from_numpy(np.concatenate([row.frames for row in rows]))
    network.mean.copy_(spoken.mean(0))
    network.deviation.copy_(spoken.std(0) + 1e-4)
    network.mean[frames.VOICING], network.deviation[frames.VOICING] = 0.0, 1.0
    return network
