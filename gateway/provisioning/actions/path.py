"""`parley models path`: where a model lies, for scripts."""

from __future__ import annotations

import argparse

from gateway.provisioning.actions.listing import is_installed
from gateway.provisioning.actions.options import add_configuration, config_of, console
from gateway.provisioning.profiles import catalogue_of, store_of
from gateway.provisioning.tables import print_line
from pipeline.errors import ModelError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_configuration(parser)
    parser.add_argument(
        "model", metavar="MODEL", nargs="?", help="whose path; none: that of the store"
    )
    parser.add_argument(
        "--anyway", action="store_true", help="print it although the model is not installed"
    )


def run(options: argparse.Namespace) -> int:
    """Print it, and nothing else.

    Raises:
        ModelError: If there is no such model, or it is not installed.
    """
    config = config_of(options)
    if options.model is None:
        print_line(console(), str(store_of(config).root))
        return 0
    model = catalogue_of(config).model(options.model)
    if model.program:
        raise ModelError(f"model {model.id} is a program of the system: {model.program}")
    if not is_installed(model) and not options.anyway:
        message = f"model {model.id} is not installed; run: parley models pull {model.id}"
        raise ModelError(message)
    print_line(console(), str(model.path))
    return 0
