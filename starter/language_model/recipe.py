"""The recipe of the language model: one order made, from texts to a GGUF file."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from rich.console import Console

from starter.errors import RecipeError
from starter.language_model.carrying_over import carry_over
from starter.language_model.curriculum import dialogues_for
from starter.language_model.export import export
from starter.language_model.network import Llama, Sizes
from starter.language_model.tokenizer import (
    Tokenizer,
    Vocabulary,
    bare_vocabulary,
    grown_vocabulary,
)
from starter.language_model.training import Plan, Texts, Training
from starter.order import Order
from starter.training.budget import Budget
from starter.training.checkpoint import Checkpoint, load_checkpoint, require_shapes
from starter.training.curve import LearningCurve
from starter.training.machine import choose_machine

__all__ = ["Recipe", "make", "make_from"]

_KIND = "language-model"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is made from the texts.

    Attributes:
        sizes: Of the network; the number of tokens is the most that a vocabulary may have.
        plan: How to train.
        vocabulary_dialogues: Dialogues that further tokens are learnt from.
    """

    sizes: Sizes = field(default_factory=lambda: Sizes(vocabulary=4096))
    plan: Plan = field(default_factory=Plan)
    vocabulary_dialogues: int = 12_000


def make(order: Order, console: Console) -> None:
    """Make the language model as ordered: see `make_from`."""
    make_from(dialogues_for(order.build), order, console, Recipe())


def make_from(texts: Texts, order: Order, console: Console, recipe: Recipe) -> None:
    """Train on texts as ordered, then export.

    Raises:
        RecipeError: If a checkpoint is missing, damaged, or does not fit; or the disk is full.
    """
    machine = choose_machine(order.device, order.threads, order.seed)
    console.print(f"language model, {order.build} build: {machine.describe()}")
    going_on = order.checkpoint.exists()
    checkpoint = _checkpoint(order)
    if checkpoint and going_on:
        tokenizer, network = _same(checkpoint, order)
    else:
        tokenizer, network = _begun(checkpoint, texts, order, console, recipe)
    plan = replace(recipe.plan, rates=recipe.plan.rates.times(order.rate))
    training = Training(network, tokenizer, plan, machine, order.seed)
    if checkpoint and going_on:
        training.restore(checkpoint)
    lineage = checkpoint.lineage if checkpoint else ()
    if not going_on:
        lineage += (f"{len(network.layers)} layers, {len(tokenizer.vocabulary.tokens)} tokens",)
    budget = Budget(order.minutes * 60, training.progress["seconds"])
    if not budget.over:
        curve = LearningCurve(order.curve)
        saved = (order.checkpoint, order.build, lineage)
        training.run(texts, budget, console, curve=curve, saved=saved)
    export(load_checkpoint(order.checkpoint, kind=_KIND), order.export)
    console.print(f"exported to {order.export}")


def _checkpoint(order: Order) -> Checkpoint | None:
    """Return the checkpoint to go on from or to begin from; None to begin from nothing."""
    if order.checkpoint.exists():
        found = load_checkpoint(order.checkpoint, kind=_KIND)
    elif order.start_from:
        found = load_checkpoint(order.start_from, kind=_KIND)
    else:
        return None
    if order.build == "measuring" and found.build != "measuring":
        message = (
            f"{order.start_from} is of the {found.build} build and has learnt what the measuring "
            "build must not know; begin from nothing, or from a checkpoint of the measuring build"
        )
        raise RecipeError(message)
    return found


def _same(checkpoint: Checkpoint, order: Order) -> tuple[Tokenizer, Llama]:
    vocabulary = Vocabulary.from_shape(checkpoint.shape)
    sizes = {name: checkpoint.shape[name] for name in Sizes.__slots__}
    network = Llama(Sizes(**sizes))
    require_shapes(checkpoint.weights, network.state_dict(), order.checkpoint)
    return Tokenizer(vocabulary), network


def _begun(
    checkpoint: Checkpoint | None, texts: Texts, order: Order, console: Console, recipe: Recipe
) -> tuple[Tokenizer, Llama]:
    begin = Vocabulary.from_shape(checkpoint.shape) if checkpoint else bare_vocabulary()
    console.print(f"learning tokens from {recipe.vocabulary_dialogues} dialogues")
    generator = random.Random(order.seed)
    spoken = (
        text
        for _ in range(recipe.vocabulary_dialogues)
        for text, _ in texts.training(generator, generator.random())
    )
    vocabulary = grown_vocabulary(spoken, recipe.sizes.vocabulary, begin)
    sizes = replace(recipe.sizes, vocabulary=len(vocabulary.tokens))
    network = Llama(sizes)
    if checkpoint and order.start_from:
        network.load_state_dict(carry_over(checkpoint, sizes, vocabulary, order.start_from))
    return Tokenizer(vocabulary), network
