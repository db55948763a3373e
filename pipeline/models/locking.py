"""Locks between processes on one machine; the system takes them back when their holder dies."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pipeline.errors import ModelError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["FileLock"]

_POLL_S: Final = 0.05
"""Between attempts where the system cannot wait for a lock."""

_TAKEN: Final = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}


class FileLock:
    """A lock that is held by at most one process, or by several that share it.

    The file is made if it is missing, and stays, unless it is released with ``remove``. Not
    re-entrant: a second lock on the same file waits for the first, in the same process as well.

    On POSIX systems this is flock(2), which network file systems of the last ten years understand.
    Windows has exclusive locks only: a shared one is none there, so that nobody waits in vain.

    Args:
        path: The file; its folder has to exist.
        shared: Whether others who share it may hold it, too.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self._path = path
        self._shared = shared
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock; waits for as long as another process holds it.

        Raises:
            ModelError: The file system has no locks.
        """
        while not self._attempt(wait=True):
            if sys.platform == "win32":
                time.sleep(_POLL_S)

    def try_acquire(self) -> bool:
        """Take the lock if it is free, and say whether it was.

        Raises:
            ModelError: The file system has no locks.
        """
        return self._attempt(wait=False)

    def release(self, *, remove: bool = False) -> None:
        """Give the lock back; those who wait for a file that is removed make it anew."""
        assert self._descriptor is not None, "released, but not held"
        if remove and sys.platform != "win32":  # Windows removes no file that is open
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _attempt(self, *, wait: bool) -> bool:
        assert self._descriptor is None, "taken twice"
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | _CLOEXEC, 0o644)
            if not self._locked(descriptor, wait=wait):
                os.close(descriptor)
                return False
            if self._is_current(descriptor):
                self._descriptor = descriptor
                return True
            os.close(descriptor)  # its last holder removed it: lock the one that took its place

    def _locked(self, descriptor: int, *, wait: bool) -> bool:
        try:
            if sys.platform == "win32":
                if not self._shared:
                    msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            else:
                kind = fcntl.LOCK_SH if self._shared else fcntl.LOCK_EX
                fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _TAKEN:
                return False
            os.close(descriptor)
            message = f"{self._path} cannot be locked: {error.strerror}; keep it on a local disk"
            raise ModelError(message) from error
        return True

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False


_CLOEXEC: Final = getattr(os, "O_CLOEXEC", 0)
