"""What the commands of `parley models` share: flags, and the configuration that these give."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console

from gateway import config as configuration
from gateway.config import Config

__all__ = ["BROUGHT", "FAILED", "add_configuration", "config_of", "console"]

BROUGHT: Final = Path("-")
"""Stands for the models file that Parley brings."""
FAILED: Final = 2
"""Exit code: lines said what to do."""


def add_configuration(parser: argparse.ArgumentParser) -> None:
    """Declare what every command takes."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="configuration file (that of `parley serve`)"
    )
    parser.add_argument(
        "--models", type=Path, metavar="FILE", help="models file; - is the one that Parley brings"
    )
    parser.add_argument(
        "--store", type=Path, metavar="DIR", help="folder of installed models ($PARLEY_MODELS)"
    )


def config_of(options: argparse.Namespace) -> Config:
    """Return the configuration with the flags above it.

    Raises:
        ConfigError: If anything in it is wrong.
    """
    given = {"models.file": options.models, "models.store": options.store}
    flags = {name: value for name, value in given.items() if value not in (None, BROUGHT)}
    config = configuration.load(flags, file=options.config)
    if options.models == BROUGHT:
        return replace(config, models=replace(config.models, file=None))
    return config


def console() -> Console:
    """Return where results are printed."""
    return Console(highlight=False)
