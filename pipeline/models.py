"""models.toml: profiles, the models that they name, and the files on disk that these consist of.

Nothing here, or anywhere at serving time, opens a connection: a file that is missing is an error.
"""

from __future__ import annotations

import hashlib
import logging
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pipeline.errors import ModelError
from pipeline.persona import ClockPlacement

__all__ = ["ENGINES", "Catalogue", "Model", "ModelFile", "Profile", "default_catalogue"]

log = logging.getLogger(__name__)

SCHEMA: Final = 1
ENGINES: Final = {
    "recognizer": "faster-whisper",
    "language_model": "llama.cpp",
    "voice": "piper",
}
"""Which engine each role of a profile takes."""

_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_CHUNK: Final = 1 << 20
_TOP_KEYS: Final = {"schema", "profiles", "models"}
_MODEL_KEYS: Final = {
    "engine", "path", "licence", "note", "languages", "files", "settings", "prompt",
}  # fmt: skip
_PROFILE_KEYS: Final = {
    "description", "recognizer", "language_model", "voice", "languages", "warning",
}  # fmt: skip
_PROMPT_KEYS: Final = {"clock"}
_FILE_KEYS: Final = {"bytes", "sha256"}


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model.

    Attributes:
        name: Path relative to the model's.
        bytes: Size, or None if it is not recorded.
        sha256: In hex, or "" if it is not recorded.
    """

    name: str
    bytes: int | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """A model on disk.

    Attributes:
        id: Its name in models.toml.
        engine: One of the values of `ENGINES`.
        path: Absolute; a directory, or the file itself.
        licence: SPDX expression, or "" if unknown.
        note: What whoever uses it should know.
        files: What has to be there.
        settings: Of the engine, as measured for this model.
        clock: Where a language model looks for the time of day.
    """

    id: str
    engine: str
    path: Path
    licence: str = ""
    note: str = ""
    files: tuple[ModelFile, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    clock: ClockPlacement = ClockPlacement.TURN

    def file(self, part: ModelFile) -> Path:
        """Return where a file lies."""
        return self.path / part.name if self.path.is_dir() else self.path.parent / part.name


@dataclass(frozen=True, slots=True)
class Profile:
    """Three models that work together.

    Attributes:
        name: Its name in models.toml.
        languages: BCP 47 primary tags that it serves; empty: any.
        warning: What users must be told, or "".
    """

    name: str
    recognizer: Model
    language_model: Model
    voice: Model
    description: str = ""
    languages: tuple[str, ...] = ()
    warning: str = ""

    @property
    def models(self) -> tuple[Model, Model, Model]:
        """All three."""
        return self.recognizer, self.language_model, self.voice


def default_catalogue() -> Path:
    """Return the models.toml that Parley brings: package data, or the checkout's."""
    packaged = Path(__file__).parent / "data" / "models.toml"
    return packaged if packaged.is_file() else Path(__file__).parent.parent / "models.toml"


