"""`parley use`: which profile `parley serve` loads from now on."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from gateway.config import Config, search_path, settings
from gateway.provisioning.actions.listing import is_installed
from gateway.provisioning.actions.options import (
    BROUGHT,
    add_configuration,
    config_of,
    console,
)
from gateway.provisioning.profiles import catalogue_of
from gateway.provisioning.settings_file import write_settings
from gateway.provisioning.tables import print_line
from pipeline.models import Profile, Role

__all__ = ["add_arguments", "run"]

_ROLES: tuple[Role, ...] = ("recognizer", "language_model", "voice")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_configuration(parser)
    parser.add_argument("profile", metavar="PROFILE", help="of the models file")
    for role in _ROLES:
        flag = f"--{role.replace('_', '-')}"
        parser.add_argument(flag, metavar="MODEL", help=f"instead of the profile's {role}")
    parser.epilog = (
        "Writes the settings into the configuration file that parley serve reads, or makes "
        "~/.config/parley/parley.toml where there is none; the rest of the file stays as it is."
    )


def run(options: argparse.Namespace) -> int:
    """Set it, and say where.

    Raises:
        ModelError: If there is no such profile or model.
        ConfigError: If the file cannot be written.
    """
    config, screen = config_of(options), console()
    instead: dict[Role, str] = {
        role: getattr(options, role) for role in _ROLES if getattr(options, role)
    }
    profile = catalogue_of(config).profile(options.profile, instead=instead)
    values: dict[str, str | None] = {"models.profile": profile.name}
    values |= {f"models.{role}": instead.get(role) for role in _ROLES}
    if options.models is not None:
        brought = options.models == BROUGHT
        values["models.file"] = None if brought else str(options.models.absolute())
    if options.store is not None:
        values["models.store"] = str(options.store.absolute())
    path = _file(options, config)
    write_settings(path, values)
    named = "".join(f", {role} {id}" for role, id in instead.items())
    print_line(screen, f"{path}: profile {profile.name}{named}")
    for line in (*_missing(profile, instead), *_overruled(values)):
        print_line(screen, line)
    return 0


def _file(options: argparse.Namespace, config: Config) -> Path:
    """Return the file that is in effect, or else the user's own."""
    if config.source is not None:
        return config.source
    if options.config is not None:
        return Path(options.config).absolute()
    return search_path(os.environ, directory=Path.cwd(), home=Path.home())[1]


def _missing(profile: Profile, instead: Mapping[Role, str]) -> list[str]:
    main = (profile.recognizer, profile.language_model, profile.voice)
    missing = [model.id for model in main if not is_installed(model)]
    if not missing:
        return []
    names = " ".join(missing) if instead else profile.name
    return [f"{', '.join(missing)}: not installed yet; run: parley models pull {names}"]


def _overruled(values: dict[str, str | None]) -> list[str]:
    """Return a line for each of the settings that the environment sets, which wins."""
    variables = {setting.name: setting.variable for setting in settings()}
    set_there = [name for name in values if os.environ.get(variables[name])]
    return [f"{variables[name]} in the environment goes before {name}" for name in set_there]
