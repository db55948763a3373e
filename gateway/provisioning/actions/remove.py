"""`parley models remove`: takes models out of the store."""

from __future__ import annotations

import argparse

from gateway.config import Config
from gateway.provisioning.actions.options import add_configuration, config_of, console
from gateway.provisioning.profiles import catalogue_of, profile_of, store_of
from gateway.provisioning.progress import size
from gateway.provisioning.selection import models_named
from gateway.provisioning.tables import print_line
from pipeline.errors import ModelError
from pipeline.models import Catalogue
from pipeline.models.store import Store

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_configuration(parser)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="models; or profiles, of which those stay that the profile in use needs",
    )
    parser.add_argument(
        "--force", action="store_true", help="also models of the profile that is in use"
    )
    parser.add_argument(
        "--partial", action="store_true", help="also what interrupted downloads left"
    )


def run(options: argparse.Namespace) -> int:
    """Remove them, and say what that frees.

    Raises:
        ModelError: If one is not installed, or in use; nothing is removed then.
    """
    config, screen = config_of(options), console()
    store, catalogue = store_of(config), catalogue_of(config)
    if not options.names and not options.partial:
        raise ModelError("name what to remove: models or profiles; or --partial")
    used = frozenset[str]() if options.force else _used(config, catalogue)
    ids = [id for name in options.names for id in _removable(name, catalogue, store, used)]
    freed = 0
    for id in dict.fromkeys(ids):
        count = store.remove(id)
        freed += count
        print_line(screen, f"removed {id}: {size(count)} freed")
    if options.partial:
        count = store.clear_partial()
        freed += count
        print_line(screen, f"removed what interrupted downloads left: {size(count)} freed")
    print_line(screen, f"{size(freed)} freed in {store.root}")
    return 0


def _used(config: Config, catalogue: Catalogue) -> frozenset[str]:
    return frozenset(model.id for model in profile_of(config, catalogue).models)


def _removable(name: str, catalogue: Catalogue, store: Store, used: frozenset[str]) -> list[str]:
    installed = {*store.installed(), *store.entries()}
    if name in catalogue.profiles:
        models = models_named(catalogue, [name], None)
        return [each.id for each in models if each.id in installed and each.id not in used]
    if name not in installed:
        if name in catalogue.ids and catalogue.model(name).source is None:
            path = catalogue.model(name).path
            raise ModelError(f"model {name} is not in the store: it lies at {path}")
        raise ModelError(f"model {name!r} is not installed; see: parley models list --installed")
    if name in used:
        message = f"model {name} belongs to the profile in use; use another one first (parley use)"
        raise ModelError(f"{message}, or --force")
    return [name]
