"""What a search for models finds, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.models import Source
from pipeline.models.formats import Description

__all__ = ["Found", "FoundFile", "Licence", "Skipped", "Survey"]


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of a model, where it lies now.

    Attributes:
        name: In the model's folder.
        path: Of the regular file itself, links followed.
        bytes: Its size.
        expected: What its place says that it hashes to: ``sha256:HEX``, ``git:HEX`` (the hash of a
            git blob), or "".
    """

    name: str
    path: Path
    bytes: int
    expected: str = ""


@dataclass(frozen=True, slots=True)
class Licence:
    """What is known of a licence.

    Attributes:
        spdx: SPDX expression, or "" if it is not known.
        note: What whoever relies on it should know, or "".
    """

    spdx: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Something that is a model, or should be one.

    Attributes:
        label: How it is shown, and named with ``--only``.
        kind: Where it was found: "Hugging Face cache", "folder" ...
        id: What it would be called.
        engine: That would run it.
        files: What would be installed, the file that the engine opens first.
        description: What its files say; None if there is a problem.
        problem: Why it cannot be imported, in one line, or "".
        licence: What is known of it.
        remarks: What whoever uses it should know, a sentence each.
        source: Where it was downloaded from, if that is known exactly.
        entry: Its table, as ``[models.ID]`` has it, if it brought one.
        shared: Whether another program keeps it: then it is not moved away.
    """

    label: str
    kind: str
    id: str
    engine: str
    files: tuple[FoundFile, ...] = ()
    description: Description | None = None
    problem: str = ""
    licence: Licence = field(default_factory=Licence)
    remarks: tuple[str, ...] = ()
    source: Source | None = None
    entry: Mapping[str, Any] | None = None
    shared: bool = False

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that looks like a model, and none that the engines here run.

    Attributes:
        label: What it is called where it lies.
        reason: Why it is left out, and what to do.
    """

    label: str
    reason: str


@dataclass(frozen=True, slots=True)
class Survey:
    """All that was found in one place."""

    found: tuple[Found, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def __add__(self, other: Survey) -> Survey:
        return Survey(self.found + other.found, self.skipped + other.skipped)
