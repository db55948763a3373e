"""The recipe's command line: `python -m starter make | evaluate | install`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast, get_args

from rich.console import Console

from starter.errors import RecipeError
from starter.order import CHECKPOINTS, Build, Order, Part

__all__ = ["main"]

_PARTS: tuple[Part, ...] = get_args(Part)
_SHARES: dict[Part, float] = {"recognizer": 0.5, "language-model": 0.35, "voice": 0.15}
"""How a budget for all is divided."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; exit code 0 for success, 2 for what a person can put right, 130 for Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        return cast("Callable[[argparse.Namespace], int]", options.run)(options)
    except RecipeError as error:
        print(f"starter: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"starter: {error}; install the group: make setup-starter", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m starter", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    make = commands.add_parser("make", help="generate, train and export")
    make.set_defaults(run=_make)
    make.add_argument("part", nargs="?", choices=[*_PARTS, "all"], default="all")
    make.add_argument(
        "--minutes", type=float, default=480.0,
        help="training time; for all parts together, if all are made (480)",
    )  # fmt: skip
    make.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    make.add_argument("--threads", type=int, default=1, help="CPU threads of the training (1)")
    make.add_argument("--seed", type=int, default=1)
    make.add_argument(
        "--from", dest="start_from", metavar="FILE", default="kept",
        help="checkpoint to begin from: a file, 'kept' for the one in starter/checkpoints "
        "(the default), or 'nothing'",
    )  # fmt: skip
    make.add_argument(
        "--shards", type=int, default=100,
        help="make speech for the recognizer until there are so many thousand utterances (100: "
        "80 hours, more are not needed); 0 learns from what there is",
    )  # fmt: skip
    make.add_argument(
        "--rate", type=_positive, default=1.0, metavar="FACTOR",
        help="times the usual learning rates (1); 0.3 goes on from a good checkpoint within an "
        "hour, where full rates need longer to come back to where they began",
    )  # fmt: skip
    evaluate = commands.add_parser("evaluate", help="measure and print the table")
    evaluate.set_defaults(run=_evaluate)
    evaluate.add_argument("--short", action="store_true", help="a tenth of every test set")
    evaluate.add_argument("--rows", metavar="NAMES", help="only rows with these words in them")
    evaluate.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    evaluate.add_argument(
        "--exports", action="store_true",
        help="measure what was trained in the work folder; --build measuring always does",
    )  # fmt: skip
    evaluate.add_argument(
        "--keep", action="store_true", help="put the figures into the model card, and examples"
    )
    install = commands.add_parser("install", help="put exported models and their hashes in place")
    install.set_defaults(run=_install)
    install.add_argument("part", choices=_PARTS)
    install.add_argument(
        "--checkpoint", action="store_true",
        help="keep the checkpoint in starter/checkpoints, too, to go on from later",
    )  # fmt: skip
    for command in (make, evaluate, install):
        command.add_argument("--build", choices=get_args(Build), default="shipped")
        command.add_argument(
            "--work", type=Path, default=Path("build/starter"), metavar="FOLDER",
            help="for speech, checkpoints and exports (build/starter)",
        )  # fmt: skip
    return parser


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _make(options: argparse.Namespace) -> int:
    parts = _PARTS if options.part == "all" else (cast("Part", options.part),)
    for part in parts:
        minutes = options.minutes * (_SHARES[part] if options.part == "all" else 1.0)
        order = Order(
            part, options.build, options.work.absolute(), minutes, options.device,
            options.threads, options.seed, _start(options.start_from, part, options.build),
            options.shards, options.rate,
        )  # fmt: skip
        order.folder.mkdir(parents=True, exist_ok=True)
        module = f"starter.{part.replace('-', '_')}.recipe"
        importlib.import_module(module).make(order, Console())
    return 0


def _start(asked: str, part: Part, build: Build) -> Path | None:
    if asked == "nothing" or (asked == "kept" and build == "measuring"):
        return None  # the kept ones have learnt what the measuring build must not know
    if asked != "kept":
        return Path(asked)
    kept = CHECKPOINTS / f"{part}.pt"
    return kept if kept.exists() else None


def _evaluate(options: argparse.Namespace) -> int:
    module = importlib.import_module("starter.evaluation.command")
    return int(module.evaluate(options, Console()))


def _install(options: argparse.Namespace) -> int:
    module = importlib.import_module("starter.installing")
    order = Order(options.part, options.build, options.work.absolute(), 0.0)
    module.install(order, Console())
    if options.checkpoint:
        module.keep_checkpoint(order, Console())
    return 0
