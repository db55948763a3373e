from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rich.console import Console  # noqa: E402

from starter.errors import RecipeError  # noqa: E402
from starter.order import Order  # noqa: E402
from starter.training.checkpoint import (  # noqa: E402
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from starter.training.curve import LearningCurve  # noqa: E402
from starter.voice import frames, phones  # noqa: E402
from starter.voice.batches import batch_of, prepared  # noqa: E402
from starter.voice.fitting import fit_last_layer  # noqa: E402
from starter.voice.network import Acoustic, Sizes, expand  # noqa: E402
from starter.voice.rows import Row  # noqa: E402
from starter.voice.training import train  # noqa: E402

LETTERS = "abdeimn"


def rows(count: int = 24) -> list[Row]:
    """Sentences in which each letter has a sound and a length of its own."""
    numbers, random = phones.identifiers(), np.random.default_rng(5)
    made = []
    for _ in range(count):
        letters = random.choice(list(LETTERS), 6)
        symbols = np.array([numbers[one] for one in ("^", *letters, "$")])
        steps = np.array([2, *(LETTERS.index(one) + 2 for one in letters), 2])
        spoken = np.zeros((2 * int(steps.sum()), frames.SIZE), np.float32)
        spoken[:, 1] = np.repeat(symbols % 5 - 2, 2 * steps)
        spoken[:, frames.PITCH] = 5.2
        made.append(Row(symbols, steps, spoken))
    return made


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """An order that begins with a tiny network."""
    torch.manual_seed(1)
    sizes = Sizes(max(phones.identifiers().values()) + 1, 12, 16, (1,), (1,))
    network, start = Acoustic(sizes), tmp_path / "tiny.pt"
    save_checkpoint(
        Checkpoint("voice", "shipped", network.state_dict(), sizes.shape(), {}, {}), start
    )
    return Order("voice", "shipped", tmp_path, 0.015, "cpu", start_from=start)


def silent_console() -> Console:
    return Console(file=io.StringIO())


def test_a_network_learns_goes_on_and_keeps_its_curve(order: Order) -> None:
    train(order, rows(), silent_console())
    steps = load_checkpoint(order.checkpoint, kind="voice").progress["steps"]
    again = Order("voice", "shipped", order.work, 0.03, "cpu", start_from=order.start_from)
    train(again, rows(), silent_console())
    first, second = LearningCurve(order.curve).points()
    assert 0 < first["step"] == steps < second["step"]
    assert load_checkpoint(order.checkpoint, kind="voice").progress["steps"] == second["step"]
    assert second["held_back"] < first["held_back"]


def test_no_time_gives_the_weights_back_as_they_were(order: Order) -> None:
    nothing = Order("voice", "shipped", order.work, 0.0, "cpu", start_from=order.start_from)
    network = train(nothing, rows(), silent_console())
    assert order.start_from is not None
    before = load_checkpoint(order.start_from, kind="voice").weights
    assert torch.equal(network.exit.matrix, before["exit.matrix"])
    assert not order.checkpoint.exists()


def test_a_checkpoint_of_another_part_is_refused(order: Order) -> None:
    assert order.start_from is not None
    save_checkpoint(Checkpoint("recognizer", "shipped", {}, {}, {}, {}), order.start_from)
    with pytest.raises(RecipeError, match="is a checkpoint of a recognizer, expected one of a voi"):
        train(order, rows(), silent_console())


def test_the_last_layer_is_solved_where_the_states_tell_the_frames() -> None:
    torch.manual_seed(2)
    network = Acoustic(
        Sizes(max(phones.identifiers().values()) + 1, 12, 32, (1,), (1,), last_width=3)
    ).eval()
    sentences = [prepared(row, network) for row in rows(30)]
    fit_last_layer(network, sentences, "cpu")
    batch = batch_of(sentences[:4])
    inputs, _ = network.inputs_of(batch.symbols, batch.symbol_mask, batch.owners, batch.places)
    with torch.no_grad():
        made = network.decode(inputs, batch.step_mask)
    mask = batch.step_mask.repeat_interleave(2, 1).bool()
    errors = (made - batch.frames)[mask]
    assert float(errors[:, 1].square().mean()) < 0.3 * float(batch.frames[mask][:, 1].var())
    assert float(errors[:, 0].abs().max()) < 1e-3


def test_steps_are_laid_out_in_the_order_of_the_symbols() -> None:
    owners, places = expand(torch.tensor([2.0, 0.0, 3.0]))
    assert owners.tolist() == [0, 0, 2, 2, 2]
    assert places[0].tolist() == pytest.approx([1 / 4, 3 / 4, 1 / 6, 3 / 6, 5 / 6])
    assert (places[0] + places[1]).tolist() == pytest.approx([1] * 5)
