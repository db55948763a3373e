"""Decides what becomes of the models that were found. Nothing here reads a file.

A model whose files have the hashes of one in the catalogue is that one, whatever it is called here.
Any other becomes an entry of the store. Nothing that is there is ever replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Final

from gateway.provisioning.importing.found import Found, FoundFile
from gateway.provisioning.importing.naming import is_id
from pipeline.errors import ModelError
from pipeline.models import MANY, Model, Source
from pipeline.models.model import HUB

__all__ = ["Action", "Installed", "Pin", "Step", "document", "plan"]

_FEW: Final = 12
"""Languages that an entry lists; of more it says that they are many."""


class Action(StrEnum):
    """What becomes of a model."""

    ADD = "add"
    RECOGNISE = "recognise"
    PRESENT = "present"
    BROUGHT = "brought"

    @property
    def told(self) -> str:
        """What is said of it."""
        return _TOLD[self]


_TOLD: Final = {
    Action.ADD: "added as an entry of the store",
    Action.RECOGNISE: "recognised: the catalogue has it",
    Action.PRESENT: "is there already, with the same files",
    Action.BROUGHT: "recognised: Parley brings it along, there is nothing to import",
}


@dataclass(frozen=True, slots=True)
class Pin:
    """A hash that nobody vouched for and that an import took as it is."""

    url: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Step:
    """One model's way into the store.

    Attributes:
        found: What was found.
        action: What becomes of it.
        id: What it is called from now on.
        files: By their names in the store.
        hashes: SHA-256 by the same names.
        entry: Its table, if it gets one.
        pins: Hashes that are taken on trust.
    """

    found: Found
    action: Action
    id: str
    files: Mapping[str, FoundFile]
    hashes: Mapping[str, str]
    entry: Mapping[str, Any] | None = None
    pins: tuple[Pin, ...] = ()


@dataclass(frozen=True, slots=True)
class Installed:
    """What there is already.

    Attributes:
        models: The catalogue's, those that were added to the store included.
        added: Names of the latter.
        files: Hashes by name of each installed model, by its name.
    """

    models: Sequence[Model]
    added: frozenset[str]
    files: Mapping[str, Mapping[str, str]]


def plan(
    found: Sequence[tuple[Found, Mapping[str, str]]], installed: Installed, *, named: str = ""
) -> tuple[Step, ...]:
    """Decide about models that are imported together.

    Args:
        found: Each with the SHA-256 of its files by their names.
        installed: What there is.
        named: What the user wants the only one to be called, or "".

    Raises:
        ModelError: If a name is taken.
    """
    if named and not is_id(named):
        message = f"--as {named} is no name for a model: a-z, 0-9 and ._- only, at most 64"
        raise ModelError(message)
    if named and len(found) != 1:
        labels = ", ".join(each.label for each, _ in found)
        raise ModelError(
            f"--as names one model, but {len(found)} are chosen ({labels}); use --only"
        )
    alone = len(found) == 1
    steps = tuple(_step(each, hashes, installed, named, alone) for each, hashes in found)
    _check_names(steps)
    return steps


def document(step: Step, source: Source | None) -> dict[str, Any]:
    """Return the table of a model that the catalogue does not have, for the store."""
    found, description = step.found, step.found.description
    assert description is not None
    languages = description.languages if len(description.languages) <= _FEW else (MANY,)
    origin = f"Imported ({found.kind}: {found.label}). {description.summary}."
    entry: dict[str, Any] = {
        "engine": found.engine,
        "licence": found.licence.spdx,
        "licence_note": found.licence.note,
        "note": " ".join([origin, *found.remarks]),
        "languages": list(languages),
        "files": {
            name: {"bytes": file.bytes, "sha256": step.hashes[name]}
            for name, file in step.files.items()
        },
        "settings": dict(description.settings),
        "source": _source_table(source),
    }
    return {key: value for key, value in entry.items() if value}


def _source_table(source: Source | None) -> dict[str, str]:
    if source is None:
        return {}
    table = {"repository": source.repository, "revision": source.revision}
    if source.folder:
        table["folder"] = source.folder
    return table if source.base == HUB else {**table, "base": source.base}


def _step(
    found: Found, hashes: Mapping[str, str], installed: Installed, named: str, alone: bool
) -> Step:
    files = {file.name: file for file in found.files}
    if not named:
        for model in installed.models:
            if (same := _names_in(model, found, hashes)) is not None:
                return _known(found, hashes, model, same, installed)
    id = named or found.id
    step = Step(found, Action.ADD, id, files, dict(hashes))
    if installed.files.get(id) == hashes and id in installed.added:
        return Step(found, Action.PRESENT, id, files, dict(hashes))
    _check_free(id, found, installed, alone)
    entry = document(step, found.source)
    if found.entry is not None:  # made by whoever exported it; the hashes are ours
        entry = {**found.entry, "files": entry["files"]}
    return Step(found, Action.ADD, id, files, dict(hashes), entry)


def _known(
    found: Found,
    hashes: Mapping[str, str],
    model: Model,
    same: Mapping[str, str],
    installed: Installed,
) -> Step:
    """Return the step of a model that the catalogue or the store has."""
    by_name = {file.name: file for file in found.files}
    files = {name: by_name[here] for name, here in same.items()}
    digests = {name: hashes[here] for name, here in same.items()}
    if model.source is None and model.id not in installed.added:
        return Step(found, Action.BROUGHT, model.id, files, digests)
    if installed.files.get(model.id) == digests:
        return Step(found, Action.PRESENT, model.id, files, digests)
    pins = tuple(
        Pin(model.url(part), digests[part.name], files[part.name].bytes)
        for part in model.files
        if not part.sha256 and model.url(part)
    )
    return Step(found, Action.RECOGNISE, model.id, files, digests, pins=pins)


def _names_in(model: Model, found: Found, hashes: Mapping[str, str]) -> Mapping[str, str] | None:
    """Return the found file's name for each file of a model, or None if it is another model.

    Of files whose hash nobody published, the names have to be the same.
    """
    if model.engine != found.engine or not any(part.sha256 for part in model.files):
        return None
    by_hash = {digest: name for name, digest in hashes.items()}
    by_base = {PurePosixPath(name).name: name for name in hashes}
    names = {}
    for part in model.files:
        here = by_hash.get(part.sha256) if part.sha256 else by_base.get(part.name.split("/")[-1])
        if here is None:
            return None
        names[part.name] = here
    return names


def _check_free(id: str, found: Found, installed: Installed, alone: bool) -> None:
    if id in installed.added or id in installed.files:
        where = "the store has a model of that name with other files"
    elif id in {model.id for model in installed.models}:
        where = "the catalogue has another model of that name"
    else:
        return
    advice = f"import it{'' if alone else f' by itself (--only {found.label})'} with --as NAME"
    raise ModelError(f"{found.label} would be called {id}: {where}; {advice}")


def _check_names(steps: Iterable[Step]) -> None:
    taken: dict[str, Step] = {}
    for step in steps:
        other = taken.setdefault(step.id, step)
        if other is not step and other.hashes != step.hashes:
            both = f"{other.found.label} and {step.found.label}"
            advice = "import one at a time with --only and --as"
            raise ModelError(f"{both} would both be called {step.id}; {advice}")
