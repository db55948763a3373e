"""`parley models lint`: is a models file right?"""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.provisioning.actions.options import FAILED, console
from gateway.provisioning.tables import print_line
from pipeline.models import Catalogue
from pipeline.models.lint import lint
from pipeline.models.schema import json_schema_text

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="models file (the one Parley brings)"
    )
    parser.add_argument("--strict", action="store_true", help="take warnings for errors")
    parser.add_argument(
        "--schema", action="store_true", help="print the JSON Schema of models files instead"
    )


def run(options: argparse.Namespace) -> int:
    """Print one line for each thing that is wrong; 0 if there are no errors.

    Raises:
        ModelError: If the file cannot be read at all.
    """
    screen = console()
    if options.schema:
        print_line(screen, json_schema_text().rstrip())
        return 0
    catalogue = Catalogue.load(options.file)
    found = lint(catalogue)
    for finding in found:
        print_line(screen, f"{catalogue.source}: {finding}")
    errors = [each for each in found if each.level == "error" or options.strict]
    counts = f"{len(catalogue.ids)} models, {len(catalogue.profiles)} profiles"
    verdict = f"{len(errors)} errors, {len(found) - len(errors)} warnings"
    print_line(screen, f"{catalogue.source}: {counts}: {verdict}")
    return FAILED if errors else 0
