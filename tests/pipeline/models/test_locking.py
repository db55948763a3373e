"""Locks between processes; a second lock on a file excludes the first in one process as well."""

import sys

import pytest

from pipeline.errors import ModelError
from pipeline.models.locking import FileLock


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lock"


def test_one_holds_it_and_the_other_does_not(path):
    one, other = FileLock(path), FileLock(path)
    assert one.try_acquire()
    assert not other.try_acquire()
    one.release()
    assert other.try_acquire()
    other.release()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no shared locks")
def test_those_who_share_it_keep_out_who_does_not(path):
    one, two, alone = FileLock(path, shared=True), FileLock(path, shared=True), FileLock(path)
    with one, two:
        assert not alone.try_acquire()
    with alone:
        assert not one.try_acquire()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a file that is open")
def test_a_lock_whose_file_was_removed_is_taken_on_the_new_file(path):
    """Else two could hold it: one on the file that is gone, one on the file that took its place."""
    first, second, third = FileLock(path), FileLock(path), FileLock(path)
    first.acquire()
    first.release(remove=True)
    assert not path.exists()
    with second:
        assert path.exists()
        assert not third.try_acquire()


def test_its_file_stays_unless_it_is_removed(path):
    with FileLock(path):
        pass
    assert path.exists()


def test_an_error_within_gives_it_back(path):
    with pytest.raises(KeyError), FileLock(path):
        raise KeyError
    assert FileLock(path).try_acquire()


@pytest.mark.skipif(sys.platform == "win32", reason="flock(2)")
def test_a_file_system_without_locks_is_one_line(path, monkeypatch):
    import fcntl

    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(
        ModelError, match="cannot be locked: No locks available; keep it on a local"
    ):
        FileLock(path).acquire()
