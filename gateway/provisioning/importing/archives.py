"""Unpacks tar and zip archives that somebody else made, into a folder and nowhere else.

Nothing of ``extractall`` is used: every name is checked before a byte is written, only folders and
regular files are written, and symbolic links are made last, when nothing can be written through
them any more, and only where they lead to a file that was unpacked. What an archive claims is
compared with the free space, and what comes out of it with what went in, so that a bomb ends early.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import os
import re
import shutil
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Final, Protocol

from pipeline.errors import ModelError
from pipeline.models.formats.cursor import printable

__all__ = ["is_archive", "unpack"]

_MAX_ENTRIES: Final = 20_000
_MAX_NAME: Final = 1000
_MAX_RATIO: Final = 100
_RATIO_FROM: Final = 64 << 20
"""Bytes that may come out of anything; above, the ratio counts. Weights hardly compress at all."""
_SPARE: Final = 64 << 20
"""Bytes that stay free on the disk."""
_MAX_DIRECTORY: Final = 1 << 25
_END_WITHIN: Final = (1 << 16) + 22
_ZIP64_BEFORE: Final = 76
"""Bytes of the two records that stand before a zip64's end."""
_CHUNK: Final = 1 << 20
_MAX_PADDING: Final = 1 << 26
_LONGEST_READ: Final = 1 << 22
"""Bytes that tarfile may want at once; only a header that lies wants more."""
_DRIVE: Final = re.compile(r"[A-Za-z]:")

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
    target = _Target(path, folder)
    with _complaining(path):
        if kind == "zip":
            _unpack_zip(path, target, report)
        else:
            _unpack_tar(path, kind, target, report)
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


class _Target:
    """A folder being filled, and everything that an archive may not do to it."""

    def __init__(self, archive: Path, folder: Path) -> None:
        self.archive = archive
        self._folder = folder
        self._room = shutil.disk_usage(folder).free - _SPARE
        self._entries = 0
        self._bytes = 0
        self._seen: set[str] = set()
        self._links: dict[PurePosixPath, PurePosixPath] = {}
        self._files: set[PurePosixPath] = set()

    def error(self, problem: str) -> ModelError:
        return ModelError(f"{self.archive}: {printable(problem)}; nothing of it was imported")

    def admit(self, name: str) -> PurePosixPath:
        """Return where an entry goes.

        Raises:
            ModelError: If that is outside, taken, or through a link; or it is one entry too many.
        """
        self._entries += 1
        if self._entries > _MAX_ENTRIES:
            raise self.error(f"it has more than {_MAX_ENTRIES} entries")
        path = PurePosixPath(name)
        if not 0 < len(name) <= _MAX_NAME or "\\" in name or not name.isprintable():
            raise self.error(f"it has an entry of the name {name[:80]!r}")
        if path.is_absolute() or _DRIVE.match(name):
            raise self.error(f"its entry {name!r} has an absolute path")
        if ".." in path.parts:
            raise self.error(f"its entry {name!r} climbs out of the archive")
        if any(parent in self._links for parent in path.parents):
            raise self.error(f"its entry {name!r} lies behind a symbolic link")
        return path

    def folder(self, path: PurePosixPath) -> None:
        """Make a folder."""
        if path in self._files or path in self._links:
            raise self.error(f"its entry {str(path)!r} is there twice")
        self._make(path)

    def file(self, path: PurePosixPath, content: IO[bytes], size: int) -> None:
        """Write a regular file that claims a size."""
        self._claim(path)
        self._reserve(path, size)
        self._files.add(path)
        self._make(path.parent)
        target = self._folder / path
        written = 0
        with target.open("xb") as file:
            while chunk := content.read(_CHUNK):
                written += len(chunk)
                if written > size:
                    break
                file.write(chunk)
        if written != size:
            raise self.error(f"its entry {str(path)!r} has other than the {size} bytes it claims")

    def link(self, path: PurePosixPath, to: str) -> None:
        """Note a symbolic link; `make_links` makes it."""
        if not to or to.startswith("/") or "\\" in to or "\0" in to:
            raise self.error(f"its entry {str(path)!r} is a link to {to!r}, which is outside")
        depth = len(path.parent.parts)
        for part in PurePosixPath(to).parts:
            depth += -1 if part == ".." else 1
            if depth < 0:
                raise self.error(f"its entry {str(path)!r} is a link to {to!r}, which is outside")
        self._claim(path)
        self._links[path] = PurePosixPath(to)

    def duplicate(self, path: PurePosixPath, of: str) -> None:
        """Make a hard link to a file that was unpacked before."""
        original = PurePosixPath(of)
        if original not in self._files:
            raise self.error(f"its entry {str(path)!r} is a link to {of!r}, which is not in it")
        self._claim(path)
        self._files.add(path)
        self._make(path.parent)
        os.link(self._folder / original, self._folder / path)

    def make_links(self) -> None:
        """Make the symbolic links, each of which must lead to a file inside."""
        root = self._folder.resolve()
        for path, to in self._links.items():
            self._make(path.parent)
            if os.path.lexists(root / path):
                raise self.error(f"its entry {str(path)!r} is there twice")
            (root / path).symlink_to(to)
        for path, to in self._links.items():
            if not _leads_inside(root / path, root):
                raise self.error(f"its entry {str(path)!r} is a link to {str(to)!r}: nowhere in it")

    def check_ratio(self, unpacked: int, packed: int) -> None:
        """Compare what comes out with what went in."""
        if unpacked > _RATIO_FROM and unpacked > _MAX_RATIO * max(packed, 1):
            raise self.error(f"{packed} bytes of it unpack to {unpacked} and more: it is a bomb")

    def _make(self, path: PurePosixPath) -> None:
        try:
            (self._folder / path).mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise self.error(f"its entry {str(path)!r} is a file and a folder") from None

    def _claim(self, path: PurePosixPath) -> None:
        # As file systems that ignore case, or the way accents are written, would see it.
        key = unicodedata.normalize("NFC", str(path)).casefold()
        if key in self._seen or (self._folder / path).exists():
            raise self.error(f"its entry {str(path)!r} is there twice")
        self._seen.add(key)

    def _reserve(self, path: PurePosixPath, size: int) -> None:
        self._bytes += size
        if size < 0 or self._bytes > self._room:
            room = max(self._room, 0)
            problem = f"it claims {self._bytes} bytes up to {str(path)!r}, the disk has room for"
            raise self.error(f"{problem} {room}")


