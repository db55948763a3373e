"""models.toml: profiles, the models that they name, and the files on disk that these consist of.

Nothing here, or anywhere at serving time, opens a connection: a file that is missing is an error.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

from pipeline.errors import ModelError
from pipeline.models.model import (
    ENGINES,
    MANY,
    PROGRAMS,
    ROLES,
    Model,
    ModelFile,
    Profile,
    Role,
    Verification,
)
from pipeline.models.reading import (
    MODEL_KEYS,
    PROFILE_KEYS,
    TOP_KEYS,
    checked,
    read_clock,
    read_files,
    read_id,
    read_source,
    strings,
    subtable,
    text,
    whole,
)
from pipeline.models.verification import verify_model

__all__ = ["SCHEMAS", "Catalogue", "Store", "default_catalogue"]

SCHEMAS: Final = (1, 2)
"""Schema 2 added sources, languages' voices, memory and licence notes; 1 is read as it was."""

_OPENED: Final = {"llama.cpp": ".gguf", "piper": ".onnx"}
"""Engines that open a file of a model, by its suffix; others open the model's folder."""


class Store(Protocol):
    """Where models are installed, as far as a catalogue has to know it."""

    def path(self, model_id: str) -> Path:
        """Return the folder of a model, installed or not."""

    def entries(self) -> dict[str, Mapping[str, Any]]:
        """Return the tables of models that were added here, as ``[models.ID]`` has them."""


def default_catalogue() -> Path:
    """Return the models.toml that Parley brings: package data, or the checkout's."""
    package = Path(__file__).parent.parent
    packaged = package / "data" / "models.toml"
    return packaged if packaged.is_file() else package.parent / "models.toml"


