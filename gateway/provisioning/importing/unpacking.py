"""Fills a folder from an archive that somebody else made, and writes nowhere else.

Every name is checked before a byte is written, only folders and regular files are written, and
symbolic links are made last, when nothing can be written through them any more, and only where
they lead to something that was unpacked. What an archive claims is compared with the free space,
and what comes out of it with what went in, so that a bomb ends early.
"""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
from pathlib import Path, PurePosixPath
from typing import IO, Final

from pipeline.errors import ModelError
from pipeline.models.formats.cursor import printable

__all__ = ["CHUNK", "RATIO_FROM", "Target"]

CHUNK: Final = 1 << 20
RATIO_FROM: Final = 64 << 20
"""Bytes that may come out of anything; above, the ratio counts. Weights hardly compress at all."""

_MAX_RATIO: Final = 100
_MAX_ENTRIES: Final = 20_000
_MAX_NAME: Final = 1000
_SPARE: Final = 64 << 20
"""Bytes that stay free on the disk."""
_DRIVE: Final = re.compile(r"[A-Za-z]:")


class Target:
    """A folder being filled, and everything that an archive may not do to it.

    Args:
        archive: For messages.
        folder: Empty; nothing is written elsewhere.
    """

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
        """Return the error that the archive is refused, in one line."""
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
            while chunk := content.read(CHUNK):
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
        if unpacked > RATIO_FROM and unpacked > _MAX_RATIO * max(packed, 1):
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
