"""Finds what a command line names, and chooses of it."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from gateway.provisioning.importing.archives import is_archive, unpack
from gateway.provisioning.importing.discovery import survey
from gateway.provisioning.importing.found import Found, Survey
from gateway.provisioning.importing.hugging_face import cache_folder
from gateway.provisioning.importing.ollama import store_folder
from gateway.provisioning.importing.transfer import workspace
from gateway.provisioning.progress import Display
from pipeline.errors import ModelError
from pipeline.models.store import Store

__all__ = ["check_movable", "chosen", "searched"]

_WORDS: Final = ("huggingface", "ollama")


@contextmanager
def searched(given: str, store: Store, display: Display) -> Iterator[tuple[Survey, bool]]:
    """Give what there is at a place, for the block.

    An archive is unpacked into the store's workspace until the block ends.

    Args:
        given: A path, or a word for one of this user's caches.
        store: On whose disk an archive is unpacked.
        display: Where to show how far that has got.

    Yields:
        What there is, and whether it was unpacked for this and may be taken away.

    Raises:
        ModelError: If there is nothing, or the archive is not sound.
    """
    path = _path(given)
    if not path.is_file() or not is_archive(path):
        yield survey(path), False
        return
    with workspace(store) as folder:
        display.expect(path.stat().st_size)
        unpack(path, folder, lambda count: display.advance(path.name, count))
        top = _top(folder)
        found = survey(top, _stem(path) if top == folder else "")
        yield _unpacked(found, folder, path), True


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


def chosen(there: Survey, only: Sequence[str]) -> tuple[Found, ...]:
    """Return the models to import, which are sound.

    Raises:
        ModelError: If there are none, a name fits none, or one is broken.
    """
    if not there.found:
        reasons = [f"{each.label} ({each.reason})" for each in there.skipped[:3]]
        more = len(there.skipped) - len(reasons)
        ending = f"; left out: {'; '.join(reasons)}" if reasons else ""
        ending += f"; and {more} more" if more else ""
        raise ModelError(f"there is no model that can be imported{ending}")
    for name in only:
        if not any(_fits(each, name) for each in there.found):
            labels = ", ".join(each.label for each in there.found)
            raise ModelError(f"--only {name}: there is no such model; there are {labels}")
    picked = tuple(
        each for each in there.found if not only or any(_fits(each, name) for name in only)
    )
    broken = [each for each in picked if each.problem]
    if broken:
        rest = len(picked) - len(broken)
        advice = f"; import the other {rest} with --only" if rest else ""
        raise ModelError(f"{broken[0].problem}{advice}")
    return picked


def _fits(found: Found, name: str) -> bool:
    return any(fnmatch.fnmatchcase(each, name) for each in (found.label, found.id))


def check_movable(found: Sequence[Found]) -> None:
    """Check that nobody else keeps the models.

    Raises:
        ModelError: If another program's cache would miss them.
    """
    for each in found:
        if each.shared:
            advice = "use --link, which takes no room either"
            raise ModelError(
                f"--move would break the {each.kind} that {each.label} is in; {advice}"
            )
