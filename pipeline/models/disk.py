"""Files that are checked as they are read, and brought to the disk before anybody needs them."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from pipeline.errors import ModelError

__all__ = [
    "STORE_VARIABLE",
    "check_file",
    "copy_file",
    "disk_error",
    "hash_file",
    "link_file",
    "move_file",
    "settle",
    "sync_folder",
]

STORE_VARIABLE: Final = "PARLEY_MODELS"
"""Names the store's folder in the environment."""

_CHUNK: Final = 1 << 20
_PRIVILEGE_NOT_HELD: Final = 1314
"""What Windows says to most users who want a symbolic link (ERROR_PRIVILEGE_NOT_HELD)."""

_NO_LINKS: Final = {
    errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK,
    errno.EINVAL,
}  # fmt: skip
"""What file systems without links answer; Linux's vfat says EPERM."""


def check_file(
    path: Path,
    size: int | None,
    sha256: str,
    progress: Callable[[int], None] = lambda _: None,
) -> str | None:
    """Read a file and say what is wrong with it, as the end of a sentence; None if nothing is.

    Args:
        path: The file.
        size: That it should have, if that is known.
        sha256: What it should hash to; "" if that is not known.
        progress: Called with each number of bytes that was read.
    """
    try:
        found = path.stat().st_size
        if size is not None and found != size:
            return f"has {found} bytes, expected {size}"
        with path.open("rb") as file:
            digest = hash_file(file, progress)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if sha256 and digest != sha256:
        return f"was changed or damaged: its SHA-256 is {digest}, expected {sha256}"
    return None


def disk_error(
    error: OSError, place: Path, other: str = f"set {STORE_VARIABLE} to another folder"
) -> ModelError:
    """Return what to tell whoever wanted something written below a place that the disk refused.

    Args:
        error: What the system said.
        place: The folder.
        other: What to do instead of making room there.
    """
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return ModelError(f"the disk of {place} is full; free some space, or {other}")
        case errno.EFBIG:
            message = (
                f"{place} takes no file as large as this (a limit of the disk or of ulimit -f)"
            )
            return ModelError(f"{message}; {other}")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            message = f"{place} cannot be written to: {error.strerror}"
            return ModelError(f"{message}; use an account that may, or {other}")
        case _:
            return ModelError(f"{error.filename or place}: {error.strerror or error}")


def hash_file(file: BinaryIO, progress: Callable[[int], None] = lambda _: None) -> str:
    """Return the SHA-256 of what is left of a file, in hex; tells how much was read as it goes."""
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        progress(len(chunk))
    return digest.hexdigest()


def copy_file(file: Path, target: Path, size: int | None, sha256: str) -> None:
    """Copy a file that has to have a size (if that is known) and a hash.

    What was written is hashed, so that nobody can change it in between; a file that is too large is
    not read to its end. Of a wrong one no copy is left.

    Raises:
        ModelError: It is another file, or cannot be read.
        OSError: The copy cannot be written.
    """
    try:
        with _readable(file) as source, target.open("wb") as copy:
            digest, written = _copied(source, copy, size)
        if size is not None and written != size:
            found = "more" if written > size else written
            raise ModelError(f"{file} has {found} bytes, expected {size}")
        if digest != sha256:
            raise ModelError(f"{file} has the SHA-256 {digest}, expected {sha256}")
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _copied(source: BinaryIO, target: BinaryIO, size: int | None) -> tuple[str, int]:
    """Copy until the end, or until there is more than expected; return hash and size."""
    digest, written = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK):
        written += len(chunk)
        if size is not None and written > size:
            break
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest(), written


def _readable(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise ModelError(f"{file} cannot be read: {error.strerror}") from error


def move_file(file: Path, target: Path) -> bool:
    """Rename a file; False if it lies on another disk, or somewhere behind a symbolic link."""
    if file.is_symlink():
        return False
    try:
        file.replace(target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return False
        raise
    return True


def link_file(blob: Path, path: Path, relative: Path) -> None:
    """Let a name stand for a file, in the cheapest way that the file system has.

    Args:
        blob: The file.
        path: The name.
        relative: The way from the name's folder to the file.
    """
    if not _linked(lambda: path.symlink_to(relative)) and not _linked(
        lambda: path.hardlink_to(blob)
    ):
        shutil.copyfile(blob, path)
        settle(path, 0o444)


def _linked(attempt: Callable[[], None]) -> bool:
    try:
        attempt()
    except OSError as error:
        refused = getattr(error, "winerror", None) == _PRIVILEGE_NOT_HELD
        if error.errno not in _NO_LINKS and not refused:
            raise
        return False
    return True


def settle(path: Path, mode: int) -> None:
    """Bring a file to the disk, with its mode."""
    with path.open("rb+" if sys.platform == "win32" else "rb") as file:
        os.fsync(file.fileno())
    path.chmod(mode)


def sync_folder(path: Path) -> None:
    """Bring a rename to the disk; Windows does so by itself."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