def _leads_inside(link: Path, root: Path) -> bool:
    try:
        real = link.resolve(strict=True)
    except (OSError, RuntimeError):
        return False
    return real.is_relative_to(root) and (real.is_file() or real.is_dir())


# -- tar ----------------------------------------------------------------------------------------


class _Unpacked(Protocol):
    """What decompresses: `gzip.GzipFile` and its like."""

    def read(self, size: int, /) -> bytes: ...

    def seek(self, position: int, /) -> int: ...

    def tell(self) -> int: ...


class _Stream:
    """The unpacked bytes of a tar, read forwards and in small pieces only.

    tarfile reads extended headers into memory whatever size they claim.
    """

    def __init__(self, stream: _Unpacked, raw: BinaryIO, target: _Target) -> None:
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
        for _ in range(_MAX_PADDING // _CHUNK):
            if self.last.strip(b"\0"):
                problem = "it goes on with what is no entry: it is damaged or cut short"
                raise self._target.error(problem)
            if not self.read(_CHUNK):
                return
        raise self._target.error("it goes on after its end")

    def seek(self, position: int) -> int:
        if position - self._stream.tell() > _RATIO_FROM:
            raise self._target.error(f"a header of it claims that it goes on at byte {position}")
        return self._stream.seek(position)

    def tell(self) -> int:
        return self._stream.tell()


def _unpack_tar(path: Path, kind: str, target: _Target, report: Callable[[int], None]) -> None:
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


def _take(archive: tarfile.TarFile, member: tarfile.TarInfo, target: _Target) -> None:
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


# -- zip ----------------------------------------------------------------------------------------


def _unpack_zip(path: Path, target: _Target, report: Callable[[int], None]) -> None:
    _check_directory(path, target)
    with zipfile.ZipFile(path) as archive:
        claimed = sum(entry.file_size for entry in archive.infolist())
        target.check_ratio(claimed, path.stat().st_size)
        for entry in archive.infolist():
            name = target.admit(entry.filename)
            if entry.is_dir():
                target.folder(name)
                continue
            if entry.flag_bits & 1:
                raise target.error(f"its entry {entry.filename!r} is encrypted")
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                raise target.error(f"its entry {entry.filename!r} is a link or a device")
            with archive.open(entry) as content:
                target.file(name, content, entry.file_size)
            report(entry.compress_size)


def _check_directory(path: Path, target: _Target) -> None:
    """Look how long the list of entries claims to be before zipfile reads all of it.

    APPNOTE.TXT 4.3.16 (its end, in the file's last 64 KiB) and 4.3.14 (zip64).
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        begin = file.seek(max(0, size - _END_WITHIN))
        tail = file.read()
        at = tail.rfind(b"PK\x05\x06")
        length = _MAX_DIRECTORY + 1 if at < 0 or len(tail) < at + 22 else _long(tail, at + 12)
        if length == 0xFFFFFFFF:
            file.seek(max(0, begin + at - _ZIP64_BEFORE))
            before = file.read(_ZIP64_BEFORE)
            record = before.find(b"PK\x06\x06")
            length = _MAX_DIRECTORY + 1 if record < 0 else _longer(before, record + 40)
    if length > _MAX_DIRECTORY:
        raise target.error("its list of entries is missing or far too long")


def _long(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 4], "little")


def _longer(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 8], "little")
