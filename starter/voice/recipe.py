"""The voice from nothing: sentences, flite's reading of them, the training, the export."""

from __future__ import annotations

import os

from rich.console import Console
from rich.progress import track

from starter.errors import RecipeError
from starter.order import Order
from starter.voice import export, flite, rows, texts, training

__all__ = ["make"]

_SENTENCES = 12_000
"""Nine hours of speech: a seventh of an hour of one core to make, 1.5 GB in memory."""


def make(order: Order, console: Console) -> None:
    """Make the voice, or go on with it; the finished files are in the order's export.

    Raises:
        RecipeError: If flite is missing, the disk is full, or a checkpoint does not fit.
    """
    flite.require()
    learnt = _rows(order, console)
    network = training.train(order, learnt, console)
    export.export(network, order.export)
    console.print(f"the voice is in {order.export}")


def _rows(order: Order, console: Console) -> list[rows.Row]:
    console.print("voice: choosing sentences")
    chosen = texts.sentences(_SENTENCES, order.build, order.seed)
    folder = order.work / "voice-rows"
    done = 0
    counts = rows.write_rows(
        chosen, folder, processes=max(order.threads, (os.cpu_count() or 2) // 2)
    )
    for count in track(counts, "flite reads them", total=len(chosen) // rows.PART_SENTENCES + 2,
                       console=console):  # fmt: skip
        done = count
    found = rows.read_rows(chosen, folder)
    if not found:
        message = f"none of {done} sentences can be learnt from; is flite's slt complete?"
        raise RecipeError(message)
    return found
