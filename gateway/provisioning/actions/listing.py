"""`parley models list`: profiles and models, and which of them are installed."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from rich.console import Console

from gateway.config import Config
from gateway.provisioning.actions.options import FAILED, add_configuration, config_of, console
from gateway.provisioning.profiles import catalogue_of, profile_of, store_of
from gateway.provisioning.progress import size
from gateway.provisioning.tables import print_json, print_line, print_table
from pipeline.errors import ModelError
from pipeline.models import ENGINES, MANY, Catalogue, Model, Profile, Role
from pipeline.models.store import Store
from pipeline.models.verification import noted_digest

__all__ = ["add_arguments", "is_installed", "is_outdated", "model_facts", "run"]

Read = TypeVar("Read")

_TITLES: Final[Mapping[Role, str]] = {
    "recognizer": "Recognition",
    "language_model": "Language models",
    "voice": "Voices",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_configuration(parser)
    parser.add_argument("--role", choices=list(ENGINES), help="only models that do this")
    parser.add_argument("--language", metavar="TAG", help="only models that know this language")
    parser.add_argument("--installed", action="store_true", help="only what is installed")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Print them; entries that are malformed are told of, and keep no others from being listed.

    Raises:
        ModelError: If the models file cannot be read.
    """
    config, screen = config_of(options), console()
    catalogue = catalogue_of(config)
    every, broken = _read(catalogue.model, catalogue.ids)
    models = [model for model in every if _is_wanted(model, options)]
    profiles, wrong = _read(catalogue.profile, catalogue.profiles)
    for line in dict.fromkeys((*broken, *wrong)):
        print_line(Console(stderr=True), f"parley: {line}")
    code = FAILED if broken or wrong else 0
    used, unknown = _used(config, catalogue), _unknown(store_of(config), catalogue)
    if options.json:
        facts = [_profile_facts(profile, config.models.profile) for profile in profiles]
        listed = [model_facts(model) for model in models]
        print_json(screen, {"profiles": facts, "models": listed, "unknown": unknown})
        return code
    if screen.is_terminal and not (options.role or options.language or options.installed):
        columns = ("", "profile", "here", "download", "languages", "for")
        print_table(
            screen,
            columns,
            [_profile_row(profile, config.models.profile) for profile in profiles],
            right=("download",),
            whole=columns[:4],
            title="Profiles",
        )
    for role, title in _TITLES.items():
        rows = [_model_row(model) for model in models if model.role == role]
        if rows:
            _print_models(screen, title, rows, used)
    if screen.is_terminal:
        print_line(screen, "* in use   + its licence has a note: parley models show MODEL")
    for id in () if options.role or options.language else unknown:
        told = f"{id} is installed, but not in the models file: parley models remove {id}"
        print_line(screen, told if screen.is_terminal else f"{id}\t?\tyes")
    return code


def _read(read: Callable[[str], Read], names: Iterable[str]) -> tuple[list[Read], list[str]]:
    """Return what can be read of some entries, and what is wrong with the others."""
    found, wrong = [], []
    for name in names:
        try:
            found.append(read(name))
        except ModelError as error:
            wrong.append(str(error))
    return found, wrong


def _shortened(row: tuple[str, ...], used: frozenset[str]) -> tuple[str, ...]:
    """Return a row without its role, so that it fits into 80 columns."""
    id, _, state, length, memory, languages, licence = row
    first, *others = languages.split()
    return (
        f"{id} *" if id in used else id,
        state,
        length,
        memory,
        f"{first} +{len(others)}" if others else first,
        licence.removeprefix("LicenseRef-"),
    )


def _unknown(store: Store, catalogue: Catalogue) -> list[str]:
    """Return what is installed under names that the models file does not have."""
    return sorted({*store.installed()} - {*catalogue.ids})


