"""Checkpoints are whole, of the right kind, and of the right shape; or refused in one line."""

import pytest

torch = pytest.importorskip("torch")

from starter.errors import RecipeError  # noqa: E402
from starter.training.checkpoint import (  # noqa: E402
    Checkpoint,
    half_precision,
    load_checkpoint,
    require_shapes,
    save_checkpoint,
)


def made(**changes) -> Checkpoint:
    values = {
        "kind": "voice", "build": "shipped", "weights": {"a": torch.arange(6.0).view(2, 3)},
        "shape": {"width": 3}, "optimizer": {"steps": 4}, "progress": {"step": 4.0},
        "lineage": ("from nothing",),
    }  # fmt: skip
    return Checkpoint(**values | changes)


def test_what_was_saved_is_read_again(tmp_path):
    path = tmp_path / "deep" / "voice.pt"
    save_checkpoint(made(), path)
    read = load_checkpoint(path, kind="voice")
    assert torch.equal(read.weights["a"], made().weights["a"])
    assert (read.shape, read.progress, read.lineage) == (
        {"width": 3}, {"step": 4.0}, ("from nothing",),
    )  # fmt: skip
    assert [each.name for each in path.parent.iterdir()] == ["voice.pt"]


def test_a_checkpoint_cut_off_in_the_middle_is_refused(tmp_path):
    path = tmp_path / "voice.pt"
    save_checkpoint(made(), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(RecipeError, match=r"voice\.pt is no checkpoint that can be read"):
        load_checkpoint(path, kind="voice")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04K\x01."])
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "voice.pt"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match="is no checkpoint that can be read"):
        load_checkpoint(path, kind="voice")


def test_a_missing_checkpoint_is_told(tmp_path):
    with pytest.raises(RecipeError, match="there is no checkpoint"):
        load_checkpoint(tmp_path / "voice.pt", kind="voice")


def test_a_checkpoint_of_another_kind_or_version_is_refused(tmp_path):
    save_checkpoint(made(), tmp_path / "a.pt")
    with pytest.raises(RecipeError, match="of a voice, expected one of a recognizer"):
        load_checkpoint(tmp_path / "a.pt", kind="recognizer")
    torch.save({"version": 0}, tmp_path / "b.pt")
    with pytest.raises(RecipeError, match="another version"):
        load_checkpoint(tmp_path / "b.pt", kind="voice")


def test_a_full_disk_leaves_the_last_checkpoint_alone(tmp_path):
    path = tmp_path / "voice.pt"
    save_checkpoint(made(), path)
    before = path.read_bytes()
    full = tmp_path / "voice.partial"
    full.symlink_to("/dev/full")
    with pytest.raises(RecipeError, match="free some space"):
        save_checkpoint(made(progress={"step": 5.0}), path)
    assert path.read_bytes() == before
    assert not full.exists()


def test_weights_of_another_shape_are_refused_by_name(tmp_path):
    wanted = {"a": torch.zeros(2, 4), "b": torch.zeros(1)}
    with pytest.raises(RecipeError, match=r"a is \(2, 3\), expected \(2, 4\)"):
        require_shapes(made().weights, wanted, tmp_path / "old.pt")
    with pytest.raises(RecipeError, match=r"b is missing, expected \(1,\)"):
        require_shapes({"a": torch.zeros(2, 4)}, wanted, tmp_path / "old.pt")
    require_shapes(wanted, wanted, tmp_path / "old.pt")


def test_half_precision_keeps_whole_numbers():
    kept = half_precision({"a": torch.ones(2), "n": torch.tensor(70_000)})
    assert kept["a"].dtype == torch.float16
    assert kept["n"].item() == 70_000
