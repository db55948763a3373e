"""What a wheel says of itself, and what its compiled parts ask of a machine."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Final

from packaging.utils import (
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_wheel_filename,
)

from gateway.provisioning.bundle.errors import BundleError

__all__ = ["Wheel", "glibc_of", "libraries_of", "read_wheel"]

_GLIBC: Final = re.compile(rb"GLIBC_2\.(\d{1,3})\0")
_SHARED: Final = re.compile(r"\.so(\.\d+)*$")
_CHUNK: Final = 1 << 20
_LARGEST_METADATA: Final = 1 << 20
_BY_SYSTEM: Final = ("libgomp.so.1", "libstdc++.so.6")
"""What slim systems lack, and wheels that were compiled here do not bring."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel.

    Attributes:
        path: The file.
        name: Of the package, normalized.
        version: As its file name has it.
        platforms: Its platform tags; {"any"} if nothing in it is compiled.
        requires: What it says that it needs (``Requires-Dist``).
        extras: The extras that it knows.
        licence: SPDX expression, or "".
        licence_text: What it says of its licence otherwise, or "".
        summary: Its description, one line.
        sha256: Of the file, in hex.
        bytes: Size of the file.
        unpacked_bytes: What it takes once installed, modules compiled.
    """

    path: Path
    name: NormalizedName
    version: str
    platforms: frozenset[str]
    requires: tuple[str, ...]
    extras: tuple[str, ...]
    licence: str
    licence_text: str
    summary: str
    sha256: str
    bytes: int
    unpacked_bytes: int

    @property
    def is_pure(self) -> bool:
        """Whether it runs on every platform."""
        return self.platforms == {"any"}


def read_wheel(path: Path) -> Wheel:
    """Read a wheel.

    Raises:
        BundleError: It is none.
    """
    try:
        name, version, _, tags = parse_wheel_filename(path.name)
        with zipfile.ZipFile(path) as archive:
            metadata = _metadata(archive)
            unpacked = sum(_installed_bytes(info) for info in archive.infolist())
    except (InvalidWheelFilename, zipfile.BadZipFile, OSError, ValueError) as error:
        raise BundleError(f"{path} is not a usable wheel: {error}") from error
    if canonicalize_name(str(metadata["Name"])) != name:
        raise BundleError(f"{path} is a wheel of {metadata['Name']}, not of {name}")
    return Wheel(
        path=path,
        name=name,
        version=str(version),
        platforms=frozenset(tag.platform for tag in tags),
        requires=tuple(map(str, metadata.get_all("Requires-Dist", ()))),
        extras=tuple(map(str, metadata.get_all("Provides-Extra", ()))),
        licence=str(metadata.get("License-Expression", "")),
        licence_text=_licence_text(metadata),
        summary=" ".join(str(metadata.get("Summary", "")).split()),
        sha256=_sha256(path),
        bytes=path.stat().st_size,
        unpacked_bytes=unpacked,
    )


def glibc_of(wheel: Wheel) -> tuple[int, int]:
    """Return the oldest glibc that its compiled parts load with; (2, 0) if they ask for none.

    Read from the names of symbol versions in the ELF files (``GLIBC_2.34``), as auditwheel does;
    for wheels tagged ``linux_*``, which say nothing of it. Others have it in their tags (PEP 600).
    """
    minors = [0]
    if any(tag.startswith("linux_") for tag in wheel.platforms):
        for content in _shared_objects(wheel.path):
            minors += map(int, _GLIBC.findall(content))
    else:
        named = {"manylinux1": 5, "manylinux2010": 12, "manylinux2014": 17}
        found = [re.match(r"manylinux_2_(\d+)_|(manylinux\d+)_", tag) for tag in wheel.platforms]
        tags = [int(one[1]) if one[1] else named.get(one[2], 0) for one in found if one]
        minors += [min(tags)] if tags else []
    return 2, max(minors)


def libraries_of(wheel: Wheel) -> tuple[str, ...]:
    """Return the system's shared libraries that a wheel compiled here wants."""
    if not any(tag.startswith("linux_") for tag in wheel.platforms):
        return ()
    contents = list(_shared_objects(wheel.path))
    return tuple(
        name for name in _BY_SYSTEM if any(name.encode() + b"\0" in one for one in contents)
    )


def _shared_objects(path: Path) -> Iterator[bytes]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if _SHARED.search(info.filename):
                yield archive.read(info)


def _metadata(archive: zipfile.ZipFile) -> Message:
    names = [info for info in archive.infolist() if info.filename.endswith(".dist-info/METADATA")]
    if len(names) != 1 or names[0].file_size > _LARGEST_METADATA:
        raise ValueError("it has no readable METADATA")
    return HeaderParser().parsestr(archive.read(names[0]).decode("utf-8"))


def _licence_text(metadata: Message) -> str:
    said = str(metadata.get("License", "")).strip().splitlines()
    if len(said) == 1:  # some have the whole text there
        return said[0]
    classifiers = [str(line) for line in metadata.get_all("Classifier", ())]
    named = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License ::")]
    return " or ".join(named)


def _installed_bytes(info: zipfile.ZipInfo) -> int:
    """Return a file's size, twice if it is compiled to a .pyc of about its size."""
    return info.file_size * (2 if info.filename.endswith(".py") else 1)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
