"""Looks around in a folder that somebody else filled, and never leaves it.

Symbolic links are followed where a cache is made of them, and only as long as they stay inside;
links to folders are not, so that no walk goes round.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipeline.errors import ModelError

__all__ = ["Fence", "Folder"]

_MAX_ENTRIES: Final = 200_000
_MAX_DEPTH: Final = 16


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder.

    Attributes:
        path: As it was reached.
        files: Name -> the regular file itself.
        refused: Name -> why it cannot be used, as the end of a sentence.
        linked: Names of links to folders, which are not followed.
    """

    path: Path
    files: Mapping[str, Path] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    linked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fence:
    """What must not be left.

    Attributes:
        root: A folder, links resolved.
    """

    root: Path

    @classmethod
    def around(cls, folder: Path) -> Fence:
        """Return the fence around a folder that the user named; it may itself be a link.

        Raises:
            ModelError: If it is none, or cannot be looked into.
        """
        try:
            return cls(folder.resolve(strict=True))
        except (OSError, RuntimeError) as error:
            raise ModelError(f"{folder} cannot be looked into: {error}") from error

    def resolved(self, path: Path) -> Path:
        """Return the regular file behind a name.

        Raises:
            ModelError: If there is none, or it lies outside; the message ends a sentence about it.
        """
        try:
            real = path.resolve(strict=True)
        except FileNotFoundError:
            message = "is a link to a file that is not there: was its download interrupted?"
            raise ModelError(message) from None
        except (OSError, RuntimeError):
            message = "is a link that leads nowhere"
            raise ModelError(message) from None
        if not real.is_relative_to(self.root):
            message = f"is a link that leads out of {self.root}; name the folder where it leads"
            raise ModelError(message)
        if not real.is_file():
            message = "is not a regular file"
            raise ModelError(message)
        return real

    def folders(self, top: Path) -> Iterator[Folder]:
        """Yield a folder and all below it, in order, hidden ones left out.

        Raises:
            ModelError: If there are more entries than any collection of models has.
        """
        left = _MAX_ENTRIES
        waiting = [(top, 0)]
        while waiting:
            path, depth = waiting.pop()
            names, folders, linked = _listed(path)
            left -= len(names) + len(folders) + len(linked)
            if left < 0 or depth > _MAX_DEPTH:
                limits = f"{_MAX_ENTRIES} files or is {_MAX_DEPTH} folders deep"
                raise ModelError(f"{top} has more than {limits}; name a folder inside of it")
            waiting += [(path / name, depth + 1) for name in reversed(folders)]
            yield self._folder(path, names, linked)

    def _folder(self, path: Path, names: list[str], linked: list[str]) -> Folder:
        files, refused = {}, {}
        for name in names:
            try:
                files[name] = self.resolved(path / name)
            except ModelError as error:
                refused[name] = str(error)
        return Folder(path, files, refused, tuple(linked))


def _is_shown(name: str) -> bool:
    """Whether a name is neither hidden nor made to confuse whoever reads it on a terminal."""
    return not name.startswith(".") and name.isprintable()


def _listed(path: Path) -> tuple[list[str], list[str], list[str]]:
    """Return the names of what is no folder, of the folders, and of links to folders; sorted."""
    try:
        with os.scandir(path) as entries:
            shown = [each for each in entries if _is_shown(each.name)]
    except OSError as error:
        raise ModelError(f"{path} cannot be looked into: {error.strerror}") from error
    folders = sorted(each.name for each in shown if each.is_dir(follow_symlinks=False))
    linked = sorted(each.name for each in shown if each.is_symlink() and each.is_dir())
    names = sorted(each.name for each in shown if each.name not in {*folders, *linked})
    return names, folders, linked
