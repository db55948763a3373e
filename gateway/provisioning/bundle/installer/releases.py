"""The releases of an installation: built aside, then switched to in one step.

A release is complete once it holds the manifest. ``current`` is a symbolic link that is replaced by
rename(2), so that there is always one release in use, whenever the installer is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.installer.layout import Layout

__all__ = ["MANIFEST", "building", "forget_old", "locked", "release_name", "roll_back", "switch"]

MANIFEST: Final = "manifest.json"
_KEPT: Final = ("current", "previous")


def release_name(version: str, sums: bytes) -> str:
    """Return a release's name: its version, and which bundle of that version it came from."""
    return f"{version}-{hashlib.sha256(sums).hexdigest()[:8]}"


@contextlib.contextmanager
def locked(layout: Layout) -> Iterator[None]:
    """Keep other installers out of this installation.

    Raises:
        BundleError: One is at work, or the folder cannot be written to.
    """
    made = _make(layout.prefix)
    try:
        with (layout.prefix / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
    except BlockingIOError as error:
        message = f"another installer is at work in {layout.prefix}; wait until it has ended"
        raise BundleError(message) from error
    finally:
        _remove_empty(layout, made)


@contextlib.contextmanager
def building(layout: Layout, name: str, *, again: bool) -> Iterator[Path]:
    """Give a new folder for a release, and take it away if the body fails.

    Args:
        layout: Of the installation.
        name: Of the release.
        again: Whether a complete one of that name is replaced.

    Raises:
        BundleError: It is installed already.
    """
    folder = layout.releases / name
    if (folder / MANIFEST).is_file() and not again:
        message = f"{name} is installed in {layout.prefix} already; --force installs it anew"
        raise BundleError(message)
    aside = folder.with_name(f"{name}.replaced")
    try:
        with _disk(layout):
            shutil.rmtree(aside, ignore_errors=True)
            layout.releases.mkdir(exist_ok=True)
            if (folder / MANIFEST).is_file():
                folder.rename(aside)
            else:
                shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if aside.exists():
            aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def switch(layout: Layout, release: Path) -> None:
    """Make a release the one in use; the one before is remembered."""
    before = _target(layout.current)
    with _disk(layout):
        if before is not None and before.resolve() != release.resolve():
            _link(layout.previous, before)
        _link(layout.current, release)


def roll_back(layout: Layout) -> str:
    """Use the release before, and return its name; once more undoes that.

    Raises:
        BundleError: There is none.
    """
    before = _target(layout.previous)
    if before is None or not (before / MANIFEST).is_file():
        raise BundleError(f"{layout.prefix} has no release before the one in use")
    switch(layout, before)
    return before.name


def forget_old(layout: Layout) -> list[str]:
    """Remove releases that are neither in use nor the one before; return their names."""
    links = [_target(layout.prefix / name) for name in _KEPT]
    kept = {link.name for link in links if link is not None}
    old = [path for path in sorted(layout.releases.iterdir()) if path.name not in kept]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return [path.name for path in old]


@contextlib.contextmanager
def _disk(layout: Layout) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"{layout.prefix} cannot be written to: {error.strerror or error}"
        raise BundleError(message) from error


def _make(folder: Path) -> list[Path]:
    """Make a folder and return those that were missing, the deepest first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "; --user installs for you alone" if isinstance(error, PermissionError) else ""
        raise BundleError(f"{folder} cannot be made: {error.strerror}{hint}") from error
    return missing


def _remove_empty(layout: Layout, made: list[Path]) -> None:
    """Take away what an installation that failed would leave of its folders."""
    if _target(layout.current) is not None:
        return
    with contextlib.suppress(OSError):
        (layout.prefix / ".lock").unlink(missing_ok=True)
        for folder in (layout.releases, *made):
            if folder.is_dir():
                folder.rmdir()


def _link(link: Path, target: Path) -> None:
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(os.path.relpath(target, link.parent))
    temporary.replace(link)


def _target(link: Path) -> Path | None:
    """Return where a link leads, if there is something."""
    if not link.is_symlink():
        return None
    target = link.parent / link.readlink()
    return target if target.is_dir() else None
