"""The archive: written the same from the same content, read without unpacking anything."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.install import SUMS, DamagedBundle, compare, is_inside, read_sums

__all__ = ["Contents", "Member", "read", "write"]

_CHUNK: Final = 1 << 20
_LARGEST_TEXT: Final = 16 << 20
"""What is kept in memory of a file that is looked into: lists, manifest, bill of materials."""
_MOST_TIMES: Final = 20
_MOST_BYTES: Final = 1 << 30
"""No bundle unpacks to more than so many times its size and so much: most is compressed twice."""
_TEXTS: Final = frozenset((SUMS, "manifest.json", "sbom.cdx.json"))
_GZIP: Final = b"\x1f\x8b"
_TIME: Final = 315_532_800
"""1980-01-01, of every member: GNU tar warns of 1970."""
_LEVEL: Final = 1
"""Wheels are compressed already, and weights hardly can be."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the archive.

    Attributes:
        name: Relative to the bundle's folder.
        content: Its bytes, or the file that has them.
        executable: Whether it is a program.
    """

    name: str
    content: bytes | Path
    executable: bool = False

    @property
    def bytes(self) -> int:
        """Its size."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


@dataclass(frozen=True, slots=True)
class Contents:
    """What an archive holds, all of it checked.

    Attributes:
        folder: The one that everything lies in.
        files: Name to size.
        sums: Name to hash.
        texts: Name to text, of the files that describe the bundle.
    """

    folder: str
    files: Mapping[str, int]
    sums: Mapping[str, str]
    texts: Mapping[str, str]


def write(
    target: IO[bytes],
    folder: str,
    members: Sequence[Member],
    *,
    compress: bool,
    report: Callable[[int], None] = lambda done: None,
) -> None:
    """Write an archive: sorted, with fixed times, owners and modes; SHA256SUMS comes first.

    Args:
        target: Open for writing.
        folder: What it unpacks into.
        members: All files but SHA256SUMS.
        compress: With gzip.
        report: Is told how many bytes of content were written since the last time.
    """
    ordered = sorted(members, key=lambda member: member.name)
    sums = "".join(f"{_digest(member)}  {member.name}\n" for member in ordered).encode()
    # GNU's format knows no extended headers, which hold times.
    with (
        _compressed(target, compress) as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for member in (Member(SUMS, sums), *ordered):
            _add(archive, folder, member, report)


@contextmanager
def _compressed(target: IO[bytes], compress: bool) -> Iterator[IO[bytes]]:
    if not compress:
        yield target
        return
    with gzip.GzipFile("", "wb", _LEVEL, target, mtime=0) as file:
        yield file  # type: ignore[misc]  # it writes; that is all that tarfile asks of it


def _add(
    archive: tarfile.TarFile, folder: str, member: Member, report: Callable[[int], None]
) -> None:
    info = tarfile.TarInfo(f"{folder}/{member.name}")
    info.size = member.bytes
    info.mtime = _TIME
    info.mode = 0o755 if member.executable else 0o644
    with _open(member) as file:
        archive.addfile(info, io.BufferedReader(_Reported(file, report), _CHUNK))


class _Reported(io.RawIOBase):
    """Tells how much of a file was read."""

    def __init__(self, file: IO[bytes], report: Callable[[int], None]) -> None:
        self._file = file
        self._report = report

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401  whatever can be written to
        view = memoryview(buffer)
        content = self._file.read(len(view))
        view[: len(content)] = content
        self._report(len(content))
        return len(content)


def _open(member: Member) -> IO[bytes]:
    if isinstance(member.content, bytes):
        return io.BytesIO(member.content)
    return member.content.open("rb")


def _digest(member: Member) -> str:
    with _open(member) as file:
        return _hash(file)


def read(path: Path, report: Callable[[int], None] = lambda done: None) -> Contents:
    """Read an archive to its end and check every file against its SHA256SUMS.

    Args:
        path: Of the archive.
        report: Is told how many bytes of the archive were read since the last time.

    Raises:
        BundleError: It is no bundle, damaged, or not exactly what its SHA256SUMS says.
    """
    try:
        with path.open("rb") as file:
            limit = _MOST_BYTES + _MOST_TIMES * path.stat().st_size
            content = _uncompressed(io.BufferedReader(_Reported(file, report), _CHUNK))
            found = _walk(content, limit)
            _exhaust(content)
            return _checked(*found)
    except DamagedBundle as error:
        raise BundleError(f"{path}: {error}") from error
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError) as error:
        reason = str(error) or type(error).__name__
        message = f"{path} is damaged, cut short or no bundle ({reason}); get it again"
        raise BundleError(message) from error
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror or error}") from error


def _uncompressed(file: io.BufferedReader) -> io.BufferedIOBase:
    return gzip.GzipFile("", "rb", fileobj=file) if file.peek(2)[:2] == _GZIP else file


def _exhaust(content: io.BufferedIOBase) -> None:
    """Read what follows the last file: zeros, then the checksum of gzip."""
    left = _CHUNK
    while done := len(content.read(_CHUNK)):
        left -= done
        if left < 0:
            raise DamagedBundle("it goes on after its last file; do not use it")


def _walk(
    file: io.BufferedIOBase, limit: int
) -> tuple[str, dict[str, int], dict[str, str], dict[str, str]]:
    """Return folder, sizes, hashes and texts of what an archive holds."""
    folders: set[str] = set()
    sizes: dict[str, int] = {}
    hashes: dict[str, str] = {}
    texts: dict[str, str] = {}
    with tarfile.open(fileobj=file, mode="r|") as archive:
        for info in archive:
            folder, _, name = info.name.partition("/")
            if not info.isreg() or not is_inside(info.name) or not name:
                raise DamagedBundle(f"{info.name!r} is a link or leaves the bundle; do not use it")
            if name in sizes:
                raise DamagedBundle(f"{name!r} is there twice; do not use it")
            if info.size + sum(sizes.values()) > limit:
                raise DamagedBundle(f"it unpacks to more than {limit / 1e9:.1f} GB; do not use it")
            folders.add(folder)
            content = archive.extractfile(info)
            assert content is not None  # a regular file has content
            sizes[name] = info.size
            if name in _TEXTS and info.size <= _LARGEST_TEXT:
                data = content.read()
                hashes[name] = hashlib.sha256(data).hexdigest()
                texts[name] = data.decode("utf-8", "replace")
            else:
                hashes[name] = _hash(content)
    if len(folders) != 1:
        raise DamagedBundle("it holds no folder, or several; it is no bundle of Parley")
    return folders.pop(), sizes, hashes, texts


def _checked(
    folder: str, sizes: dict[str, int], hashes: dict[str, str], texts: dict[str, str]
) -> Contents:
    if SUMS not in texts:
        raise DamagedBundle(f"it has no {SUMS}; it is no bundle of Parley")
    sums = read_sums(texts[SUMS])
    compare(sums, {name: digest for name, digest in hashes.items() if name != SUMS})
    return Contents(folder, sizes, sums, texts)


def _hash(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
