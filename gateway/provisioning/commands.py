"""`parley models`: what can be done with models, each by a module of its own."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Mapping
from typing import Final

__all__ = ["ACTIONS", "add_arguments", "run"]

ACTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "list": ("gateway.provisioning.actions.listing", "show profiles and models"),
    "show": ("gateway.provisioning.actions.show", "show everything about a model or a profile"),
    "recommend": ("gateway.provisioning.recommend", "say which profile fits this machine, and why"),
    "pull": ("gateway.provisioning.actions.pull", "download models, or go on with it"),
    "verify": ("gateway.provisioning.actions.verify", "check installed models, every byte"),
    "use": ("gateway.provisioning.actions.use", "choose the profile that is served"),
    "import": ("gateway.provisioning.importing.command", "add models that lie here already"),
    "export": ("gateway.provisioning.export", "pack installed models, for another machine"),
    "remove": ("gateway.provisioning.actions.remove", "remove installed models"),
    "path": ("gateway.provisioning.actions.path", "print where a model lies, for scripts"),
    "lint": ("gateway.provisioning.actions.lint", "check a models file"),
}
"""Module and summary; a module has ``add_arguments(parser)`` and ``run(options)``."""


def add_arguments(parser: argparse.ArgumentParser, named: str = "") -> None:
    """Declare all of them.

    Args:
        parser: Of ``parley models``.
        named: The one whose flags are wanted; the modules of the others are not loaded.
    """
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, (path, summary) in ACTIONS.items():
        description = summary[0].upper() + summary[1:] + "."
        action = actions.add_parser(name, help=summary, description=description, allow_abbrev=False)
        if name == named:
            module = importlib.import_module(path)
            module.add_arguments(action)
            action.set_defaults(act=module.run)


def run(options: argparse.Namespace) -> int:
    """Do what was asked for, and return the exit code."""
    act: Callable[[argparse.Namespace], int] = options.act
    return act(options)
