"""manifest.json: what a bundle is, and what it asks of the machine that it is installed on."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from gateway.provisioning.bundle.errors import BundleError

__all__ = ["FORMAT", "Manifest", "PackedModel", "parse", "serialize"]

FORMAT: Final = 1
"""Grows when an older installer could not install a newer bundle."""

_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+!-]{0,63}")


@dataclass(frozen=True, slots=True)
class PackedModel:
    """A model of a bundle.

    Attributes:
        id: Its name in the catalogue.
        licence: SPDX expression, or "" if unknown.
        packed: Whether its files lie in the bundle's folder ``models``; else they are part of
            the application's wheel.
        entry: Its table for the store's own catalogue, if the application's has none; or None.
        files: Name to SHA-256 in hex.
    """

    id: str
    licence: str
    packed: bool
    entry: Mapping[str, Any] | None
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle is.

    Attributes:
        parley: The application's version.
        created: RFC 3339, UTC.
        platform: Such as "linux-x86_64".
        platform_tags: Of the wheels, without "any".
        pythons: Versions of CPython that its wheels are for, such as "3.11".
        glibc: The oldest C library that will do.
        cpu: Instruction sets that the processor must have, as /proc/cpuinfo names them.
        libraries: Shared libraries that the system must have.
        installed_bytes: What it takes on disk once installed, models included.
        profile: The models file's profile that it was made for.
        models: What that profile names.
    """

    parley: str
    created: str
    platform: str
    platform_tags: tuple[str, ...]
    pythons: tuple[str, ...]
    glibc: tuple[int, int]
    cpu: tuple[str, ...]
    libraries: tuple[str, ...]
    installed_bytes: int
    profile: str
    models: tuple[PackedModel, ...]


def serialize(manifest: Manifest) -> str:
    """Return the manifest as JSON text."""
    document = {"format": FORMAT, **asdict(manifest)}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def parse(text: str) -> Manifest:
    """Read a manifest.

    Raises:
        BundleError: It is of another format, or malformed.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"manifest.json is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise BundleError("manifest.json is not an object")
    if document.get("format") != FORMAT:
        found = document.get("format")
        message = f"the bundle has format {found!r}, this Parley reads {FORMAT}"
        raise BundleError(f"{message}; use the Parley that it was made with, or a newer one")
    try:
        return _read(document)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"manifest.json is malformed: {error!r}") from error


def _read(document: Mapping[str, Any]) -> Manifest:
    parley = _text(document["parley"])
    if not _VERSION.fullmatch(parley):
        raise ValueError(parley)
    major, minor = document["glibc"]
    return Manifest(
        parley=parley,
        created=_text(document["created"]),
        platform=_text(document["platform"]),
        platform_tags=_texts(document["platform_tags"]),
        pythons=_texts(document["pythons"]),
        glibc=(int(major), int(minor)),
        cpu=_texts(document["cpu"]),
        libraries=_texts(document["libraries"]),
        installed_bytes=int(document["installed_bytes"]),
        profile=_text(document["profile"]),
        models=tuple(_model(one) for one in document["models"]),
    )


def _model(document: Mapping[str, Any]) -> PackedModel:
    entry = document["entry"]
    if entry is not None and not isinstance(entry, dict):
        raise TypeError(entry)
    files = {_text(name): _text(digest) for name, digest in document["files"].items()}
    return PackedModel(
        _text(document["id"]), _text(document["licence"]), bool(document["packed"]), entry, files
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError(values)
    return tuple(map(_text, values))
