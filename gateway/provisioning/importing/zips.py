"""Unpacks zip archives, after a look at what they claim to hold."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.provisioning.importing.unpacking import Target

__all__ = ["unpack_zip"]

_MAX_DIRECTORY: Final = 1 << 25
_END_WITHIN: Final = (1 << 16) + 22
_ZIP64_BEFORE: Final = 76
"""Bytes of the two records that stand before a zip64's end."""


def unpack_zip(path: Path, target: Target, report: Callable[[int], None]) -> None:
    """Unpack a zip.

    Args:
        path: The archive.
        target: Where it goes.
        report: Called with each number of bytes that were read from the archive.

    Raises:
        ModelError: If it does what it may not; and whatever zipfile raises.
    """
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


def _check_directory(path: Path, target: Target) -> None:
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
