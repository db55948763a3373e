"""Unpacks tar and zip archives that somebody else made.

Nothing of ``extractall`` is used: `unpacking.Target` decides about every entry.
"""

from __future__ import annotations

import errno
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gateway.provisioning.importing.tars import unpack_tar
from gateway.provisioning.importing.unpacking import Target
from gateway.provisioning.importing.zips import unpack_zip
from pipeline.errors import ModelError
from pipeline.models.formats.cursor import printable

__all__ = ["is_archive", "unpack"]

_BROKEN: Final = (
    tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, ValueError,
    NotImplementedError, OverflowError, RuntimeError, gzip.BadGzipFile,
)  # fmt: skip
"""What the standard library raises for archives that are cut, damaged or made to hurt."""

_ITS_FAULT: Final = {None, errno.EINVAL, errno.ENAMETOOLONG, errno.EILSEQ}
"""Errors of the system that an archive causes: by impossible places and names."""

_MAGICS: Final = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\0": "xz",
    b"BZh": "bzip2",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
}
_REFUSED: Final = {
    b"\x28\xb5\x2f\xfd": "zstd: unpack it with `zstd -d`",
    b"7z\xbc\xaf": "7z: unpack it",
    b"Rar!": "rar: unpack it",
}


def is_archive(path: Path) -> bool:
    """Whether a file begins as an archive does.

    Raises:
        ModelError: If it cannot be read, or is one of a kind that is not read here.
    """
    return bool(_kind(path))


def unpack(path: Path, folder: Path, report: Callable[[int], None] = lambda _: None) -> None:
    """Unpack an archive into an empty folder.

    Args:
        path: tar, plain or compressed by gzip, bzip2 or xz; or zip.
        folder: Where; whatever happens, nothing is written elsewhere.
        report: Called with each number of bytes that were read from the archive.

    Raises:
        ModelError: In one line, what is wrong with the archive; the folder is then incomplete.
    """
    kind = _kind(path)
    target = Target(path, folder)
    with _complaining(path):
        if kind == "zip":
            unpack_zip(path, target, report)
        else:
            unpack_tar(path, kind, target, report)
        target.make_links()


@contextmanager
def _complaining(path: Path) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        why = printable(str(error)) or type(error).__name__
        raise ModelError(f"{path} is no sound archive: {why}; get it again") from error
    except OSError as error:
        if error.errno not in _ITS_FAULT:
            raise  # the disk's
        why = error.strerror or str(error)
        raise ModelError(f"{path} is no sound archive: {why}; get it again") from error


def _kind(path: Path) -> str:
    """Return how a file is packed, or "" if it is no archive."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    for magic, what in _REFUSED.items():
        if head.startswith(magic):
            raise ModelError(f"{path} is packed with {what}, and name the folder")
    for magic, kind in _MAGICS.items():
        if head.startswith(magic):
            return kind
    # POSIX's magic, and the one of old GNU tar; older archives have none.
    return "tar" if head[257:262] == b"ustar" else ""