class Catalogue:
    """What a models.toml says; what it names is resolved, and complained about, when asked for.

    Args:
        document: The file, parsed.
        source: Where it came from; relative paths start there.
        store: Where models with a source are installed, and others were added: an added one
            replaces a model of the same name. None: a folder ``models`` beside the file.
    """

    def __init__(
        self, document: Mapping[str, Any], source: Path, store: Store | None = None
    ) -> None:
        self._document = document
        self._source = source
        self._store = store
        self._added = store.entries() if store is not None else {}

    @classmethod
    def load(cls, path: Path | None = None, *, store: Store | None = None) -> Catalogue:
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
        if document.get("schema") not in SCHEMAS:
            found, known = document.get("schema"), " or ".join(map(str, SCHEMAS))
            raise ModelError(f"{source}: schema is {found!r}, expected {known}")
        return cls(checked(document, TOP_KEYS, f"{source}: "), source, store)

    @property
    def source(self) -> Path:
        """The file."""
        return self._source

    @property
    def document(self) -> Mapping[str, Any]:
        """The file as it was parsed; what is wrong in it is still there."""
        return self._document

    @property
    def profiles(self) -> tuple[str, ...]:
        """Names of all profiles."""
        return tuple(subtable(self._document, "profiles", str(self._source)))

    @property
    def ids(self) -> tuple[str, ...]:
        """Names of all models, those that were added to the store last."""
        return tuple(self._tables)

    @property
    def models(self) -> tuple[Model, ...]:
        """All models, in the order of `ids`.

        Raises:
            ModelError: If one is malformed.
        """
        return tuple(self.model(id) for id in self.ids)

    @property
    def added(self) -> frozenset[str]:
        """Names of the models that were added to the store."""
        return frozenset(self._added)

    def model(self, id: str) -> Model:
        """Return a model.

        Raises:
            ModelError: If it is missing or malformed.
        """
        if id not in self._tables:
            raise ModelError(
                f"{self._source}: there is no model {id!r}; `parley models list` has all"
            )
        where = f"{self._source}: models.{id}"
        if id in self._added:
            where = f"the store's entry of model {id}"
        read_id(id, where)
        return self._read(id, checked(self._tables[id], MODEL_KEYS, where + "."), where)

    def profile(self, name: str, *, instead: Mapping[Role, str] | None = None) -> Profile:
        """Resolve a profile.

        Args:
            name: Of the profile.
            instead: Models to take instead of the profile's own, by role. Such a model serves its
                own languages, too; one that does not say which serves all.

        Raises:
            ModelError: If it, or a model that it names, is missing or malformed.
        """
        profiles = subtable(self._document, "profiles", str(self._source))
        if name not in profiles:
            message = f"{self._source}: there is no profile {name!r}; it has {', '.join(profiles)}"
            raise ModelError(message)
        where = f"{self._source}: profiles.{name}"
        table = checked(profiles[name], PROFILE_KEYS, where + ".")
        chosen = {
            role: self._named(role, table.get(role), f"{where}.{role}")
            for role in ENGINES
            if role not in (instead or {})
        } | {role: self._named(role, id, f"models.{role}") for role, id in (instead or {}).items()}
        profile = Profile(
            name,
            **chosen,
            description=text(table, "description", where),
            languages=strings(table, "languages", where),
            warning=text(table, "warning", where),
            recognizers=self._by_language("recognizer", table, where),
            voices=self._by_language("voice", table, where),
        )
        return _without_replaced(profile, frozenset(instead or {}))

    def verify(self, profile: Profile, how: Verification = Verification.FULL) -> None:
        """Check that every file of a profile is there, of its size, and unchanged.

        Raises:
            ModelError: For the first file that is not.
        """
        for model in profile.models:
            verify_model(model, how, profile.name, self._source)

    @property
    def _tables(self) -> Mapping[str, Any]:
        return {**subtable(self._document, "models", str(self._source)), **self._added}

    def _by_language(self, role: Role, table: Mapping[str, Any], where: str) -> Mapping[str, Model]:
        entries = subtable(table, f"{role}s", where, optional=True)
        return {
            language: self._named(role, id, f"{where}.{role}s.{language}")
            for language, id in entries.items()
        }

    def _named(self, role: Role, id: object, where: str) -> Model:
        id = read_id(id, where)
        if id not in self._tables:
            raise ModelError(f"{where} is {id!r}, which [models] does not have")
        model = self.model(id)
        if model.role != role:
            expected = " or ".join(map(repr, ENGINES[role]))
            found = f"{self._source}: models.{id}.engine is {model.engine!r}"
            raise ModelError(f"{found}, expected {expected} ({role})")
        return model

    def _read(self, id: str, table: Mapping[str, Any], where: str) -> Model:
        engine = text(table, "engine", where)
        if engine not in ROLES:
            raise ModelError(f"{where}.engine is {engine!r}, expected {' or '.join(ROLES)}")
        source, files = read_source(table, where), read_files(table, where)
        path, folder = self._place(id, table, engine, files, where)
        return Model(
            id,
            engine,
            path,
            text(table, "licence", where),
            text(table, "note", where),
            files,
            subtable(table, "settings", where, optional=True),
            read_clock(table, where),
            text(table, "licence_note", where),
            source,
            strings(table, "languages", where),
            whole(table, "memory_bytes", where),
            text(table, "geometry", where),
            text(table, "finetuned_from", where),
            folder,
            text(table, "withdrawn", where),
        )

    def _place(
        self,
        id: str,
        table: Mapping[str, Any],
        engine: str,
        files: tuple[ModelFile, ...],
        where: str,
    ) -> tuple[Path, Path | None]:
        """Return what the engine opens, and where the names of the files start."""
        if engine in PROGRAMS:
            return self._source.parent, None
        stored = "source" in table or id in self._added
        if not stored or "path" in table:
            if not isinstance(table.get("path"), str):
                raise ModelError(f"{where}.path is missing: where the model lies")
            return self._source.parent / Path(table["path"]).expanduser(), None
        folder = self._store.path(id) if self._store else self._source.parent / "models" / id
        suffix = _OPENED.get(engine, "")
        opened = next((part.name for part in files if suffix and part.name.endswith(suffix)), "")
        if suffix and not opened:
            raise ModelError(f"{where}.files has no {suffix}, which {engine} opens")
        return folder / opened, folder


def _without_replaced(profile: Profile, roles: frozenset[Role]) -> Profile:
    """Return a profile without models for languages that a replacement speaks or hears itself."""
    if "recognizer" in roles:
        kept = _unserved(profile.recognizers, profile.recognizer)
        profile = replace(profile, recognizers=kept)
    if "voice" in roles:
        profile = replace(profile, voices=_unserved(profile.voices, profile.voice))
    return profile


def _unserved(models: Mapping[str, Model], by: Model) -> Mapping[str, Model]:
    every = not by.languages or MANY in by.languages
    return {tag: each for tag, each in models.items() if not every and tag not in by.languages}
