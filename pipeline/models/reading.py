"""Tables of models.toml into models: types checked, unknown keys refused, paths not resolved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from pipeline.errors import ModelError
from pipeline.models.model import HUB, ModelFile, Source
from pipeline.persona import ClockPlacement

__all__ = [
    "FILE_KEYS",
    "ID",
    "MODEL_KEYS",
    "PROFILE_KEYS",
    "PROMPT_KEYS",
    "REVISION",
    "SHA256",
    "SOURCE_KEYS",
    "TOP_KEYS",
    "checked",
    "read_clock",
    "read_files",
    "read_id",
    "read_source",
    "strings",
    "subtable",
    "text",
    "whole",
]

TOP_KEYS: Final = frozenset({"schema", "profiles", "models"})
MODEL_KEYS: Final = frozenset({
    "engine", "path", "licence", "licence_note", "note", "languages", "files", "settings", "prompt",
    "source", "memory_bytes", "geometry", "finetuned_from", "withdrawn",
})  # fmt: skip
PROFILE_KEYS: Final = frozenset({
    "description", "recognizer", "language_model", "voice", "recognizers", "voices", "languages",
    "warning",
})  # fmt: skip
PROMPT_KEYS: Final = frozenset({"clock"})
FILE_KEYS: Final = frozenset({"bytes", "sha256", "url"})
SOURCE_KEYS: Final = frozenset({"kind", "repository", "revision", "base", "folder"})

ID: Final = "[a-z0-9][a-z0-9._-]{0,63}"
SHA256: Final = "[0-9a-f]{64}"
REVISION: Final = "[A-Za-z0-9_.-]+"
"""Patterns, of the whole string."""

_ID: Final = re.compile(ID)
_SHA256: Final = re.compile(SHA256)
_REPOSITORY: Final = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_REVISION: Final = re.compile(REVISION)
_BASE: Final = re.compile(r"https?://[^\s?#]+")


def checked(table: object, known: frozenset[str], prefix: str) -> Mapping[str, Any]:
    """Return a table as it is.

    Args:
        table: What stands there.
        known: Its keys.
        prefix: Its place, with the character that stands before a key: ``models.toml: models.x.``.

    Raises:
        ModelError: If it is no table, or has a key that is not known.
    """
    if not isinstance(table, dict):
        raise ModelError(f"{prefix.rstrip('.')} is not a table")
    if unknown := sorted(set(table) - known):
        names = ", ".join(sorted(known))
        raise ModelError(f"{prefix}{unknown[0]} is unknown; known: {names}")
    return table


def subtable(
    parent: Mapping[str, Any], key: str, where: str, *, optional: bool = False
) -> Mapping[str, Any]:
    """Return a table inside of another; an optional one that is missing is empty.

    Raises:
        ModelError: If it is missing or no table.
    """
    table = parent.get(key, {} if optional else None)
    if not isinstance(table, dict):
        raise ModelError(f"{where}: [{key}] is missing or not a table")
    return table


def text(table: Mapping[str, Any], key: str, where: str, default: str = "") -> str:
    """Return a string.

    Raises:
        ModelError: If it is something else.
    """
    value = table.get(key, default)
    if not isinstance(value, str):
        raise ModelError(f"{where}.{key} is {value!r}, expected a string")
    return value


def strings(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    """Return a list of strings; one that is missing is empty.

    Raises:
        ModelError: If it is something else.
    """
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise ModelError(f"{where}.{key} is {value!r}, expected a list of strings")
    return tuple(value)


def whole(table: Mapping[str, Any], key: str, where: str) -> int | None:
    """Return a count of bytes, or None if there is none.

    Raises:
        ModelError: If it is no whole number, or negative.
    """
    value = table.get(key)
    if value is not None and (type(value) is not int or value < 0):
        raise ModelError(f"{where}.{key} is {value!r}, expected a size")
    return value


def read_id(value: object, where: str) -> str:
    """Return the name of a model.

    Raises:
        ModelError: If it is not one.
    """
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise ModelError(f"{where} is {value!r}, expected the name of a model")
    return value


def read_clock(table: Mapping[str, Any], where: str) -> ClockPlacement:
    """Return where a language model looks for the time.

    Raises:
        ModelError: If ``prompt.clock`` is none of the places.
    """
    prompt = checked(
        subtable(table, "prompt", where, optional=True), PROMPT_KEYS, f"{where}.prompt."
    )
    value = prompt.get("clock", "turn")
    try:
        return ClockPlacement(str(value))
    except ValueError as error:
        choices = ", ".join(ClockPlacement)
        raise ModelError(f"{where}.prompt.clock is {value!r}, expected {choices}") from error


def read_source(table: Mapping[str, Any], where: str) -> Source | None:
    """Return where a model can be had, or None if it has no ``source``.

    Raises:
        ModelError: If a part of it is missing or malformed.
    """
    if "source" not in table:
        return None
    where = f"{where}.source"
    entry = checked(table["source"], SOURCE_KEYS, f"{where}.")
    source = Source(
        "url" if text(entry, "kind", where, "huggingface") == "url" else "huggingface",
        text(entry, "repository", where),
        text(entry, "revision", where, "main"),
        text(entry, "base", where, HUB),
        text(entry, "folder", where),
    )
    _check_source(source, entry, where)
    return source


def _check_source(source: Source, entry: Mapping[str, Any], where: str) -> None:
    if (kind := entry.get("kind", "huggingface")) not in ("huggingface", "url"):
        raise ModelError(f'{where}.kind is {kind!r}, expected "huggingface" or "url"')
    if source.kind == "huggingface":
        if not _REPOSITORY.fullmatch(source.repository):
            message = f"{where}.repository is {source.repository!r}, expected owner/name"
            raise ModelError(message)
        if not _REVISION.fullmatch(source.revision) or source.revision in (".", ".."):
            message = f"{where}.revision is {source.revision!r}, expected a branch, tag or commit"
            raise ModelError(message)
    elif "base" not in entry:
        raise ModelError(f"{where}.base is missing: where the files lie")
    if not _BASE.fullmatch(source.base):
        message = f"{where}.base is {source.base!r}, expected http(s)://host, without ? and #"
        raise ModelError(message)
    if source.folder and not _is_inside(source.folder):
        raise ModelError(f"{where}.folder is {source.folder!r}, which leaves the repository")


def read_files(table: Mapping[str, Any], where: str) -> tuple[ModelFile, ...]:
    """Return the files that a model consists of.

    Raises:
        ModelError: If a name leaves the model's folder, or an entry is malformed.
    """
    entries = subtable(table, "files", where, optional=True)
    return tuple(_file(name, entry, where) for name, entry in entries.items())


def _file(name: str, entry: object, where: str) -> ModelFile:
    if not _is_inside(name):
        raise ModelError(f"{where}.files: {name!r} leaves the model's directory")
    here = f"{where}.files.{name}"
    if not isinstance(entry, dict):
        raise ModelError(f"{here} is {entry!r}, expected {{bytes, sha256}}")
    checked(entry, FILE_KEYS, f"{here}.")
    digest, url = entry.get("sha256", ""), text(entry, "url", here)
    if digest and not (isinstance(digest, str) and _SHA256.fullmatch(digest)):
        raise ModelError(f"{here}.sha256 is not 64 hex digits in lower case")
    if url and not _BASE.fullmatch(url.partition("?")[0]):
        raise ModelError(f"{here}.url is {url!r}, expected http(s)://host/path")
    return ModelFile(name, whole(entry, "bytes", here), digest or "", url)


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    clean = "\\" not in name and "\0" not in name and ":" not in name
    return clean and bool(path.parts) and not path.is_absolute() and ".." not in path.parts
