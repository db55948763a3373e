"""An exported model replaces the one that is there: files, sizes, hashes; whole or not at all."""

import hashlib
import tomllib
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from rich.console import Console  # noqa: E402

from starter import installing  # noqa: E402
from starter.errors import RecipeError  # noqa: E402
from starter.order import Order  # noqa: E402
from starter.training.checkpoint import (  # noqa: E402
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)

CATALOGUE = """# Kept.
[models.starter-voice]
path = "starter/models/voice/starter.onnx"

[models.starter-voice.files]
"starter.onnx" = { bytes = 1, sha256 = "00" }
"gone.json" = { bytes = 2, sha256 = "11" }

# What comes next.

[models.other.files]  # this, too
"x" = { bytes = 3, sha256 = "22" }
"""


@pytest.fixture
def order(tmp_path: Path) -> Order:
    return Order("voice", "shipped", tmp_path / "work", 0.0)


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    path = tmp_path / "models.toml"
    path.write_text(CATALOGUE, encoding="utf-8")
    return path


def test_files_and_hashes_are_replaced_and_the_rest_of_the_catalogue_kept(
    order, catalogue, tmp_path
):
    order.export.mkdir(parents=True)
    (order.export / "starter.onnx").write_bytes(b"new")
    (order.export / "added.onnx").write_bytes(b"more")
    old = tmp_path / "models" / "voice"
    old.mkdir(parents=True)
    (old / "gone.json").write_bytes(b"{}")
    installing.install(order, Console(quiet=True), catalogue=catalogue, models=tmp_path / "models")
    assert {path.name: path.read_bytes() for path in old.iterdir()} == {
        "starter.onnx": b"new", "added.onnx": b"more",
    }  # fmt: skip
    text = catalogue.read_text(encoding="utf-8")
    assert text.startswith("# Kept.\n")
    assert "# this, too" in text
    assert text.index("added.onnx") < text.index("# What comes next.")
    models = tomllib.loads(text)["models"]
    assert models["starter-voice"]["files"] == {
        "starter.onnx": {"bytes": 3, "sha256": hashlib.sha256(b"new").hexdigest()},
        "added.onnx": {"bytes": 4, "sha256": hashlib.sha256(b"more").hexdigest()},
    }
    assert models["other"] == {"files": {"x": {"bytes": 3, "sha256": "22"}}}


def test_an_export_that_is_not_there_or_too_large_changes_nothing(order, catalogue, tmp_path):
    with pytest.raises(RecipeError, match="there is no finished model"):
        installing.install(order, Console(quiet=True), catalogue=catalogue, models=tmp_path)
    order.export.mkdir(parents=True)
    with (order.export / "starter.onnx").open("wb") as file:
        file.truncate(installing.LARGEST_FILE + 1)
    with pytest.raises(RecipeError, match="make the network smaller"):
        installing.install(order, Console(quiet=True), catalogue=catalogue, models=tmp_path)
    assert catalogue.read_text(encoding="utf-8") == CATALOGUE


def test_a_kept_checkpoint_is_half_as_large_and_has_no_optimizer(order, tmp_path):
    weights = {"a": torch.ones(400, 100)}
    save_checkpoint(
        Checkpoint("voice", "shipped", weights, {"w": 1}, {"m": weights}, {"step": 9.0}),
        order.checkpoint,
    )
    installing.keep_checkpoint(order, Console(quiet=True), folder=tmp_path / "kept")
    path = tmp_path / "kept" / "voice.pt"
    kept = load_checkpoint(path, kind="voice")
    assert kept.optimizer == {}
    assert kept.weights["a"].dtype == torch.float16
    assert path.stat().st_size < 100_000


def test_a_catalogue_that_does_not_know_the_model_is_left_alone(order, catalogue, tmp_path):
    order.export.mkdir(parents=True)
    (order.export / "starter.onnx").write_bytes(b"new")
    catalogue.write_text("[models.other]\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"no table \[models\.starter-voice\.files\]"):
        installing.install(order, Console(quiet=True), catalogue=catalogue, models=tmp_path)
    assert catalogue.read_text(encoding="utf-8") == "[models.other]\n"
    assert not (tmp_path / "voice").exists()
