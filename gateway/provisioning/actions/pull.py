"""`parley models pull`: downloads models, after their licences were told."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console

from gateway.config import Config
from gateway.provisioning.actions.listing import is_installed, is_outdated
from gateway.provisioning.actions.options import add_configuration, config_of, console
from gateway.provisioning.profiles import catalogue_of, profile_of, store_of
from gateway.provisioning.progress import size
from gateway.provisioning.selection import (
    ALL_LANGUAGES,
    models_named,
    of_languages,
    parse_languages,
    refuse_withdrawn,
)
from gateway.provisioning.tables import print_line
from pipeline.errors import ModelError
from pipeline.models import Catalogue, Model
from pipeline.models.licences import Terms, terms_of
from pipeline.models.store import Store

__all__ = ["add_arguments", "check_licences", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_configuration(parser)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="profiles or models (the profile in use)"
    )
    parser.add_argument(
        "--languages",
        default="",
        metavar="TAGS",
        help=f"also a profile's models for these languages, e.g. de,fr; or {ALL_LANGUAGES}",
    )
    parser.add_argument(
        "--mirror", metavar="URL", help="instead of https://huggingface.co (models.mirror)"
    )
    parser.add_argument(
        "--connections", type=_few, default=4, metavar="N", help="files at once, 1-16 (4)"
    )
    parser.add_argument(
        "--accept-unverified",
        action="store_true",
        help="take files without a known hash, and note the hash of what came",
    )
    parser.add_argument(
        "--accept-licence",
        action="append",
        default=[],
        metavar="MODEL",
        help="take a model that is not for commercial use; may be repeated",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be downloaded")
    parser.add_argument(
        "-y", "--yes", action="store_true", help="do not ask whether licence notes were read"
    )


def _few(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 16:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 to 16")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Download what is missing.

    Raises:
        ModelError: If there is no such model, one has no source, its licence was not accepted, or
            a file cannot be had.
    """
    from gateway.provisioning.mirror import mirror_of
    from gateway.provisioning.pull import pull_and_show

    config, screen = config_of(options), console()
    catalogue, store = catalogue_of(config), store_of(config)
    models = _wanted(options, catalogue, config)
    mirror = mirror_of(config.models, options.mirror)
    refuse_withdrawn(models)
    models = _without_programs(models, screen)
    missing = [model for model in models if not is_installed(model) or is_outdated(model)]
    if options.dry_run:
        _say_plan(models, store, screen)
        return 0
    check_licences(missing, options.accept_licence)
    if not _are_read(missing, screen, ask=not options.yes and sys.stdin.isatty()):
        print_line(screen, "nothing was downloaded")
        return 0
    # What the licences say was told above.
    told = [replace(model, licence_note="") for model in models]
    return pull_and_show(
        told,
        store,
        screen,
        mirror=mirror,
        accept_unverified=options.accept_unverified,
        connections=options.connections,
    )


def _without_programs(models: Sequence[Model], screen: Console) -> tuple[Model, ...]:
    for model in models:
        if model.program and not is_installed(model):
            advice = f"install {model.program} with its packages"
            print_line(screen, f"{model.id} is a program of the system: {advice}")
    return tuple(model for model in models if not model.program)


def _wanted(options: argparse.Namespace, catalogue: Catalogue, config: Config) -> tuple[Model, ...]:
    """Return what was named, or else what is in use, models that replace a profile's included."""
    languages = parse_languages(options.languages)
    if options.names:
        return models_named(catalogue, options.names, languages)
    models_named(catalogue, [config.models.profile], languages)  # refuses languages it lacks
    used = of_languages(profile_of(config, catalogue), languages)
    return tuple({model.id: model for model in used}.values())


def check_licences(models: Sequence[Model], accepted: Sequence[str]) -> None:
    """Refuse models that are not for any use, unless each was accepted by its name.

    Raises:
        ModelError: If one was not.
    """
    refused = [
        model
        for model in models
        if terms_of(model.licence) is Terms.RESTRICTED and model.id not in accepted
    ]
    if refused:
        flags = " ".join(f"--accept-licence {model.id}" for model in refused)
        notes = " ".join(f"{model.id} ({model.licence}): {model.licence_note}" for model in refused)
        raise ModelError(f"{notes} If that suits you, add: {flags}")


def _are_read(models: Sequence[Model], screen: Console, *, ask: bool) -> bool:
    noted = [model for model in models if model.licence_note]
    for model in noted:
        licence = model.licence or "unknown licence"
        print_line(screen, f"{model.id} ({licence}): {model.licence_note}", style="yellow")
    if not noted or not ask:
        return True
    try:
        return screen.input("Download? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:  # Ctrl-D
        return False


def _say_plan(models: Sequence[Model], store: Store, screen: Console) -> None:
    total, unknown = 0, 0
    for model in models:
        for part in model.files:
            here = store.has(part.sha256) if part.sha256 else False
            if here or (is_installed(model) and not is_outdated(model)):
                continue
            total += part.bytes or 0
            unknown += part.bytes is None
            known = "" if part.sha256 else ", without a known hash"
            length = size(part.bytes) if part.bytes is not None else "size unknown"
            where = model.url(part) or "no source"
            print_line(screen, f"{model.id}/{part.name}: {length}{known}: {where}")
    more = f", and {unknown} files of unknown size" if unknown else ""
    print_line(screen, f"{size(total)} to download{more}; into {store.root}")
