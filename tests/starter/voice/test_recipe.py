from __future__ import annotations

import ctypes
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from rich.console import Console  # noqa: E402

from pipeline.models.formats.piper import read_piper  # noqa: E402
from starter.errors import RecipeError  # noqa: E402
from starter.order import Order  # noqa: E402
from starter.training.checkpoint import Checkpoint, save_checkpoint  # noqa: E402
from starter.voice import flite, phones, recipe  # noqa: E402
from starter.voice.export import FILES  # noqa: E402
from starter.voice.network import Acoustic, Sizes  # noqa: E402


@pytest.fixture
def order(tmp_path: Path) -> Order:
    sizes = Sizes(max(phones.identifiers().values()) + 1, 8, 12, (1,), (1,), last_width=1)
    start = tmp_path / "tiny.pt"
    weights = Acoustic(sizes).state_dict()
    save_checkpoint(Checkpoint("voice", "shipped", weights, sizes.shape(), {}, {}), start)
    return Order("voice", "shipped", tmp_path / "work", 0.01, "cpu", start_from=start)


@pytest.fixture
def _forgotten() -> Iterator[None]:
    flite._library.cache_clear()
    yield
    flite._library.cache_clear()


@pytest.mark.usefixtures("_flite")
def test_sentences_become_a_voice(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "_SENTENCES", 12)
    recipe.make(order, Console(file=io.StringIO()))
    assert sorted(path.name for path in order.export.iterdir()) == sorted(FILES)
    assert read_piper(order.export / "starter.onnx").has_durations
    assert order.checkpoint.exists()
    assert order.curve.exists()
    stored = sorted((order.work / "voice-rows").iterdir())
    assert [path.suffix for path in stored] == [".npz"]


@pytest.mark.usefixtures("_forgotten")
def test_without_flite_nothing_is_made(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, mode: int = 0) -> ctypes.CDLL:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(flite.ctypes, "CDLL", missing)
    with pytest.raises(RecipeError, match="libflite1"):
        recipe.make(order, Console(file=io.StringIO()))
    assert not order.work.exists()


def test_no_minutes_export_what_was_trained(order: Order) -> None:
    nothing = replace(order, minutes=0.0)
    recipe.make(nothing, Console(file=io.StringIO()))
    assert sorted(path.name for path in order.export.iterdir()) == sorted(FILES)
    assert not (order.work / "voice-rows").exists()


def test_no_minutes_and_nothing_trained_is_said(order: Order) -> None:
    nothing = replace(order, minutes=0.0, start_from=None)
    with pytest.raises(RecipeError, match=r"nothing is trained yet.*--minutes"):
        recipe.make(nothing, Console(file=io.StringIO()))
