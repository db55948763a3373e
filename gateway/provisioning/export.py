"""`parley models export`: installed models as one tar, for a machine without internet.

::

    SHA256SUMS              of everything below; `sha256sum -c SHA256SUMS` checks it
    entries/<id>.toml       what models.toml says of the model
    models/<id>/<name>      its files

Plain ustar or, for long names, pax (POSIX.1-2001); files in order, without owners, all of one time:
the same models make the same bytes. `parley models import` reads it.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import tomli_w

from gateway.provisioning.actions.options import add_configuration, config_of, console
from gateway.provisioning.profiles import catalogue_of, store_of
from gateway.provisioning.progress import Display, size
from gateway.provisioning.selection import (
    ALL_LANGUAGES,
    models_named,
    parse_languages,
    refuse_withdrawn,
)
from pipeline.errors import ModelError
from pipeline.models import Model, ModelFile
from pipeline.models.disk import disk_error, hash_file
from pipeline.models.store import Store

__all__ = ["add_arguments", "entry_of", "export", "run"]

_TIME: Final = 315_532_800
"""1980-01-01, of every member: GNU tar warns of 1970."""
_SUMS: Final = "SHA256SUMS"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_configuration(parser)
    parser.add_argument("names", nargs="+", metavar="NAME", help="profiles or models")
    parser.add_argument(
        "--languages",
        default="",
        metavar="TAGS",
        help=f"also a profile's models for these languages, e.g. de,fr; or {ALL_LANGUAGES}",
    )
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FILE.tar", help="what to write"
    )


def run(options: argparse.Namespace) -> int:
    """Write the tar; replaces one that is there, once it is complete.

    Raises:
        ModelError: A model is not installed, a file is damaged, or the tar cannot be written.
    """
    config = config_of(options)
    catalogue, store = catalogue_of(config), store_of(config)
    models = models_named(catalogue, options.names, parse_languages(options.languages))
    refuse_withdrawn(models)
    with Display(console(), "packing") as display:
        display.expect(sum(model.bytes or 0 for model in models))
        count = export(models, store, options.out, lambda more: display.advance("", more))
        names = ", ".join(model.id for model in models)
        display.say(f"{options.out}: {size(count)}: {names}")
    return 0


def export(
    models: Sequence[Model],
    store: Store,
    target: Path,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write models into a tar, every file compared with its hash as it is read.

    Args:
        models: Installed ones, or those that lie where models.toml says.
        store: Where the former are.
        target: The tar; it appears when it is complete.
        progress: Called with each number of bytes that was packed.

    Returns:
        The tar's size.

    Raises:
        ModelError: A model is not installed, a file is damaged, or the tar cannot be written.
    """
    members = sorted(_members(models, store), key=lambda member: member.name)
    sums = "".join(f"{member.sha256}  {member.name}\n" for member in members)
    fresh = target.with_name(f".{target.name}.partial")
    try:
        _check_room(target, sum(member.bytes for member in members))
        with tarfile.open(fresh, "w", format=tarfile.PAX_FORMAT) as tar:
            _add_text(tar, _SUMS, sums)
            for member in members:
                member.add(tar, progress)
        fresh.replace(target)
    except OSError as error:
        raise disk_error(error, target.absolute().parent, "choose another place") from error
    finally:
        fresh.unlink(missing_ok=True)
    return target.stat().st_size


def entry_of(model: Model, hashes: Mapping[str, tuple[str, int]]) -> dict[str, Any]:
    """Return a model's table as models.toml has it, for a place where it has no path.

    Args:
        model: What it is.
        hashes: SHA-256 and size of each of its files, as they are here.
    """
    table: dict[str, Any] = {"engine": model.engine, "prompt": {"clock": str(model.clock)}}
    for key in ("licence", "licence_note", "note", "memory_bytes", "geometry", "finetuned_from"):
        table[key] = getattr(model, key)
    table["languages"] = list(model.languages)
    table["settings"] = _plain(model.settings)
    if (source := model.source) is not None:
        names = ("kind", "repository", "revision", "base", "folder")
        fields = {name: getattr(source, name) for name in names}
        table["source"] = {name: value for name, value in fields.items() if value}
    table["files"] = {part.name: _file_entry(part, *hashes[part.name]) for part in model.files}
    if model.role != "language_model":
        del table["prompt"]
    return {key: value for key, value in table.items() if value not in ("", None, [], {})}


@dataclass(frozen=True, slots=True)
class _Member:
    """A file of the tar; `text` if it is made here, else `path` is copied."""

    name: str
    sha256: str
    bytes: int
    path: Path
    text: str = ""

    def add(self, tar: tarfile.TarFile, progress: Callable[[int], None]) -> None:
        if self.text:
            return _add_text(tar, self.name, self.text)
        try:
            opened = self.path.open("rb")
        except OSError as error:
            raise ModelError(f"{self.path} cannot be read: {error.strerror}") from error
        with opened as file:
            reader = _Hashing(file, progress)
            try:
                tar.addfile(_header(self.name, self.bytes), reader)  # type: ignore[arg-type]
            except OSError as error:
                if error.errno is not None:
                    raise
                raise ModelError(f"{self.path} became shorter while it was read") from error
        if reader.sha256 != self.sha256:
            message = f"{self.path} was changed or damaged; run: parley models verify --repair"
            raise ModelError(message)
        return None


class _Hashing:
    """A file that is hashed as tarfile reads it."""

    def __init__(self, file: BinaryIO, progress: Callable[[int], None]) -> None:
        self._file = file
        self._progress = progress
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def read(self, count: int) -> bytes:
        chunk = self._file.read(count)
        self._digest.update(chunk)
        self._progress(len(chunk))
        return chunk


def _members(models: Sequence[Model], store: Store) -> Iterator[_Member]:
    for model in models:
        hashes = {}
        if not model.files:
            raise ModelError(f"model {model.id} lists no files: nothing says what to pack")
        noted = store.files(model.id)
        for part in model.files:
            path = model.file(part)
            if not path.is_file():
                message = f"model {model.id}: {path} is missing; run: parley models pull {model.id}"
                raise ModelError(message)
            digest = part.sha256 or noted.get(part.name) or _hash(path)
            hashes[part.name] = digest, path.stat().st_size
            yield _Member(f"models/{model.id}/{part.name}", digest, path.stat().st_size, path)
        text = tomli_w.dumps({"schema": 2, "models": {model.id: entry_of(model, hashes)}})
        digest = hashlib.sha256(text.encode()).hexdigest()
        yield _Member(f"entries/{model.id}.toml", digest, len(text.encode()), Path(), text)


def _file_entry(part: ModelFile, sha256: str, count: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"bytes": count, "sha256": sha256}
    return entry | ({"url": part.url} if part.url else {})


def _plain(value: Any) -> Any:  # noqa: ANN401  whatever TOML holds
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hash_file(file)


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> None:
    content = text.encode()
    tar.addfile(_header(name, len(content)), io.BytesIO(content))


def _header(name: str, count: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size, header.mtime, header.mode = count, _TIME, 0o644
    return header


def _check_room(target: Path, needed: int) -> None:
    free = shutil.disk_usage(target.absolute().parent).free
    if needed > free:
        place = target.absolute().parent
        message = f"the tar has {size(needed)}, and the disk of {place} has {size(free)} free"
        raise ModelError(f"{message}: {size(needed - free)} are missing")
