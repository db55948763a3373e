"""Makes the starter recognizer: speech, tokens, training, export."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from starter.errors import RecipeError
from starter.order import Build, Order
from starter.recognizer.backgrounds import Backgrounds
from starter.recognizer.batches import Batching, Composer
from starter.recognizer.carrying_over import carried_heads, carried_tokens
from starter.recognizer.development import development_sets
from starter.recognizer.export import export
from starter.recognizer.network import Recognizer, Sizes
from starter.recognizer.rows import Mixture, Rows
from starter.recognizer.tokenizer import Tokens, extended, learnt
from starter.recognizer.training import KIND, Training
from starter.recognizer.utterances import Speech, texts_and_phones
from starter.speech.making import make_speech
from starter.speech.shard_making import Plan
from starter.speech.shards import finished_shards
from starter.training.budget import Budget
from starter.training.checkpoint import Checkpoint, load_checkpoint, require_shapes
from starter.training.machine import Machine, choose_machine
from starter.training.optimizers import Rates

__all__ = ["make"]

_FROM_NOTHING = Rates(muon=0.02, adamw=2e-3, hold=0.5)
_GOING_ON = Rates(muon=0.008, adamw=1.5e-3, hold=0.25)
_CPU_FRAMES, _CUDA_FRAMES = 8_000, 60_000
"""Frames of a batch."""
_SPEECH_SHARE = 0.25
"""Of the minutes, at most, for making them; an hour of one core makes 90."""


def make(order: Order, console: Console) -> None:
    """Train a recognizer within the order's minutes, and export it.

    Raises:
        RecipeError: If something outside the code is missing or does not fit, in one line.
    """
    machine = choose_machine(order.device, order.threads, order.seed)
    console.print(f"recognizer, {order.build}: {machine.describe()}")
    training = _resumed(order, machine)
    if training is None:
        budget = Budget(order.minutes * 60)
        _make_speech(order, console)
        training = _begun(order, machine)
        training.budget = Budget(budget.seconds, budget.spent)
    if not training.budget.over:
        _train(training, order, console)
    with training.average.applied():
        export(training.network, training.tokens, order.export)
    console.print(f"exported to {order.export}")


def _train(training: Training, order: Order, console: Console) -> None:
    speech = Speech(speech_folder(order), order.build, training.tokens, training.phones)
    speech.load()
    if not speech.training:
        raise RecipeError(f"no shard in {speech_folder(order)} suits the {order.build} build")
    random = np.random.default_rng([order.seed, training.steps])
    backgrounds = Backgrounds(speech.training, random)
    rows = Rows(speech.training, Mixture(), random)
    batching = Batching(frames=_CUDA_FRAMES if training.on_cuda else _CPU_FRAMES)
    composer = Composer(rows, backgrounds, training.tokens, random, batching)
    steady = Backgrounds(speech.development, np.random.default_rng(2026))
    development = development_sets(speech.development, steady)
    console.print(f"{len(speech.training)} utterances to learn from")
    training.run(composer, development, console, more_speech=lambda: speech.load(2))
    if not training.budget.stopped:
        training.look(development, console)


def _make_speech(order: Order, console: Console) -> None:
    if order.minutes <= 0:
        raise RecipeError(f"there is no {order.checkpoint} to export; train first: --minutes 60")
    folder = speech_folder(order)
    if len(finished_shards(folder)) < order.shards:
        minutes, jobs = order.minutes * _SPEECH_SHARE, os.cpu_count() or 1
        plan = Plan(folder, order.seed)
        result = make_speech(
            plan, minutes=minutes, jobs=jobs, most_shards=order.shards, console=console
        )
        if result.stopped:
            raise KeyboardInterrupt


def speech_folder(order: Order) -> Path:
    """Return where the shards are."""
    return order.work / "speech"


def _resumed(order: Order, machine: Machine) -> Training | None:
    if not order.checkpoint.exists():
        return None
    found = _loaded(order.checkpoint, order.build)
    if not found.optimizer:
        raise RecipeError(f"{order.checkpoint} holds weights only; begin from it with --from")
    tokens, phones = Tokens(found.shape["tokenizer"]), found.shape["phones"]
    network = Recognizer(Sizes(**found.shape["sizes"]))
    _put(found.weights, network, order.checkpoint)
    begun = bool(found.progress["begun"])
    training = _training(network, tokens, phones, order, machine, begun, found.lineage[:-1])
    training.resume(found)
    return training


def _begun(order: Order, machine: Machine) -> Training:
    texts, phones = texts_and_phones(speech_folder(order), order.build)
    if not texts:
        raise RecipeError(f"there are no shards of speech in {speech_folder(order)}")
    if order.start_from is None:
        tokens = learnt(texts)
        network = Recognizer(Sizes(tokens.size, len(phones)))
        return _training(network, tokens, phones, order, machine, False, ())
    found = _loaded(order.start_from, order.build)
    old, old_phones = Tokens(found.shape["tokenizer"]), found.shape["phones"]
    tokens = extended(old, texts)
    phones = [*old_phones, *(each for each in phones if each not in old_phones)]
    network = Recognizer(Sizes(tokens.size, len(phones)))
    weights = {name: one.float() for name, one in found.weights.items()}
    weights["decoder.tokens.weight"] = carried_tokens(weights["decoder.tokens.weight"], old, tokens)
    weights |= carried_heads(weights, network.state_dict(), old_phones, phones)
    _put(weights, network, order.start_from)
    return _training(network, tokens, phones, order, machine, True, found.lineage)


def _loaded(path: Path, build: Build) -> Checkpoint:
    found = load_checkpoint(path, kind=KIND)
    if build == "measuring" and found.build != build:
        message = f"{path} has learnt what the measuring build must not know; begin from nothing"
        raise RecipeError(message)
    return found


def _put(weights: Mapping[str, torch.Tensor], network: Recognizer, path: Path) -> None:
    require_shapes(weights, network.state_dict(), path)
    network.load_state_dict(dict(weights))


def _training(
    network: Recognizer,
    tokens: Tokens,
    phones: Sequence[str],
    order: Order,
    machine: Machine,
    begun: bool,
    lineage: Sequence[str],
) -> Training:
    return Training(
        network.to(machine.device), tokens, phones, order, machine,
        (_GOING_ON if begun else _FROM_NOTHING).times(order.rate), begun=begun, lineage=lineage,
    )  # fmt: skip
