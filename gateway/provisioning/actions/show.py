"""`parley models show`: everything that is known of a model or a profile."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from gateway.provisioning.actions.listing import is_installed, model_facts
from gateway.provisioning.actions.options import add_configuration, config_of, console
from gateway.provisioning.profiles import catalogue_of, store_of
from gateway.provisioning.progress import size
from gateway.provisioning.selection import models_named
from gateway.provisioning.tables import print_json, print_line
from pipeline.models import Catalogue, Model, ModelFile, Profile
from pipeline.models.licences import terms_of
from pipeline.models.store import Store

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_configuration(parser)
    parser.add_argument("name", metavar="NAME", help="a model or a profile")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Print it.

    Raises:
        ModelError: If there is no such model or profile.
    """
    config, screen = config_of(options), console()
    catalogue, store = catalogue_of(config), store_of(config)
    models = models_named(catalogue, [options.name], None)
    if options.json:
        facts = [_facts(model, catalogue, store) for model in models]
        print_json(screen, facts if options.name in catalogue.profiles else facts[0])
        return 0
    if options.name in catalogue.profiles:
        for line in _of_profile(catalogue.profile(options.name)):
            print_line(screen, line)
    for model in models:
        for line in _of_model(model, catalogue, store):
            print_line(screen, line)
    return 0


def _of_profile(profile: Profile) -> Iterator[str]:
    yield f"profile {profile.name}: {profile.description}"
    if profile.warning:
        yield f"  {profile.warning}"
    for tag, model in profile.recognizers.items():
        yield f"  {tag} is heard by {model.id}"
    for tag, model in profile.voices.items():
        yield f"  {tag} is spoken by {model.id}"
    yield ""


def _of_model(model: Model, catalogue: Catalogue, store: Store) -> Iterator[str]:
    yield model.id
    for name, value in _lines(model, catalogue):
        if value:
            yield f"  {name + ':':<15} {value}"
    noted = store.files(model.id)
    for part in model.files:
        yield f"  file {part.name}: {', '.join(_of_file(model, part, noted))}"
        if url := model.url(part):
            yield f"    {url}"
    yield ""


def _lines(model: Model, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    yield "role", f"{model.role} ({model.engine})"
    yield "installed", str(model.path) if is_installed(model) else "no"
    yield "added", "here, by parley models import" if model.id in catalogue.added else ""
    yield "size", size(model.bytes) if model.bytes is not None else "not recorded"
    yield "memory", f"about {size(model.memory_bytes)}" if model.memory_bytes else "not recorded"
    yield "languages", " ".join(model.languages) or "not recorded"
    yield "licence", f"{model.licence or 'unknown'} ({terms_of(model.licence)})"
    yield "licence note", model.licence_note
    yield "trained from", model.finetuned_from
    yield "withdrawn", model.withdrawn
    yield "note", model.note
    yield "settings", ", ".join(f"{k} = {json.dumps(v)}" for k, v in model.settings.items())
    profiles = (catalogue.profile(name) for name in catalogue.profiles)
    names = [each.name for each in profiles if model.id in {m.id for m in each.models}]
    yield "profiles", ", ".join(names)


def _of_file(model: Model, part: ModelFile, noted: dict[str, str]) -> Iterator[str]:
    yield size(part.bytes) if part.bytes is not None else "size not recorded"
    if part.sha256:
        yield f"sha256 {part.sha256}"
    elif part.name in noted:
        yield f"sha256 {noted[part.name]} (taken on trust)"
    else:
        yield "no sha256: needs --accept-unverified"
    if not model.file(part).is_file():
        yield "not here"


def _facts(model: Model, catalogue: Catalogue, store: Store) -> dict[str, Any]:
    noted = store.files(model.id)
    return {
        **model_facts(model),
        "added": model.id in catalogue.added,
        "terms": str(terms_of(model.licence)),
        "settings": dict(model.settings),
        "geometry": model.geometry,
        "files": [
            {
                "name": part.name,
                "bytes": part.bytes,
                "sha256": part.sha256 or noted.get(part.name, ""),
                "url": model.url(part),
                "path": str(model.file(part)),
                "present": model.file(part).is_file(),
            }
            for part in model.files
        ],
    }
