"""Checks a catalogue whole: every profile, every model, and whether they agree. Opens no file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.errors import ModelError
from pipeline.models.catalogue import Catalogue
from pipeline.models.engine_settings import wrong_setting
from pipeline.models.licences import Terms, terms_of
from pipeline.models.model import MANY, Model, ModelFile, Profile

__all__ = ["Finding", "lint"]

_NEEDED: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "faster-whisper": (
        ("config.json",),
        ("model.bin",),
        ("tokenizer.json",),
        ("vocabulary.json", "vocabulary.txt"),
    ),
    "llama.cpp": ((".gguf",),),
    "piper": ((".onnx",), (".onnx.json",)),
}
"""Ends of file names that an engine cannot do without; any one of each group will do."""

_BRANCHES: Final = ("main", "master", "HEAD")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a catalogue.

    Attributes:
        level: An error keeps something from working, or from being used rightly.
        where: The table: ``models.x``, ``profiles.y``.
    """

    level: Literal["error", "warning"]
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.level}: {self.where}: {self.message}"


def lint(catalogue: Catalogue) -> list[Finding]:
    """Return what is wrong with a catalogue, models first, in the order of the file."""
    models: dict[str, Model] = {}
    found: list[Finding] = []
    for id in catalogue.ids:
        try:
            models[id] = catalogue.model(id)
        except ModelError as error:
            found.append(_broken(f"models.{id}", error, catalogue))
        else:
            found += _of_model(models[id], catalogue)
    found += _of_files(models.values())
    for name in catalogue.profiles:
        try:
            found += _of_profile(catalogue.profile(name))
        except ModelError as error:
            # What is wrong with a model itself was said above, once.
            if not any(f"models.{id}" in str(error) for id in set(catalogue.ids) - set(models)):
                found.append(_broken(f"profiles.{name}", error, catalogue))
    return found


def _broken(where: str, error: ModelError, catalogue: Catalogue) -> Finding:
    message = str(error).removeprefix(f"{catalogue.source}: ")
    return Finding("error", where, message.removeprefix(f"{where}.").removeprefix(f"{where}: "))


def _of_model(model: Model, catalogue: Catalogue) -> Iterator[Finding]:
    where = f"models.{model.id}"
    if wrong := wrong_setting(model.engine, model.settings):
        yield Finding("error", where, wrong)
    yield from _of_licence(model, catalogue, where)
    if model.source is not None and not model.files:
        yield Finding("error", where, "has a source and no files: there is nothing to download")
    if model.source is not None and model.source.revision in _BRANCHES:
        message = f"source.revision {model.source.revision!r} may change; give a commit"
        yield Finding("warning", where, message)
    if not model.languages:
        yield Finding("warning", where, f"languages are missing; say which, or {MANY!r} for many")
    if model.files:
        yield from _of_missing(model, where)
    for part in model.files:
        yield from _of_part(part, where)


def _of_licence(model: Model, catalogue: Catalogue, where: str) -> Iterator[Finding]:
    terms = terms_of(model.licence)
    if terms is Terms.UNKNOWN:
        yield Finding("warning", where, "licence is missing")
    elif terms is not Terms.FREE and not model.licence_note:
        message = f"licence_note is missing: {model.licence} has terms that users must know"
        yield Finding("error", where, message)
    if _descends_from_restricted(model, catalogue) and not model.licence_note:
        message = f"licence_note is missing: it was trained from {model.finetuned_from}"
        yield Finding("error", where, message)


def _descends_from_restricted(model: Model, catalogue: Catalogue) -> bool:
    seen = {model.id}
    while model.finetuned_from in catalogue.ids and model.finetuned_from not in seen:
        try:
            model = catalogue.model(model.finetuned_from)
        except ModelError:
            return False
        seen.add(model.id)
        if terms_of(model.licence) is Terms.RESTRICTED:
            return True
    return False


def _of_missing(model: Model, where: str) -> Iterator[Finding]:
    names = [part.name for part in model.files]
    for group in _NEEDED.get(model.engine, ()):
        if not any(name.endswith(end) for name in names for end in group):
            message = f"files have no {' or '.join(group)}, which {model.engine} needs"
            yield Finding("error", where, message)


def _of_part(part: ModelFile, where: str) -> Iterator[Finding]:
    if not part.sha256:
        message = f"files.{part.name} has no sha256: it cannot be checked"
        yield Finding("warning", where, message)
    elif part.bytes is None:
        yield Finding("warning", where, f"files.{part.name} has no size")


def _of_files(models: Iterable[Model]) -> Iterator[Finding]:
    by_url: dict[str, tuple[Model, ModelFile]] = {}
    whole: dict[tuple[str, ...], Model] = {}
    for model in models:
        yield from _of_clashes(model)
        digests = tuple(sorted(part.sha256 for part in model.files))
        if all(digests) and digests and (other := whole.setdefault(digests, model)) is not model:
            yield Finding("warning", f"models.{model.id}", f"is the same as models.{other.id}")
        for part in model.files:
            url = model.url(part)
            first, same = by_url.setdefault(url, (model, part)) if url else (model, part)
            if (part.sha256, part.bytes) != (same.sha256, same.bytes):
                message = f"files.{part.name} differs from that of models.{first.id}, of one URL"
                yield Finding("error", f"models.{model.id}", message)


def _of_clashes(model: Model) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for part in model.files:
        other = seen.setdefault(part.name.casefold(), part.name)
        if other != part.name:
            message = f"files.{part.name} is files.{other} where file names have no case"
            yield Finding("error", f"models.{model.id}", message)


def _of_profile(profile: Profile) -> Iterator[Finding]:
    where = f"profiles.{profile.name}"
    for model in profile.models:
        if model.withdrawn:
            yield Finding("error", where, f"{model.id} was withdrawn: {model.withdrawn}")
    for tag in sorted({*profile.recognizers, *profile.voices} - set(profile.languages)):
        if profile.languages:
            yield Finding("warning", where, f"has a model for {tag}, which languages leave out")
    for tag in profile.languages:
        for role, model in (
            ("recognizer", profile.recognizer_for(tag)),
            ("voice", profile.voice_for(tag)),
        ):
            if not _knows(model, tag):
                yield Finding(
                    "error", where, f"{role} {model.id} has no {tag}, which languages list"
                )
        if not _knows(profile.language_model, tag):
            message = f"language_model {profile.language_model.id} was not trained for {tag}"
            yield Finding("warning", where, message)


def _knows(model: Model, tag: str) -> bool:
    return not model.languages or MANY in model.languages or tag in model.languages
