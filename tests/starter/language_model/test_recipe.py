"""One order, from texts to a file that llama.cpp loads."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tokenizers")
pytest.importorskip("gguf")

from rich.console import Console  # noqa: E402

from starter.errors import RecipeError  # noqa: E402
from starter.language_model.export import FILE_NAME  # noqa: E402
from starter.language_model.recipe import Recipe, make_from  # noqa: E402
from starter.language_model.training import Plan, Texts  # noqa: E402
from starter.order import Build, Order  # noqa: E402
from starter.training.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from tests.starter.language_model import small  # noqa: E402

_TEXTS = Texts(small.dialogue, {"seen": small.dialogue}, dialogues=8)
_RECIPE = Recipe(small.sizes(340), Plan(batch_tokens=300), vocabulary_dialogues=100)
_QUIET = Console(quiet=True)
_MOMENT = 0.01
"""Minutes: a step at least."""


def _order(
    work: Path, minutes: float, build: Build = "shipped", start_from: Path | None = None
) -> Order:
    return Order("language-model", build, work, minutes, device="cpu", start_from=start_from)


def test_an_order_begins_from_nothing_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    order = _order(tmp_path, _MOMENT)
    make_from(_TEXTS, order, _QUIET, _RECIPE)
    first = load_checkpoint(order.checkpoint, kind="language-model")
    assert (order.export / FILE_NAME).read_bytes()[:4] == b"GGUF"
    assert first.lineage == ("2 layers, 340 tokens",)
    minutes = first.progress["seconds"] / 60 + _MOMENT
    make_from(_TEXTS, _order(tmp_path, minutes), _QUIET, _RECIPE)
    second = load_checkpoint(order.checkpoint, kind="language-model")
    assert second.progress["steps"] > first.progress["steps"]
    assert second.shape == first.shape
    assert second.lineage == first.lineage


def test_no_minutes_export_what_was_trained(tmp_path: Path) -> None:
    order = _order(tmp_path, _MOMENT)
    make_from(_TEXTS, order, _QUIET, _RECIPE)
    trained, exported = order.checkpoint.read_bytes(), order.export / FILE_NAME
    exported.unlink()
    make_from(_TEXTS, _order(tmp_path, 0.0), _QUIET, _RECIPE)
    assert order.checkpoint.read_bytes() == trained
    assert exported.exists()


def test_a_wider_domain_begins_from_an_earlier_network(tmp_path: Path) -> None:
    start = tmp_path / "start.pt"
    save_checkpoint(small.checkpoint(layers=2), start)
    order = _order(tmp_path, _MOMENT, start_from=start)
    recipe = Recipe(small.sizes(410, layers=3), _RECIPE.plan, vocabulary_dialogues=300)
    make_from(_TEXTS, order, _QUIET, recipe)
    made = load_checkpoint(order.checkpoint, kind="language-model")
    assert made.shape["layers"] == 3
    assert made.shape["tokens"][:400] == small.checkpoint().shape["tokens"]
    assert made.lineage == ("untrained", f"3 layers, {made.shape['vocabulary']} tokens")


def test_the_measuring_build_takes_nothing_from_the_shipped_one(tmp_path: Path) -> None:
    start = tmp_path / "start.pt"
    save_checkpoint(small.checkpoint(build="shipped"), start)
    order = _order(tmp_path, _MOMENT, build="measuring", start_from=start)
    with pytest.raises(RecipeError, match="is of the shipped build"):
        make_from(_TEXTS, order, _QUIET, _RECIPE)


def test_a_missing_start_is_one_clear_line(tmp_path: Path) -> None:
    order = _order(tmp_path, _MOMENT, start_from=tmp_path / "none.pt")
    with pytest.raises(RecipeError, match="there is no checkpoint"):
        make_from(_TEXTS, order, _QUIET, _RECIPE)
