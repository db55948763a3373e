"""`parley models import`: take over models that are on this machine already."""

from __future__ import annotations

import argparse
import fnmatch
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from gateway.config import Config
from gateway.provisioning.actions.options import add_configuration, config_of
from gateway.provisioning.importing.archives import is_archive, unpack
from gateway.provisioning.importing.discovery import survey
from gateway.provisioning.importing.found import Found, Survey
from gateway.provisioning.importing.hugging_face import cache_folder
from gateway.provisioning.importing.ollama import store_folder
from gateway.provisioning.importing.plan import Action, Installed, Step, plan
from gateway.provisioning.importing.transfer import (
    How,
    carry_out,
    check_room,
    hash_found,
    workspace,
)
from gateway.provisioning.profiles import catalogue_of, store_of
from gateway.provisioning.progress import Display, size
from gateway.provisioning.tables import print_json, print_line
from pipeline.errors import ModelError
from pipeline.models import ENGINES, ROLES, Catalogue
from pipeline.models.store import Store

__all__ = ["add_arguments", "import_models", "run"]

_WORDS: Final = ("huggingface", "ollama")
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
    config = config_of(arguments)
    store = store_of(config)
    screen, progress = Console(highlight=False), Console(stderr=True, highlight=False)
    with ExitStack() as stack:
        display = stack.enter_context(Display(progress, "import"))
        searched, how = _searched(arguments, store, stack, display)
        chosen = _chosen(searched, arguments.only)
        if how is How.MOVE and arguments.how is How.MOVE:
            _check_movable(chosen)
        steps = import_models(
            chosen,
            store,
            catalogue_of(config),
            how=how,
            named=arguments.named,
            dry_run=arguments.dry_run,
            display=display,
        )
    if arguments.json:
        print_json(screen, _facts(steps, searched, dry_run=arguments.dry_run))
    else:
        for line in _told(steps, searched, config, dry_run=arguments.dry_run):
            print_line(screen, line)
    return 0


def import_models(
    found: Sequence[Found],
    store: Store,
    catalogue: Catalogue,
    *,
    how: How = How.COPY,
    named: str = "",
    dry_run: bool = False,
    display: Display | None = None,
) -> tuple[Step, ...]:
    """Import models that were found: all of them, or none.

    Args:
        found: All sound.
        store: Where to.
        catalogue: What is known, with the store's entries.
        how: How the files get there.
        named: What the only one is called, or "".
        dry_run: Whether only to say what would happen.
        display: Where to show how far it has got.

    Returns:
        What became, or would become, of each.

    Raises:
        ModelError: If one cannot be imported.
    """
    if display is not None:
        display.expect(sum(each.bytes for each in found) * (1 if dry_run else 2))
    advance = (lambda _file, _count: None) if display is None else display.advance
    hashed = [(each, hash_found(each, advance)) for each in found]
    steps = plan(hashed, _installed(catalogue, store), named=named)
    if not dry_run:
        check_room(steps, store, how)
        carry_out(steps, store, how, advance)
    return steps


def _installed(catalogue: Catalogue, store: Store) -> Installed:
    files = {id: store.files(id) for id in store.installed()}
    return Installed(catalogue.models, catalogue.added, files)


# -- what is chosen -----------------------------------------------------------------------------


def _searched(
    arguments: argparse.Namespace, store: Store, stack: ExitStack, display: Display
) -> tuple[Survey, How]:
    """Return what there is, and how it gets into the store."""
    path = _path(arguments.path)
    if not path.is_file() or not is_archive(path):
        return survey(path), arguments.how
    folder = stack.enter_context(workspace(store))
    display.expect(path.stat().st_size)
    unpack(path, folder, lambda count: display.advance(path.name, count))
    top = _top(folder)
    found = _unpacked(survey(top, _stem(path) if top == folder else ""), folder, path)
    # What was unpacked is ours: it need not be copied once more.
    return found, How.MOVE


def _path(given: str) -> Path:
    path = Path(given).expanduser()
    if given == _WORDS[0] and not path.exists():
        return cache_folder(os.environ, Path.home())
    if given == _WORDS[1] and not path.exists():
        return store_folder(os.environ, Path.home())
    return path


def _top(folder: Path) -> Path:
    """Return the one folder that everything in an archive lies in, or the whole of it."""
    inside = list(folder.iterdir())
    if len(inside) == 1 and inside[0].is_dir() and not inside[0].is_symlink():
        named = inside[0].name.startswith("models--") or inside[0].name == "hub"
        return folder if named else inside[0]
    return folder


def _stem(path: Path) -> str:
    name = path.name
    for suffix in (".gz", ".bz2", ".xz", ".tgz", ".txz", ".tbz2", ".zip", ".tar"):
        name = name.removesuffix(suffix)
    return name


