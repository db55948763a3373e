"""Files that are read, copied and linked; and what is told when the disk refuses."""

import errno
import hashlib
from pathlib import Path

import pytest

from pipeline.errors import ModelError
from pipeline.models.disk import check_file, copy_file, disk_error, link_file, move_file

CONTENT = b"weights" * 300_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize(
    ("size", "sha256", "found"),
    [
        (len(CONTENT), DIGEST, None),
        (None, DIGEST, None),
        (len(CONTENT), "", None),
        (1, DIGEST, "has 2100000 bytes, expected 1"),
        (None, "0" * 64, f"was changed or damaged: its SHA-256 is {DIGEST}, expected {'0' * 64}"),
    ],
)
def test_a_file_is_what_it_should_be_or_it_is_said_why_not(source, size, sha256, found):
    assert check_file(source, size, sha256) == found


def test_a_file_that_cannot_be_read_is_said_to_be(tmp_path):
    assert check_file(tmp_path / "missing", None, "") == "is missing"
    assert check_file(tmp_path, None, "") == "cannot be read: Is a directory"


@pytest.mark.parametrize("size", [len(CONTENT) - 1, 1_000_000, 0])
def test_a_file_that_is_too_large_is_not_copied(source, tmp_path, size):
    with pytest.raises(ModelError, match=f"has more bytes, expected {size}"):
        copy_file(source, tmp_path / "copy", size, DIGEST)
    assert not (tmp_path / "copy").exists()


def test_a_file_that_is_missing_cannot_be_copied(tmp_path):
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        copy_file(tmp_path / "missing", tmp_path / "copy", None, DIGEST)


def test_a_file_on_another_disk_is_not_renamed(source, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "replace", refuse)
    assert not move_file(source, tmp_path / "copy")
    assert source.exists()


def test_an_error_that_has_nothing_to_do_with_links_is_no_reason_for_a_copy(source, tmp_path):
    with pytest.raises(FileNotFoundError):
        link_file(source, tmp_path / "missing" / "name", Path("../source"))


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "the disk of /x is full; free some space, or set PARLEY_MODELS"),
        (errno.EDQUOT, "the disk of /x is full"),
        (errno.EFBIG, "/x takes no file as large as this"),
        (errno.EROFS, "/x cannot be written to: Read-only file system; use an account that may"),
        (errno.EIO, "/x: Input/output error"),
    ],
)
def test_what_the_disk_refuses_is_one_line_with_advice(number, told):
    import os

    message = str(disk_error(OSError(number, os.strerror(number)), Path("/x")))
    assert message.startswith(told)
    assert "\n" not in message