def _print_models(
    screen: Console, title: str, rows: Sequence[tuple[str, ...]], used: frozenset[str]
) -> None:
    """Print models of one role; a file has no room problem, and says the role."""
    columns = ("model", "here", "size", "memory", "speaks", "licence")
    if screen.is_terminal:
        rows = [_shortened(row, used) for row in rows]
    print_table(screen, columns, rows, right=("size", "memory"), whole=columns[:5], title=title)


def _used(config: Config, catalogue: Catalogue) -> frozenset[str]:
    try:
        return frozenset(model.id for model in profile_of(config, catalogue).models)
    except ModelError:  # a list must be had even if the profile in use is gone
        return frozenset()


def _is_wanted(model: Model, options: argparse.Namespace) -> bool:
    known = not options.language or bool({options.language, MANY} & {*model.languages})
    return (
        known
        and options.role in (None, model.role)
        and (not options.installed or is_installed(model))
    )


def is_installed(model: Model) -> bool:
    """Whether all files of a model are there; their contents are not looked at."""
    if model.program:
        return shutil.which(model.program) is not None
    return model.path.exists() and all(model.file(part).is_file() for part in model.files)


def is_outdated(model: Model) -> bool:
    """Whether a file in the store is another version than the catalogue's."""
    noted = ((part.sha256, noted_digest(model.file(part))) for part in model.files)
    return any(known and here and known != here for known, here in noted)


def _state(model: Model) -> str:
    if not is_installed(model):
        return "no"
    if model.withdrawn:
        return "withdrawn"
    return "old" if is_outdated(model) else "yes"


def _model_row(model: Model) -> tuple[str, ...]:
    return (
        model.id,
        model.role,
        _state(model),
        _size(model),
        size(model.memory_bytes) if model.memory_bytes is not None else "?",
        " ".join("many" if tag == MANY else tag for tag in model.languages) or "?",
        (model.licence or "unknown") + (" +" if model.licence_note else ""),
    )


def _size(model: Model) -> str:
    """Return the size of a model's files; where one is not recorded, that of the others."""
    if model.program:
        return "-"
    known = [part.bytes for part in model.files if part.bytes is not None]
    if not known:
        return "?"
    return size(sum(known)) if len(known) == len(model.files) else f"> {size(sum(known))}"


def _profile_row(profile: Profile, used: str) -> tuple[str, ...]:
    main = (profile.recognizer, profile.language_model, profile.voice)
    missing = [model.bytes or 0 for model in main if _state(model) != "yes"]
    here = len(main) - len(missing)
    return (
        "*" if profile.name == used else "",
        profile.name,
        "yes" if here == len(main) else f"{here} of {len(main)}",
        size(sum(missing)) if missing else "-",
        " ".join(profile.languages) or "any",
        profile.description,
    )


def _profile_facts(profile: Profile, used: str) -> dict[str, Any]:
    return {
        "name": profile.name,
        "description": profile.description,
        "in_use": profile.name == used,
        "installed": all(
            _state(model) == "yes"
            for model in (profile.recognizer, profile.language_model, profile.voice)
        ),
        "recognizer": profile.recognizer.id,
        "language_model": profile.language_model.id,
        "voice": profile.voice.id,
        "recognizers": {tag: model.id for tag, model in profile.recognizers.items()},
        "voices": {tag: model.id for tag, model in profile.voices.items()},
        "languages": list(profile.languages),
        "warning": profile.warning,
    }


def model_facts(model: Model) -> dict[str, Any]:
    """Return a model as JSON has it."""
    return {
        "id": model.id,
        "role": model.role,
        "engine": model.engine,
        "installed": is_installed(model),
        "outdated": is_outdated(model),
        "path": str(model.path),
        "bytes": model.bytes,
        "memory_bytes": model.memory_bytes,
        "languages": list(model.languages),
        "licence": model.licence,
        "licence_note": model.licence_note,
        "finetuned_from": model.finetuned_from,
        "withdrawn": model.withdrawn,
        "note": model.note,
    }