def _unpacked(survey: Survey, folder: Path, archive: Path) -> Survey:
    """Return what was found in an archive, in the archive's words."""

    def said(text: str) -> str:
        return text.replace(f"{folder}/", f"{archive}: ")

    return Survey(
        tuple(
            replace(each, problem=said(each.problem), shared=False, kind=f"archive {archive.name}")
            for each in survey.found
        ),
        tuple(replace(each, label=said(each.label)) for each in survey.skipped),
    )


def _chosen(searched: Survey, only: Sequence[str]) -> tuple[Found, ...]:
    """Return the models to import, which are sound.

    Raises:
        ModelError: If there are none, a name fits none, or one is broken.
    """
    if not searched.found:
        reasons = [f"{each.label} ({each.reason})" for each in searched.skipped[:3]]
        more = len(searched.skipped) - len(reasons)
        ending = f"; left out: {'; '.join(reasons)}" if reasons else ""
        ending += f"; and {more} more" if more else ""
        raise ModelError(f"there is no model that can be imported{ending}")
    for name in only:
        if not any(_fits(each, name) for each in searched.found):
            there = ", ".join(each.label for each in searched.found)
            raise ModelError(f"--only {name}: there is no such model; there are {there}")
    chosen = tuple(
        each for each in searched.found if not only or any(_fits(each, name) for name in only)
    )
    broken = [each for each in chosen if each.problem]
    if broken:
        rest = len(chosen) - len(broken)
        advice = f"; import the other {rest} with --only" if rest else ""
        raise ModelError(f"{broken[0].problem}{advice}")
    return chosen


def _fits(found: Found, name: str) -> bool:
    return any(fnmatch.fnmatchcase(each, name) for each in (found.label, found.id))


def _check_movable(chosen: Sequence[Found]) -> None:
    for each in chosen:
        if each.shared:
            advice = "use --link, which takes no room either"
            raise ModelError(
                f"--move would break the {each.kind} that {each.label} is in; {advice}"
            )


# -- what is said -------------------------------------------------------------------------------


def _told(
    steps: Sequence[Step], searched: Survey, config: Config, *, dry_run: bool
) -> Iterator[str]:
    for step in steps:
        yield from _of_step(step, dry_run=dry_run)
    for skipped in searched.skipped:
        yield f"left out: {skipped.label} ({skipped.reason})"
    if not dry_run:
        yield from _usage(steps, config)


def _of_step(step: Step, *, dry_run: bool) -> Iterator[str]:
    found = step.found
    would = "would be " if dry_run and step.action is Action.ADD else ""
    yield f"{step.id}: {would}{step.action.told}"
    yield f"  from: {found.kind}, {found.label} ({size(found.bytes)})"
    if found.description is not None:
        yield f"  is: {found.description.summary}"
    if step.action is Action.ADD:
        yield f"  licence: {found.licence.spdx or 'unknown'}"
        if found.licence.note:
            yield f"    {found.licence.note}"
    for remark in found.remarks:
        yield f"  note: {remark}"
    for pin in step.pins:
        yield f"  note: nobody published the hash of {pin.url.rpartition('/')[2]}: taken on trust."


def _usage(steps: Sequence[Step], config: Config) -> Iterator[str]:
    """Yield how to use what was imported, beside what is in use now."""
    imported = {ROLES[step.found.engine]: step.id for step in reversed(steps)}
    once = " ".join(f"--set models.{role}={id}" for role, id in imported.items())
    used = {role: id for role in ENGINES if (id := getattr(config.models, role))}
    chosen = {**used, **imported}
    flags = " ".join(f"--{role.replace('_', '-')} {id}" for role, id in chosen.items())
    yield f"try it:  parley serve {once}"
    yield f"use it:  parley use {config.models.profile} {flags}"


def _facts(steps: Sequence[Step], searched: Survey, *, dry_run: bool) -> dict[str, Any]:
    imported = {step.found.label for step in steps}
    return {
        "dry_run": dry_run,
        "models": [_step_facts(step) for step in steps],
        "not_chosen": [
            {"label": each.label, "id": each.id, "problem": each.problem}
            for each in searched.found
            if each.label not in imported
        ],
        "left_out": [{"label": each.label, "reason": each.reason} for each in searched.skipped],
    }


def _step_facts(step: Step) -> dict[str, Any]:
    found = step.found
    return {
        "id": step.id,
        "action": str(step.action),
        "label": found.label,
        "kind": found.kind,
        "engine": found.engine,
        "summary": found.description.summary if found.description else "",
        "languages": list(found.description.languages) if found.description else [],
        "licence": found.licence.spdx,
        "licence_note": found.licence.note,
        "remarks": list(found.remarks),
        "taken_on_trust": [pin.url for pin in step.pins],
        "files": [
            {"name": name, "bytes": file.bytes, "sha256": step.hashes[name]}
            for name, file in step.files.items()
        ],
    }
