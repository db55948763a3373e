"""Results in files: written whole or not at all, and read with one clear line for what is wrong."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

import orjson

from benchmarks.reports.schema import mismatch
from benchmarks.results import SCHEMA_VERSION, Result, from_json, to_json
from gateway.client.errors import ClientError

__all__ = ["ResultFileError", "read_result", "write_result", "write_text"]


class ResultFileError(ClientError):
    """A file holds no result that this version reads, or it cannot be read or written."""


def write_result(path: Path, result: Result) -> None:
    """Write a result as JSON; folders on the way are made.

    Raises:
        ResultFileError: The file cannot be written; what stood there before is still there.
    """
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    write_text(path, orjson.dumps(to_json(result), option=options).decode())


def read_result(path: Path) -> Result:
    """The result in a file.

    Raises:
        ResultFileError: There is no such file, or it is no result of this schema; the message
            names the file and, inside it, the value.
    """
    values = _parse(path)
    if not isinstance(values, dict) or not isinstance(values.get("schema"), int):
        raise ResultFileError(
            f"{path} is no result of a benchmark: expected an object with the number of its schema"
        )
    _check_version(path, values["schema"])
    wrong = mismatch(values)
    if wrong is not None:
        raise ResultFileError(f"{path} is no result of a benchmark: {wrong}")
    return from_json(values)


def write_text(path: Path, text: str) -> None:
    """Write a text file; readers see the old or the new one, never half of it.

    Raises:
        ResultFileError: The file cannot be written; what stood there before is still there.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise ResultFileError(f"cannot write {path}: {error.strerror or error}") from error


def _parse(path: Path) -> object:
    try:
        return orjson.loads(path.read_bytes())
    except OSError as error:
        raise ResultFileError(f"cannot read {path}: {error.strerror or error}") from error
    except orjson.JSONDecodeError as error:
        reason = re.sub(r"\s+", " ", str(error))
        raise ResultFileError(f"{path} is not JSON: {reason}") from error


def _check_version(path: Path, found: int) -> None:
    if found == SCHEMA_VERSION:
        return
    advice = (
        "update Parley to read it" if found > SCHEMA_VERSION else "repeat the run with this version"
    )
    raise ResultFileError(
        f"{path} has schema {found} of results, this version reads {SCHEMA_VERSION}; {advice}"
    )
