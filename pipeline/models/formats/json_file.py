"""Reads JSON that somebody else wrote: bounded in size, and complaining in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, NoReturn

from pipeline.errors import ModelError
from pipeline.models.formats.cursor import opened, printable

__all__ = ["json_object", "read_json"]

_CHUNK: Final = 1 << 20


def read_json(path: Path, *, limit: int) -> object:
    """Return what a JSON file holds.

    Raises:
        ModelError: If it is missing, larger than ``limit`` bytes, or no JSON (NaN and infinities
            are none).
    """
    with opened(path, "JSON file") as cursor:
        if cursor.size > limit:
            raise ModelError(f"{path} has {cursor.size} bytes, expected at most {limit}")
        parts = []
        while rest := cursor.size - cursor.position:
            parts.append(cursor.take(min(rest, _CHUNK), "it"))
    try:
        return json.loads(b"".join(parts).decode("utf-8"), parse_constant=_refuse)
    except RecursionError:
        raise ModelError(f"{path} is nested too deeply for a description of a model") from None
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {printable(str(error))}") from None


def json_object(path: Path, *, limit: int) -> dict[str, Any]:
    """Return the object that a JSON file holds.

    Raises:
        ModelError: As `read_json`, or if it is something else.
    """
    content = read_json(path, limit=limit)
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds a {type(content).__name__}, expected an object")
    return content


def _refuse(constant: str) -> NoReturn:
    message = f"{constant} is no JSON number"
    raise ValueError(message)
