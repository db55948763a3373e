"""Reads what `parley models export` packed: models, their tables, and the hashes of all files.

::

    SHA256SUMS              "HEX  NAME" for every other file, as sha256sum writes it
    entries/ID.toml         the model's table, as models.toml has it
    models/ID/NAME          its files
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from gateway.provisioning.importing.fence import Fence
from gateway.provisioning.importing.folders import described
from gateway.provisioning.importing.found import Found, FoundFile, Licence, Skipped, Survey
from gateway.provisioning.importing.licences import UNKNOWN
from gateway.provisioning.importing.naming import is_id
from pipeline.errors import ModelError
from pipeline.models import Catalogue, Model
from pipeline.models.formats.cursor import opened, printable

__all__ = ["KIND", "SUMS", "read_export"]

KIND: Final = "export"
SUMS: Final = "SHA256SUMS"

_LARGEST: Final = 1 << 22
_LINE: Final = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def read_export(path: Path) -> Survey | None:
    """Return the models in an unpacked export, or None if the folder is none.

    Raises:
        ModelError: If its list of hashes is damaged.
    """
    if not (path / SUMS).is_file() or not (path / "entries").is_dir():
        return None
    fence = Fence.around(path)
    sums = _sums(fence.resolved(path / SUMS))
    folder = next(fence.folders(path / "entries"))
    names = [name for name in folder.files if name.endswith(".toml")]
    return Survey(tuple(_model(path, fence, Path(name).stem, sums) for name in names))


def _sums(path: Path) -> Mapping[str, str]:
    with opened(path, "list of hashes") as cursor:
        text = cursor.text(cursor.size, "it", limit=_LARGEST)
    sums = {}
    for number, line in enumerate(text.splitlines(), 1):
        if (match := _LINE.fullmatch(line)) is None:
            raise ModelError(f"{path} has no hash and name in line {number}; get the export again")
        sums[match[2]] = match[1]
    return sums


def _model(path: Path, fence: Fence, id: str, sums: Mapping[str, str]) -> Found:
    try:
        table, model = _read(path / "entries" / f"{id}.toml", id, sums)
        files = tuple(_files(path / "models" / id, fence, model, sums))
    except ModelError as error:
        return Found(id, KIND, id, "", problem=str(error))
    first = path / "models" / id / files[0].name
    opens = first.parent if model.engine == "faster-whisper" else first
    licence = Licence(model.licence, model.licence_note) if model.licence else UNKNOWN
    found = described(id, KIND, id, model.engine, opens, files, licence)
    if isinstance(found, Skipped):
        return Found(id, KIND, id, model.engine, files, problem=found.reason)
    return replace(found, licence=licence, entry=table)


def _read(path: Path, id: str, sums: Mapping[str, str]) -> tuple[Mapping[str, Any], Model]:
    """Return a model's table, and the model that it describes."""
    if not is_id(id):
        raise ModelError(f"{path} is not called as a model may be")
    with opened(path, "TOML file") as cursor:
        text = cursor.text(cursor.size, "it", limit=_LARGEST)
    _check_listed(f"entries/{path.name}", sums)
    try:
        table = tomllib.loads(text)["models"][id]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{path} has no [models.{id}]: {printable(str(error))}") from error
    if not isinstance(table, dict) or "path" in table:
        raise ModelError(f"{path}: [models.{id}] is no table, or names a path of another machine")
    # A source lets the catalogue place it in a store; which one does not matter here.
    placed = {"source": {"repository": "export/export"}, **table}
    document = {"schema": 2, "profiles": {}, "models": {id: placed}}
    return table, Catalogue(document, path).model(id)


def _files(
    folder: Path, fence: Fence, model: Model, sums: Mapping[str, str]
) -> Iterator[FoundFile]:
    if not model.files:
        raise ModelError(f"{folder}: its entry lists no files")
    for part in sorted(model.files, key=lambda part: part.name != model.path.name):
        name = str(PurePosixPath("models", model.id, part.name))
        listed = _check_listed(name, sums)
        if part.sha256 not in ("", listed):
            raise ModelError(f"{folder / part.name}: {SUMS} and its entry name different hashes")
        try:
            path = fence.resolved(folder / part.name)
        except ModelError as error:
            raise ModelError(f"{folder / part.name} {error}") from error
        size = path.stat().st_size
        if part.bytes not in (None, size):
            raise ModelError(f"{folder / part.name} has {size} bytes, expected {part.bytes}")
        yield FoundFile(part.name, path, size, f"sha256:{listed}")


def _check_listed(name: str, sums: Mapping[str, str]) -> str:
    if name not in sums:
        raise ModelError(f"{SUMS} does not list {name}; get the export again")
    return sums[name]
