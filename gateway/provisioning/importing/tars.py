"""Unpacks tar archives, as a stream that is read forwards and in small pieces."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from gateway.provisioning.importing.unpacking import CHUNK, RATIO_FROM, Target

__all__ = ["unpack_tar"]

_MAX_PADDING: Final = 1 << 26
_LONGEST_READ: Final = 1 << 22
"""Bytes that tarfile may want at once; only a header that lies wants more."""


class _Unpacked(Protocol):
    """What decompresses: `gzip.GzipFile` and its like."""

    def read(self, size: int, /) -> bytes: ...

    def seek(self, position: int, /) -> int: ...

    def tell(self) -> int: ...


class _Stream:
    """The unpacked bytes of a tar, read forwards and in small pieces only.

    tarfile reads extended headers into memory whatever size they claim.
    """

    def __init__(self, stream: _Unpacked, raw: BinaryIO, target: Target) -> None:
        self._stream, self._raw, self._target = stream, raw, target
        self.last = b""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_READ:
            raise self._target.error(f"a header of it claims {size} bytes")
        self.last = self._stream.read(size)
        self._target.check_ratio(self._stream.tell(), self._raw.tell())
        return self.last

    def end(self) -> None:
        """Read what follows the last entry: zeros, and the checksums of what compressed it.

        Raises:
            ModelError: If it is something else: tarfile takes a damaged header for the end.
        """
        for _ in range(_MAX_PADDING // CHUNK):
            if self.last.strip(b"\0"):
                problem = "it goes on with what is no entry: it is damaged or cut short"
                raise self._target.error(problem)
            if not self.read(CHUNK):
                return
        raise self._target.error("it goes on after its end")

    def seek(self, position: int) -> int:
        if position - self._stream.tell() > RATIO_FROM:
            raise self._target.error(f"a header of it claims that it goes on at byte {position}")
        return self._stream.seek(position)

    def tell(self) -> int:
        return self._stream.tell()


def unpack_tar(path: Path, kind: str, target: Target, report: Callable[[int], None]) -> None:
    """Unpack a tar.

    Args:
        path: The archive.
        kind: What compresses it: gzip, xz, bzip2; anything else is nothing.
        target: Where it goes.
        report: Called with each number of bytes that were read from the archive.

    Raises:
        ModelError: If it does what it may not; and whatever tarfile and the decompressors raise.
    """
    with path.open("rb") as raw:
        guarded = _Stream(_unpacked(raw, kind), raw, target)
        reported = 0
        with tarfile.TarFile(fileobj=guarded, mode="r") as archive:  # type: ignore[arg-type]
            while (member := archive.next()) is not None:
                _take(archive, member, target)
                report(raw.tell() - reported)
                reported = raw.tell()
        guarded.end()


def _unpacked(raw: BinaryIO, kind: str) -> _Unpacked:
    match kind:
        case "gzip":
            return gzip.GzipFile(fileobj=raw)
        case "xz":
            return lzma.LZMAFile(raw)
        case "bzip2":
            return bz2.BZ2File(raw)
        case _:
            return raw


def _take(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Target) -> None:
    path = target.admit(member.name)
    if member.isdir():
        target.folder(path)
    elif member.issparse():
        raise target.error(f"its entry {member.name!r} is a sparse file")
    elif member.isreg():
        content = archive.extractfile(member)
        assert content is not None
        target.file(path, content, member.size)
    elif member.issym():
        target.link(path, member.linkname)
    elif member.islnk():
        target.duplicate(path, member.linkname)
    else:
        raise target.error(f"its entry {member.name!r} is a device or a pipe")