class Catalogue:
    """What a models.toml says; profiles are resolved, and complained about, when asked for."""

    def __init__(self, document: Mapping[str, Any], source: Path) -> None:
        self._document = document
        self._source = source

    @classmethod
    def load(cls, path: Path | None = None) -> Catalogue:
        """Read a catalogue; None is the one that Parley brings.

        Raises:
            ModelError: If it cannot be read or is of another schema.
        """
        source = (path or default_catalogue()).absolute()
        try:
            document = tomllib.loads(source.read_text(encoding="utf-8"))
        except OSError as error:
            message = f"{source} cannot be read: {error.strerror}; set models.file to one that can"
            raise ModelError(message) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ModelError(f"{source} is not valid TOML: {error}") from error
        if document.get("schema") != SCHEMA:
            found = document.get("schema")
            raise ModelError(f"{source}: schema is {found!r}, expected {SCHEMA}")
        return cls(_checked(document, _TOP_KEYS, f"{source}: "), source)

    @property
    def profiles(self) -> tuple[str, ...]:
        """Names of all profiles."""
        return tuple(self._table(self._document, "profiles", str(self._source)))

    def profile(self, name: str) -> Profile:
        """Resolve a profile.

        Raises:
            ModelError: If it, or a model that it names, is missing or malformed.
        """
        profiles = self._table(self._document, "profiles", str(self._source))
        if name not in profiles:
            message = f"{self._source}: there is no profile {name!r}; it has {', '.join(profiles)}"
            raise ModelError(message)
        where = f"{self._source}: profiles.{name}"
        table = _checked(profiles[name], _PROFILE_KEYS, where + ".")
        models = {role: self._model(role, table.get(role), where) for role in ENGINES}
        return Profile(
            name,
            **models,
            description=str(table.get("description", "")),
            languages=tuple(map(str, table.get("languages", ()))),
            warning=str(table.get("warning", "")),
        )

    def verify(self, profile: Profile) -> None:
        """Check that every file of a profile is there, of its size, and unchanged.

        Reads each file once (about 1 s per GB).

        Raises:
            ModelError: For the first file that is not.
        """
        for model in profile.models:
            if not model.path.exists():
                message = f"model {model.id}: {model.path} does not exist; correct its path in "
                raise ModelError(message + str(self._source))
            if not model.files:
                log.warning("model %s lists no files: it is used unverified", model.id)
            for part in model.files:
                _verify(model, part)

    def _model(self, role: str, id: object, profile: str) -> Model:
        if not isinstance(id, str) or not _ID.fullmatch(id):
            raise ModelError(f"{profile}.{role} is {id!r}, expected the name of a model")
        models = self._table(self._document, "models", str(self._source))
        if id not in models:
            raise ModelError(f"{profile}.{role} is {id!r}, which [models] does not have")
        where = f"{self._source}: models.{id}"
        table = _checked(models[id], _MODEL_KEYS, where + ".")
        if table.get("engine") != ENGINES[role]:
            found = table.get("engine")
            raise ModelError(f"{where}.engine is {found!r}, expected {ENGINES[role]!r} ({role})")
        if not isinstance(table.get("path"), str):
            raise ModelError(f"{where}.path is missing: where the model lies")
        prompt = self._table(table, "prompt", where, optional=True)
        _checked(prompt, _PROMPT_KEYS, f"{where}.prompt.")
        return Model(
            id,
            ENGINES[role],
            self._source.parent / Path(table["path"]).expanduser(),
            str(table.get("licence", "")),
            str(table.get("note", "")),
            tuple(_file(name, entry, where) for name, entry in self._files(table, where)),
            self._table(table, "settings", where, optional=True),
            _clock(prompt.get("clock", "turn"), where),
        )

    def _files(self, table: Mapping[str, Any], where: str) -> list[tuple[str, Any]]:
        return list(self._table(table, "files", where, optional=True).items())

    @staticmethod
    def _table(
        parent: Mapping[str, Any], key: str, where: str, *, optional: bool = False
    ) -> Mapping[str, Any]:
        table = parent.get(key, {} if optional else None)
        if not isinstance(table, dict):
            raise ModelError(f"{where}: [{key}] is missing or not a table")
        return table


def _checked(table: object, known: set[str], prefix: str) -> Mapping[str, Any]:
    if not isinstance(table, dict):
        raise ModelError(f"{prefix.rstrip('.')} is not a table")
    if unknown := sorted(set(table) - known):
        names = ", ".join(sorted(known))
        raise ModelError(f"{prefix}{unknown[0]} is unknown; known: {names}")
    return table


def _clock(value: object, where: str) -> ClockPlacement:
    try:
        return ClockPlacement(str(value))
    except ValueError as error:
        choices = ", ".join(ClockPlacement)
        raise ModelError(f"{where}.prompt.clock is {value!r}, expected {choices}") from error


def _file(name: str, entry: object, where: str) -> ModelFile:
    parts = Path(name).parts
    if not parts or Path(name).is_absolute() or ".." in parts:
        raise ModelError(f"{where}.files: {name!r} leaves the model's directory")
    if not isinstance(entry, dict):
        raise ModelError(f"{where}.files.{name} is {entry!r}, expected {{bytes, sha256}}")
    _checked(entry, _FILE_KEYS, f"{where}.files.{name}.")
    size, digest = entry.get("bytes"), entry.get("sha256", "")
    if size is not None and (type(size) is not int or size < 0):
        raise ModelError(f"{where}.files.{name}.bytes is {size!r}, expected a size")
    if digest and not (isinstance(digest, str) and _SHA256.fullmatch(digest)):
        raise ModelError(f"{where}.files.{name}.sha256 is not 64 hex digits in lower case")
    return ModelFile(name, size, digest)


def _verify(model: Model, part: ModelFile) -> None:
    path = model.file(part)
    try:
        size = path.stat().st_size
        if part.bytes is not None and size != part.bytes:
            found = f"has {size} bytes, expected {part.bytes}; get the file again"
            raise ModelError(f"model {model.id}: {path} {found}")
        if part.sha256 and _digest(path) != part.sha256:
            raise ModelError(f"model {model.id}: {path} was changed or damaged; get it again")
    except OSError as error:
        message = f"model {model.id}: {path} cannot be read: {error.strerror}; get it again"
        raise ModelError(message) from error


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
