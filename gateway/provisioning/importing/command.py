"""`parley models import`: take over models that are on this machine already."""

from __future__ import annotations

import argparse
from typing import Final

from rich.console import Console

from gateway.provisioning.actions.options import add_configuration, config_of, console
from gateway.provisioning.importing.choosing import check_movable, chosen, searched
from gateway.provisioning.importing.importer import import_models
from gateway.provisioning.importing.report import facts, told
from gateway.provisioning.importing.transfer import How
from gateway.provisioning.profiles import catalogue_of, store_of
from gateway.provisioning.progress import Display
from gateway.provisioning.tables import print_json, print_line

__all__ = ["add_arguments", "run"]

_EPILOG: Final = """\
PATH may be: a folder, or a tar (.gz, .bz2, .xz) or zip of one; a Hugging Face cache, or one
repository in it; an Ollama store; a Piper voice's .onnx; a GGUF file; a folder in
faster-whisper's format; what `parley models export` wrote. The words huggingface and ollama stand
for this user's caches. Files are checked, never executed. Nothing is fetched.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    add_configuration(parser)
    parser.add_argument("path", metavar="PATH", help="what to import; see below")
    parser.add_argument("--as", dest="named", metavar="ID", default="", help="what to call it")
    parser.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        default=[],
        help="of several models only this one, by its name or a pattern; may be repeated",
    )
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument(
        "--link",
        dest="how",
        action="store_const",
        const=How.LINK,
        help="hard links instead of copies, on the same disk; the originals become read-only",
    )
    ways.add_argument(
        "--move", dest="how", action="store_const", const=How.MOVE, help="delete the originals"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="only say what is there and what would happen"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(how=How.COPY)


def run(arguments: argparse.Namespace) -> int:
    """Import what there is.

    Raises:
        ModelError: If nothing can be imported, or something is wrong with what was chosen; in one
            line, and the store is as it was.
    """
    config, screen = config_of(arguments), console()
    store = store_of(config)
    with (
        Display(Console(stderr=True, highlight=False), "import") as display,
        searched(arguments.path, store, display) as (there, unpacked),
    ):
        found = chosen(there, arguments.only)
        if arguments.how is How.MOVE:
            check_movable(found)
        steps = import_models(
            found,
            store,
            catalogue_of(config),
            # What was unpacked for this need not be copied once more.
            how=How.MOVE if unpacked else arguments.how,
            named=arguments.named,
            dry_run=arguments.dry_run,
            display=display,
        )
    if arguments.json:
        print_json(screen, facts(steps, there, dry_run=arguments.dry_run))
    else:
        for line in told(steps, there, config, dry_run=arguments.dry_run):
            print_line(screen, line)
    return 0
