import errno
import json

import numpy as np
import pytest

from starter.errors import RecipeError
from starter.speech import shards
from starter.speech.shards import Row, finished_shards, read_shard, require_space, write_shard

ROWS = (
    Row("Hello.", ("h", "@", "l", "oU"), "flite:slt", 0.61, 70, "user"),
    Row("Stop.", ("s", "t", "0", "p"), "espeak:en-us+f3", 0.5, 55, "grammar", True, "opus"),
)


def spectra() -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [random.normal(-4, 2, (row.frames, 80)).astype(np.float16) for row in ROWS]


def test_a_shard_comes_back_as_it_was_written(tmp_path):
    written = spectra()
    write_shard(tmp_path / "train_1_000", ROWS, written)
    shard = read_shard(tmp_path / "train_1_000.npy")
    assert shard.rows == ROWS
    assert all(np.array_equal(shard.of(number), one) for number, one in enumerate(written))


def test_the_spectra_stay_on_disk_until_they_are_looked_at(tmp_path):
    write_shard(tmp_path / "one", ROWS, spectra())
    assert isinstance(read_shard(tmp_path / "one").spectra, np.memmap)


def test_the_fields_have_the_names_of_the_format(tmp_path):
    write_shard(tmp_path / "one", ROWS, spectra())
    assert json.loads((tmp_path / "one.json").read_text())[1] == {
        "text": "Stop.", "ph": ["s", "t", "0", "p"], "voice": "espeak:en-us+f3", "end": 0.5,
        "n": 55, "kind": "grammar", "held": True, "channel": "opus",
    }  # fmt: skip


def test_nothing_half_written_is_taken_for_a_shard(tmp_path, monkeypatch):
    def full(file, array):
        file.write(b"\x93NUMPY")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shards.np, "save", full)
    with pytest.raises(RecipeError, match="No space left"):
        write_shard(tmp_path / "train_1_000", ROWS, spectra())
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "train_1_001.json").write_text("[]")
    (tmp_path / "train_1_002.npy.tmp").write_bytes(b"\x93NUMPY")
    assert finished_shards(tmp_path) == []


def test_shards_of_speech_are_found_in_order_of_their_names(tmp_path):
    assert finished_shards(tmp_path / "missing") == []
    for name in ("train_1_001", "train_1_000", "other"):
        write_shard(tmp_path / name, ROWS, spectra())
    assert [path.stem for path in finished_shards(tmp_path)] == ["train_1_000", "train_1_001"]


def test_two_files_that_do_not_belong_together_are_refused(tmp_path):
    write_shard(tmp_path / "one", ROWS, spectra())
    write_shard(tmp_path / "two", ROWS[:1], spectra()[:1])
    (tmp_path / "two.json").replace(tmp_path / "one.json")
    with pytest.raises(RecipeError, match=r"is float16 \(125, 80\), its \.json says .*\(70, 80\)"):
        read_shard(tmp_path / "one")


@pytest.mark.parametrize("content", [b"", b"not numbers", b"\x93NUMPY\x01"])
def test_a_damaged_shard_is_refused_in_one_line(tmp_path, content):
    write_shard(tmp_path / "one", ROWS, spectra())
    (tmp_path / "one.npy").write_bytes(content)
    with pytest.raises(RecipeError, match="no shard that can be read") as caught:
        read_shard(tmp_path / "one")
    assert "\n" not in str(caught.value)


def test_a_row_that_is_longer_than_its_spectra_is_a_mistake_of_the_caller(tmp_path):
    with pytest.raises(ValueError, match="other lengths"):
        write_shard(tmp_path / "one", ROWS, spectra()[::-1])


def test_a_disk_without_room_is_told_before_anything_is_made(tmp_path):
    require_space(tmp_path, 0)
    with pytest.raises(RecipeError, match=r"MB free, .* MB are needed"):
        require_space(tmp_path, 10**15)
