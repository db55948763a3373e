"""Walks forwards through a binary file without ever believing a length that it states.

Whatever is asked for must lie inside the file and below the caller's limit before a byte of it is
read, so that a header that lies costs neither memory nor time.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from pipeline.errors import ModelError, OtherModel

__all__ = ["Cursor", "opened"]

_CHUNK: Final = 1 << 16
_LARGEST: Final = 1 << 24
"""Bytes that are taken at once at most; everything that headers hold is far smaller."""


class Cursor:
    """A place in a file.

    Args:
        file: Open for reading, unbuffered or not.
        path: For messages.
        kind: What the file claims to be, for messages: "GGUF file".
    """

    def __init__(self, file: BinaryIO, path: Path, kind: str) -> None:
        self.path = path
        self.size = os.fstat(file.fileno()).st_size
        self.position = 0
        self._file = file
        self._kind = kind
        self._chunk = b""
        self._chunk_at = 0

    def error(self, problem: str) -> ModelError:
        """Return the error that this file is broken, in one line."""
        return ModelError(f"{self.path} is no sound {self._kind}: {printable(problem)}")

    def other(self, what: str) -> OtherModel:
        """Return the error that this file holds a model of another kind."""
        return OtherModel(f"{self.path} is not for the engines here: {printable(what)}")

    def take(self, count: int, what: str) -> bytes:
        """Return the next bytes.

        Raises:
            ModelError: If the file ends before, or it is more than any header holds.
        """
        self._require(count, what)
        if count > _LARGEST:
            raise self.error(f"{what} has {count} bytes, expected at most {_LARGEST}")
        offset = self.position - self._chunk_at
        if offset < 0 or offset + count > len(self._chunk):
            self._file.seek(self.position)
            self._chunk = self._file.read(max(count, _CHUNK))
            self._chunk_at, offset = self.position, 0
            if len(self._chunk) < count:
                raise self.error(f"{what} is cut off: the file changes while it is read")
        self.position += count
        return self._chunk[offset : offset + count]

    def skip(self, count: int, what: str) -> None:
        """Pass over bytes.

        Raises:
            ModelError: If the file ends before.
        """
        self._require(count, what)
        self.position += count

    def number(self, layout: str, what: str) -> int:
        """Return the next number; ``layout`` is one of `struct`'s integers, with byte order."""
        value: int = struct.unpack(layout, self.take(struct.calcsize(layout), what))[0]
        return value

    def text(self, count: int, what: str, *, limit: int) -> str:
        """Return the next bytes as UTF-8 text.

        Raises:
            ModelError: If they are more than the limit, or no UTF-8.
        """
        if count > limit:
            raise self.error(f"{what} has {count} bytes, expected at most {limit}")
        try:
            return self.take(count, what).decode()
        except UnicodeDecodeError:
            raise self.error(f"{what} is not UTF-8") from None

    def _require(self, count: int, what: str) -> None:
        if self.position + count > self.size:
            end = self.position + count
            raise self.error(f"{what} ends at byte {end} of {self.size}; is it cut short?")


@contextlib.contextmanager
def opened(path: Path, kind: str) -> Iterator[Cursor]:
    """Open a regular file for the block.

    Raises:
        ModelError: If it cannot be opened, or is a directory, a pipe or a device.
    """
    try:
        # Looked at before it is opened: opening a pipe waits for its other end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ModelError(f"{path} is not a regular file, expected a {kind}")
        with path.open("rb", buffering=0) as file:
            yield Cursor(file, path, kind)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}; expected a {kind}") from error


def printable(text: str, limit: int = 300) -> str:
    """Return text from a file as one line that no terminal obeys."""
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
    return shown if len(shown) <= limit else f"{shown[:limit]}…"
