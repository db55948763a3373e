"""The voice from nothing: sentences, flite's reading of them, the training, the export."""

from __future__ import annotations

from rich.console import Console
from rich.progress import track

from starter.errors import RecipeError
from starter.order import Order
from starter.voice import export, flite, rows, texts, training

__all__ = ["make"]

_SENTENCES = 8_000
"""Six hours of speech: seven minutes of one core to make, 1.5 GB in memory."""


def make(order: Order, console: Console) -> None:
    """Make the voice, or go on with it; the finished files are in the order's export.

    Raises:
        RecipeError: If flite is missing, the disk is full, or a checkpoint does not fit.
    """
    if order.minutes > 0:
        flite.require()
        network = training.train(order, _rows(order, console), console)
    else:
        network = training.trained(order)
    export.export(network, order.export)
    console.print(f"the voice is in {order.export}")


def _rows(order: Order, console: Console) -> list[rows.Row]:
    console.print("voice: choosing sentences")
    chosen = texts.sentences(_SENTENCES, order.build, order.seed)
    folder = order.work / "voice-rows"
    parts = -(-len(chosen) // rows.PART_SENTENCES)
    counts = rows.write_rows(chosen, folder, order.threads)
    for _ in track(counts, "voice: flite reads", total=parts + 1, console=console):
        pass
    found = rows.read_rows(chosen, folder)
    if not found:
        message = (
            f"flite and espeak read none of {len(chosen)} sentences alike; "
            "install Debian's libflite1 and piper-tts 1.8"
        )
        raise RecipeError(message)
    return found
