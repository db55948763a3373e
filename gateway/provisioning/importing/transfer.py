"""Brings files into the store: all that was chosen, or nothing.

Every file is hashed where it lies before anything is decided, and again as it is copied. Files that
are moved are linked or copied first and deleted last. When anything fails, what was placed is taken
back.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from gateway.provisioning.importing.found import Found, FoundFile
from gateway.provisioning.importing.plan import Action, Step
from pipeline.errors import ModelError
from pipeline.models import Catalogue
from pipeline.models.formats import check_model
from pipeline.models.store import Store

__all__ = ["How", "carry_out", "check_room", "hash_found", "workspace"]

log = logging.getLogger(__name__)

_CHUNK: Final = 1 << 20
_SPARE: Final = 64 << 20
_ELSEWHERE: Final = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP}


class How(StrEnum):
    """How files get into the store."""

    COPY = "copy"
    LINK = "link"
    MOVE = "move"


def hash_found(
    found: Found, report: Callable[[str, int], None] = lambda _file, _count: None
) -> dict[str, str]:
    """Return the SHA-256 of a model's files by their names.

    Args:
        found: The model.
        report: Called with a file's name and each number of bytes that was read of it.

    Raises:
        ModelError: If a file cannot be read, or is not what its place says.
    """
    return {file.name: _hashed(file, report) for file in found.files}


def _hashed(file: FoundFile, report: Callable[[str, int], None]) -> str:
    kind, _, expected = file.expected.partition(":")
    digest = hashlib.sha256()
    # git hashes a file with its size in front: https://git-scm.com/book/en/v2/Git-Internals
    git = hashlib.sha1(b"blob %d\0" % file.bytes, usedforsecurity=False)
    try:
        with file.path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                if kind == "git":
                    git.update(chunk)
                report(file.name, len(chunk))
    except OSError as error:
        raise ModelError(f"{file.path} cannot be read: {error.strerror}") from error
    found = git.hexdigest() if kind == "git" else digest.hexdigest()
    if expected and found != expected:
        message = f"{file.name}: {file.path} was changed or damaged: its hash is {found}, expected "
        raise ModelError(f"{message}{expected}; get it again")
    return digest.hexdigest()


def check_room(steps: Sequence[Step], store: Store, how: How) -> None:
    """Check that the disk has room for what will be copied.

    Raises:
        ModelError: If it has not.
    """
    if how is not How.COPY:
        return  # what cannot be linked after all is told when it is copied
    wanted = {
        step.hashes[name]: file.bytes
        for step in steps
        for name, file in step.files.items()
        if step.action in (Action.ADD, Action.RECOGNISE) and not store.has(step.hashes[name])
    }
    place = next(each for each in (store.root, *store.root.parents) if each.exists())
    free = shutil.disk_usage(place).free
    if (needed := sum(wanted.values())) + _SPARE > free:
        message = f"the import needs {needed} bytes, the disk of {store.root} has {free} free; "
        raise ModelError(message + "free some, or use --link on the same disk")


def carry_out(
    steps: Sequence[Step],
    store: Store,
    how: How,
    report: Callable[[str, int], None] = lambda _file, _count: None,
) -> None:
    """Install what was planned.

    Args:
        steps: As `plan` made them.
        store: Where to.
        how: How the files get there.
        report: Called with a file's name and the bytes of each file that was placed.

    Raises:
        ModelError: If a file is not what it was, or the disk refuses something; the store is then
            as it was.
    """
    todo = [step for step in steps if step.action in (Action.ADD, Action.RECOGNISE)]
    with store.pulling(), contextlib.ExitStack() as undo:
        for step in todo:
            for name, file in step.files.items():
                if _place(store, file, step.hashes[name], how):
                    undo.callback(_take_back, store, step.hashes[name])
                report(name, file.bytes)
        for step in todo:
            _install(store, step, undo)
        undo.pop_all()
    if how is How.MOVE:
        for path in {file.path for step in todo for file in step.files.values()}:
            _delete(path)


def _delete(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        log.warning("%s was imported, and cannot be deleted: %s", path, error.strerror)


def _install(store: Store, step: Step, undo: contextlib.ExitStack) -> None:
    before = store.files(step.id)
    store.link(step.id, step.hashes)
    undo.callback(_unlink, store, step, before)
    if step.entry is not None:
        store.add_entry(step.id, step.entry)
    # What was copied is looked into once more: it is what will be opened.
    check_model(step.found.engine, _opened(store, step))
    for pin in step.pins:
        store.accept(pin.url, sha256=pin.sha256, bytes=pin.bytes)


def _opened(store: Store, step: Step) -> Path:
    """Return what the engine opens of an installed model."""
    if step.entry is not None:
        return Catalogue.load(store=store).model(step.id).path
    folder = store.path(step.id)
    if step.found.engine == "faster-whisper":
        return folder
    suffixes = (".gguf", ".onnx")
    return folder / next(name for name in step.files if name.endswith(suffixes))


def _place(store: Store, file: FoundFile, sha256: str, how: How) -> bool:
    """Bring one file into the store; return whether it was not there."""
    if store.has(sha256):
        return False
    if how is How.COPY or not _linked(store, file.path, sha256):
        if how is How.LINK:
            message = f"{file.path} cannot be linked into {store.root}: it is on another disk, "
            raise ModelError(message + "or not yours to link; import it without --link")
        store.adopt(file.path, sha256=sha256, bytes=file.bytes, move=False)
    return True


def _linked(store: Store, path: Path, sha256: str) -> bool:
    with store.writing(), store.reserved(sha256):
        part = store.partial / f"{sha256}.copy"
        part.unlink(missing_ok=True)
        try:
            os.link(path, part)
        except OSError as error:
            if error.errno in _ELSEWHERE:
                return False
            raise
        store.place(part, sha256=sha256)
    return True


def _take_back(store: Store, sha256: str) -> None:
    used = {digest for id in store.installed() for digest in store.files(id).values()}
    if sha256 not in used:
        store.forget(sha256)


def _unlink(store: Store, step: Step, before: Mapping[str, str]) -> None:
    if before:
        store.link(step.id, before)
    else:
        store.remove(step.id)


@contextlib.contextmanager
def workspace(store: Store) -> Iterator[Path]:
    """Give a folder on the store's disk for the block; nothing of it stays."""
    with store.pulling(), store.writing():
        folder = store.partial / f"import-{os.getpid()}.tmp"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
