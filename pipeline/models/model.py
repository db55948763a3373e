"""What a model, its files, its source and a profile are, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote

from pipeline.persona import ClockPlacement

__all__ = [
    "ENGINES",
    "HUB",
    "MANY",
    "PROGRAMS",
    "ROLES",
    "Model",
    "ModelFile",
    "Profile",
    "Role",
    "Source",
    "Verification",
]

Role: TypeAlias = Literal["recognizer", "language_model", "voice"]

ENGINES: Final[Mapping[Role, tuple[str, ...]]] = {
    "recognizer": ("faster-whisper",),
    "language_model": ("llama.cpp",),
    "voice": ("piper", "espeak-ng"),
}
"""Which engines each role of a profile takes, the usual one first."""

ROLES: Final[Mapping[str, Role]] = {
    engine: role for role, engines in ENGINES.items() for engine in engines
}
"""Which role each engine plays."""

PROGRAMS: Final[Mapping[str, str]] = {"espeak-ng": "espeak-ng"}
"""Engines without files: programs of the system, by the name of the program."""

MANY: Final = "mul"
"""Among a model's languages: many, too many to list (ISO 639-2)."""

HUB: Final = "https://huggingface.co"


class Verification(StrEnum):
    """How much of a model's files is read before they are used.

    ``SIZE`` compares sizes, hashes small files, and takes large ones for what they were when they
    came into the store, which hashed them. ``FULL`` hashes everything (about 1 s per GB).
    """

    SIZE = "size"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model.

    Attributes:
        name: Path relative to the model's folder, POSIX, without "..".
        bytes: Size, or None if it is not recorded.
        sha256: In hex, or "" if it is not recorded.
        url: Where it can be had, absolute; "" if the model's source says it.
    """

    name: str
    bytes: int | None = None
    sha256: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model's files can be had, before any mirror is applied.

    Attributes:
        kind: ``huggingface``: ``{base}/{repository}/resolve/{revision}/{folder}/{name}``, the URLs
            of huggingface.co and of its mirrors; ``url``: ``{base}/{folder}/{name}``.
        repository: ``owner/name``.
        revision: Branch, tag or commit.
        base: Scheme, host and prefix, without a slash at its end.
        folder: In the repository; "" is its root.
    """

    kind: Literal["huggingface", "url"] = "huggingface"
    repository: str = ""
    revision: str = "main"
    base: str = HUB
    folder: str = ""

    def path_of(self, file: ModelFile) -> str:
        """Return a file's path below `base`, quoted: what a mirror keeps."""
        hub = self.kind == "huggingface"
        head = (self.repository, "resolve", self.revision) if hub else ()
        return "/".join(quote(part) for part in (*head, self.folder, file.name) if part)

    def url_of(self, file: ModelFile) -> str:
        """Return a file's absolute URL; its own, if it has one."""
        return file.url or f"{self.base.rstrip('/')}/{self.path_of(file)}"


@dataclass(frozen=True, slots=True)
class Model:
    """A model, installed or not.

    Attributes:
        id: Its name in models.toml.
        engine: One of the keys of `ROLES`.
        path: What its engine opens, absolute; a directory, or a file. In the store for a model with
            a source.
        licence: SPDX expression, or "" if unknown.
        licence_note: What must be known before it is downloaded, e.g. of data that it learnt from.
        note: What whoever uses it should know.
        files: What has to be there.
        settings: Of the engine, as measured for this model.
        clock: Where a language model looks for the time of day.
        source: Where its files can be had; None if they are brought by whoever installs it.
        languages: BCP 47 primary tags, or `MANY`; empty: not recorded.
        memory_bytes: That its engine needs with it at the settings above, or None if unknown.
        geometry: A name of ``benchmarks/geometries.py`` whose measured cost is this model's, or "".
        finetuned_from: The model that it was trained from, where that matters for its licence.
        withdrawn: Why nobody should get it any more, e.g. a licence that was revoked; or "".
        folder: Where the names of its files start; None: `path`, or its parent if that is a file.
    """

    id: str
    engine: str
    path: Path
    licence: str = ""
    note: str = ""
    files: tuple[ModelFile, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    clock: ClockPlacement = ClockPlacement.TURN
    licence_note: str = ""
    source: Source | None = None
    languages: tuple[str, ...] = ()
    memory_bytes: int | None = None
    geometry: str = ""
    finetuned_from: str = ""
    folder: Path | None = None
    withdrawn: str = ""

    @property
    def role(self) -> Role:
        """What it does in a profile."""
        return ROLES[self.engine]

    @property
    def program(self) -> str:
        """The program of the system that the model is, or "" for one that consists of files."""
        return str(self.settings.get("program") or PROGRAMS.get(self.engine, ""))

    @property
    def bytes(self) -> int | None:
        """Size of all its files, or None if one is not recorded."""
        sizes = [part.bytes for part in self.files]
        known = [size for size in sizes if size is not None]
        return sum(known) if known and len(known) == len(sizes) else None

    def file(self, part: ModelFile) -> Path:
        """Return where a file lies."""
        if self.folder is not None:
            return self.folder / part.name
        return self.path / part.name if self.path.is_dir() else self.path.parent / part.name

    def url(self, part: ModelFile) -> str:
        """Return where a file can be had, before a mirror is applied; "" if nowhere."""
        return part.url if self.source is None else self.source.url_of(part)


@dataclass(frozen=True, slots=True)
class Profile:
    """Models that work together.

    Attributes:
        name: Its name in models.toml.
        languages: BCP 47 primary tags that it serves; empty: any.
        warning: What users must be told, or "".
        recognizers: Instead of `recognizer`, by language.
        voices: Instead of `voice`, by language.
    """

    name: str
    recognizer: Model
    language_model: Model
    voice: Model
    description: str = ""
    languages: tuple[str, ...] = ()
    warning: str = ""
    recognizers: Mapping[str, Model] = field(default_factory=dict)
    voices: Mapping[str, Model] = field(default_factory=dict)

    @property
    def models(self) -> tuple[Model, ...]:
        """All of them, each once; recognizer, language model and voice come first."""
        more = (*self.recognizers.values(), *self.voices.values())
        unique = {m.id: m for m in (self.recognizer, self.language_model, self.voice, *more)}
        return tuple(unique.values())

    def recognizer_for(self, language: str) -> Model:
        """Return what listens to a language, given by its BCP 47 primary tag."""
        return self.recognizers.get(language, self.recognizer)

    def voice_for(self, language: str) -> Model:
        """Return what speaks a language, given by its BCP 47 primary tag."""
        return self.voices.get(language, self.voice)
