"""A file that is being downloaded: what came is on the disk at once, and hashed on its way."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

__all__ = ["Part", "Validator"]

_CHUNK: Final = 1 << 20
_SYNC_EVERY: Final = 32 << 20
"""Bytes after which the disk has to have caught up, so that the last ones take no minute."""


@dataclass(frozen=True, slots=True)
class Validator:
    """What a server called a file when the part was begun (RFC 9110, section 8.8).

    Attributes:
        url: What was asked for.
        text: A strong ETag or a date of last change, as ``If-Range`` takes them; "" if unknown.
    """

    url: str = ""
    text: str = ""


class Part:
    """``<key>.part`` and its note ``<key>.json``; whoever opens it holds the key's slot.

    What is on the disk is the truth: a process that is killed loses nothing that was written.
    Errors of the disk come out as `OSError`.

    Args:
        folder: Where parts lie.
        key: Names the file.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.path = folder / f"{key}.part"
        self._note = folder / f"{key}.json"
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        self._digest = hashlib.sha256()
        self._unsynced = 0
        self.size = 0
        self.validator = self._read_note()

    @property
    def sha256(self) -> str:
        """The hash of all that was written, in hex."""
        return self._digest.hexdigest()

    async def resume(self, limit: int | None) -> None:
        """Take over what an earlier process left: read and hash it.

        Gives way between pieces. Cancelling it loses nothing.

        Args:
            limit: Bytes that it can have at most; a part that has more is thrown away.
        """
        found = os.fstat(self._file).st_size
        if limit is not None and found > limit:
            return self.restart()
        while chunk := os.read(self._file, _CHUNK):
            self._digest.update(chunk)
            self.size += len(chunk)
            await asyncio.sleep(0)
        return None

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        view = memoryview(chunk)
        while view:
            written = os.write(self._file, view)
            self._digest.update(view[:written])
            self.size += written
            self._unsynced += written
            view = view[written:]
        if self._unsynced >= _SYNC_EVERY:
            os.fsync(self._file)
            self._unsynced = 0

    def begin(self, validator: Validator) -> None:
        """Note what the server calls the file whose first bytes will be written now."""
        self.validator = validator
        self._note.write_text(json.dumps(asdict(validator)), encoding="utf-8")

    def restart(self) -> None:
        """Throw away what was written."""
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        self._digest = hashlib.sha256()
        self.size = self._unsynced = 0
        self.validator = Validator()
        self._note.unlink(missing_ok=True)

    def close(self) -> None:
        """Keep it for the next time; an empty one is not worth keeping. May be called again."""
        if self._file < 0:
            return
        os.close(self._file)
        self._file = -1
        if not self.size:
            self.discard()

    def discard(self) -> None:
        """Delete it, or what is left of it after its file went elsewhere."""
        for path in (self.path, self._note):
            with contextlib.suppress(OSError):
                path.unlink()

    def _read_note(self) -> Validator:
        """Return what was noted; a damaged note is none, and costs a comparison at most."""
        try:
            document = json.loads(self._note.read_text(encoding="utf-8"))
            return Validator(str(document["url"]), str(document["text"]))
        except (OSError, ValueError, KeyError, TypeError):
            return Validator()
