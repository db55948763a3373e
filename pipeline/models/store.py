"""Where models are installed: files named after their SHA-256, and folders that link to them.

::

    <root>/
      blobs/sha256/<2 hex>/<64 hex>    the files, read-only, each once
      models/<id>/<name>               a relative symbolic link to its file; where the file system
                                       has none a hard link, and where it has neither a copy
      models/<id>/.files.json          name -> SHA-256 of all of them
      entries/<id>.toml                models that were added here, as models.toml has them
      accepted.toml                    hashes that were taken on trust
      partial/                         what is being made; nothing else reads it
      .lock .pulling                   between processes

Every file and folder is made under ``partial/``, brought to the disk and then renamed to where it
belongs. So whoever is killed, or loses power, leaves the store as it was, and at most something in
``partial/`` that the next process goes on with or throws away. Any number of processes may use a
store at once; reading takes no lock and writes nothing.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shutil
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, Protocol

import platformdirs
import tomli_w

from pipeline.errors import ModelError
from pipeline.models.accepted import Accepted
from pipeline.models.disk import (
    STORE_VARIABLE,
    check_file,
    copy_file,
    disk_error,
    link_file,
    move_file,
    settle,
    sync_folder,
)
from pipeline.models.locking import FileLock

__all__ = [
    "STORE_VARIABLE",
    "FileLike",
    "Problem",
    "Store",
    "check_file",
    "default_store",
    "disk_error",
]

log = logging.getLogger(__name__)

_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MANIFEST: Final = ".files.json"


def default_store() -> Path:
    """Return the store's folder: ``$PARLEY_MODELS``, or the user's data folder for Parley."""
    named = os.environ.get(STORE_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    return platformdirs.user_data_path("parley", appauthor=False) / "models"


class FileLike(Protocol):
    """What is recorded of a file; `pipeline.models.ModelFile` is one."""

    @property
    def name(self) -> str:
        """Path relative to the model's folder."""

    @property
    def bytes(self) -> int | None:
        """Size, if it is known."""

    @property
    def sha256(self) -> str:
        """In hex, or "" if it is not known."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that is not what it should be.

    Attributes:
        model: The model that it belongs to.
        name: Relative to the model's folder.
        path: Where it lies, or should.
        message: What is wrong with it, as the end of a sentence: "is missing".
    """

    model: str
    name: str
    path: Path
    message: str

    def __str__(self) -> str:
        return f"model {self.model}: {self.path} {self.message}"


class Store:
    """A folder of models.

    Whatever writes raises `ModelError` when the disk is full or may not be written to, and leaves
    the store as it was.

    Args:
        root: The folder; it is made by the first that writes.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def partial(self) -> Path:
        """Where downloads in progress lie."""
        return self.root / "partial"

    @property
    def accepted(self) -> Accepted:
        """The hashes that were taken on trust."""
        return Accepted(self.root / "accepted.toml")

    # -- reading --------------------------------------------------------------------------------

    def path(self, model_id: str) -> Path:
        """Return the folder of a model, installed or not.

        Raises:
            ModelError: It is not the name of a model.
        """
        if not _ID.fullmatch(model_id):
            raise ModelError(f"{model_id!r} is not the name of a model: a-z, 0-9 and ._- only")
        return self.root / "models" / model_id

    def blob(self, sha256: str) -> Path:
        """Return where the file with a hash lies, if the store has it.

        Raises:
            ModelError: It is not a hash.
        """
        if not _SHA256.fullmatch(sha256):
            raise ModelError(f"{sha256!r} is not a SHA-256: 64 hex digits in lower case")
        return self.root / "blobs" / "sha256" / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        """Tell whether a file is in the store; `verify` tells whether it is still the same."""
        return self.blob(sha256).is_file()

    def installed(self) -> tuple[str, ...]:
        """Return the names of the models whose files are here, in order."""
        folders = sorted((self.root / "models").glob(f"*/{_MANIFEST}"))
        return tuple(manifest.parent.name for manifest in folders)

    def files(self, model_id: str) -> dict[str, str]:
        """Return the hashes of an installed model's files, by name; nothing if it is not installed.

        Raises:
            ModelError: What the store noted of it was damaged.
        """
        path = self.path(model_id) / _MANIFEST
        try:
            document = json.loads(path.read_bytes())
            return {_name(name): _digest(digest) for name, digest in document.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError, ModelError) as error:
            message = f"{path} is damaged; repair it with: parley models pull {model_id}"
            raise ModelError(message) from error

    def entries(self) -> dict[str, Mapping[str, Any]]:
        """Return the tables of the models that were added here, as ``[models.ID]`` has them.

        One that cannot be read is left out, with a warning: it must not keep others from serving.
        """
        found: dict[str, Mapping[str, Any]] = {}
        for path in sorted((self.root / "entries").glob("*.toml")):
            try:
                found[path.stem] = tomllib.loads(path.read_text(encoding="utf-8"))["models"][
                    path.stem
                ]
            except (OSError, ValueError, KeyError, TypeError) as error:
                log.warning("%s is left out, it cannot be read: %s", path, error)
        return found

    def verify(
        self,
        model_id: str,
        files: Sequence[FileLike] = (),
        progress: Callable[[int], None] = lambda _: None,
    ) -> list[Problem]:
        """Read every file of a model again and return those that are not what they should be.

        Args:
            model_id: Which.
            files: What has to be there; what the store noted when it was installed, too.
            progress: Called with each number of bytes that was read.
        """
        try:
            noted = self.files(model_id)
        except ModelError as error:
            manifest = self.path(model_id) / _MANIFEST
            return [Problem(model_id, _MANIFEST, manifest, f"is damaged ({error})")]
        expected: dict[str, tuple[int | None, str]] = {
            name: (None, digest) for name, digest in noted.items()
        }
        for file in files:
            expected[file.name] = file.bytes, file.sha256 or noted.get(file.name, "")
        found = []
        for name, (size, digest) in expected.items():
            path = self.path(model_id) / name
            if message := check_file(path, size, digest, progress):
                found.append(Problem(model_id, name, path, message))
        return found

    # -- writing --------------------------------------------------------------------------------

    def adopt(self, file: Path, *, sha256: str, bytes: int | None = None, move: bool) -> Path:
        """Take a file into the store and return where it lies there.

        It is hashed as it is read; a file that the store has already is not read at all.

        Args:
            file: A regular file; symbolic links are followed.
            sha256: What it has to hash to.
            bytes: The size that it has to have, if that is known.
            move: Whether it leaves its place, which takes no further room on the same disk.

        Raises:
            ModelError: It is not what it should be, or cannot be read or written.
        """
        if self.has(sha256):
            if move:
                file.unlink(missing_ok=True)
            return self.blob(sha256)
        if not file.is_file():
            raise ModelError(f"{file} is not a file")
        with self.writing(), self.reserved(sha256):
            if move and (message := check_file(file, bytes, sha256)):
                raise ModelError(f"{file} {message}")
            mine = self.partial / f"{sha256}.copy"
            if not (move and move_file(file, mine)):
                copy_file(file, mine, bytes, sha256)
            placed = self.place(mine, sha256=sha256)
            if move:
                file.unlink(missing_ok=True)
            return placed

    def place(self, part: Path, *, sha256: str) -> Path:
        """Rename a file in `partial` to where the file with that hash belongs.

        For those who hashed the bytes while they wrote them; everybody else takes `adopt`.
        """
        target = self.blob(sha256)
        with self.writing():
            target.parent.mkdir(parents=True, exist_ok=True)
            settle(part, 0o444)
            part.replace(target)
            sync_folder(target.parent)
        return target

    def link(self, model_id: str, files: Mapping[str, str]) -> Path:
        """Install a model whose files the store has: all of it at once, instead of what was there.

        Args:
            model_id: Its name.
            files: The hash of each file, by its name relative to the model's folder.

        Returns:
            The model's folder.

        Raises:
            ModelError: A file is not in the store, or a name leaves the folder.
        """
        files = {_name(name): _digest(digest) for name, digest in sorted(files.items())}
        target = self.path(model_id)
        with self.writing(), self.lock():
            for name, digest in files.items():
                if not self.has(digest):
                    raise ModelError(f"model {model_id}: {name} is not in the store {self.root}")
            before = self._noted(model_id)
            if before == files and all((target / name).is_file() for name in files):
                return target
            fresh = self.partial / f"link-{model_id}.tmp"
            shutil.rmtree(fresh, ignore_errors=True)
            self._fill(fresh, files)
            self._swap(fresh, target)
            self._collect(set(before.values()) - set(files.values()))
        return target

    def add_entry(self, model_id: str, document: Mapping[str, Any]) -> None:
        """Note a model that models.toml does not have.

        Args:
            model_id: Its name; an entry of that name is replaced.
            document: Its table, as ``[models.ID]`` has it.
        """
        self.path(model_id)
        text = tomli_w.dumps({"schema": 2, "models": {model_id: dict(document)}})
        with self.writing(), self.lock():
            self._write(self.root / "entries" / f"{model_id}.toml", text)

    def accept(self, url: str, *, sha256: str, bytes: int) -> None:
        """Pin the hash of a file that nobody vouches for, for all further downloads of its URL."""
        with self.writing(), self.lock():
            pinned = self.accepted.with_pin(url, _digest(sha256), bytes)
            self._write(self.accepted.path, pinned)

    def remove(self, model_id: str) -> int:
        """Remove a model, its entry, and every file that no other model links to.

        While nobody pulls, files that a killed pull left behind go as well.

        Returns:
            The bytes that this freed.

        Raises:
            ModelError: There is no such model here.
        """
        folder, entry = self.path(model_id), self.root / "entries" / f"{model_id}.toml"
        if not folder.exists() and not entry.exists():
            raise ModelError(f"there is no model {model_id!r} in the store {self.root}")
        with self.writing(), self.lock():
            files = set(self._noted(model_id).values())
            entry.unlink(missing_ok=True)
            freed = self._discard(folder)
            with self._nobody_pulls() as alone:
                if alone:
                    self._tidy()
                return freed + self._collect(self._blobs() if alone else files)

    def forget(self, sha256: str) -> None:
        """Delete a file that was found damaged; models that link to it lack it until it is back."""
        with self.writing(), self.lock():
            self.blob(sha256).unlink(missing_ok=True)

    def unlink(self, model_id: str) -> None:
        """Delete a model's folder and keep its files, so that `link` makes it anew."""
        with self.writing(), self.lock():
            self._discard(self.path(model_id))

    def clear_partial(self) -> int:
        """Throw away what interrupted downloads left, and return the bytes that this freed.

        Raises:
            ModelError: Somebody is pulling.
        """
        with self.writing(), self.lock(), self._nobody_pulls() as alone:
            if not alone:
                raise ModelError(f"a download into {self.root} is in progress; let it end first")
            self._tidy()
            parts = [path for path in self.partial.iterdir() if path.is_file()]
            freed = sum(path.stat().st_size for path in parts)
            for path in parts:
                path.unlink()
            return freed

    # -- between processes ----------------------------------------------------------------------

    def lock(self) -> FileLock:
        """Return the lock that whoever changes models, entries or pins holds for a moment."""
        return FileLock(self.root / ".lock")

    def slot(self, key: str) -> FileLock:
        """Return the lock on one download: a hash, or another name for what is being fetched."""
        return FileLock(self.partial / f"{key}.lock")

    @contextlib.contextmanager
    def reserved(self, key: str) -> Iterator[None]:
        """Hold a `slot`; waits for whoever has it."""
        slot = self.slot(key)
        slot.acquire()
        try:
            yield
        finally:
            slot.release(remove=True)

    @contextlib.contextmanager
    def pulling(self) -> Iterator[None]:
        """Keep others from deleting files that no model links to yet."""
        held = FileLock(self.root / ".pulling", shared=True)
        with self.writing():
            held.acquire()
        try:
            yield
        finally:
            held.release()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Make the folders, and turn what the disk refuses into one line.

        Raises:
            ModelError: The disk is full, may not be written to, or failed.
        """
        try:
            self.partial.mkdir(parents=True, exist_ok=True)
            yield
        except OSError as error:
            raise disk_error(error, self.root) from error

    @contextlib.contextmanager
    def _nobody_pulls(self) -> Iterator[bool]:
        pulling = FileLock(self.root / ".pulling")
        alone = pulling.try_acquire()
        try:
            yield alone
        finally:
            if alone:
                pulling.release()

    # -- the parts, under the lock --------------------------------------------------------------

    def _noted(self, model_id: str) -> dict[str, str]:
        """Return what `files` does; of a damaged note nothing."""
        try:
            return self.files(model_id)
        except ModelError:
            return {}

    def _fill(self, folder: Path, files: Mapping[str, str]) -> None:
        folder.mkdir()
        for name, digest in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            depth = len(PurePosixPath(name).parts) - 1
            link_file(self.blob(digest), path, self._relative(digest, depth))
        manifest = folder / _MANIFEST
        manifest.write_text(json.dumps(files, indent=1) + "\n", encoding="utf-8")
        settle(manifest, 0o644)
        for path in {each.parent for each in folder.rglob("*")}:
            sync_folder(path)

    def _relative(self, digest: str, depth: int) -> Path:
        """Return the way from ``models/<id>/...`` to a blob: the whole store may be moved."""
        return Path(*[".."] * (2 + depth)) / self.blob(digest).relative_to(self.root)

    def _swap(self, fresh: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        self._discard(target)
        fresh.rename(target)
        sync_folder(target.parent)

    def _discard(self, folder: Path) -> int:
        """Delete a model's folder, at once for all who look; return the bytes of its copies."""
        if not folder.exists():
            return 0
        gone = self.partial / f"gone-{folder.name}.tmp"
        shutil.rmtree(gone, ignore_errors=True)
        folder.rename(gone)
        sync_folder(folder.parent)
        files = (path for path in gone.rglob("*") if path.is_file() and path.name != _MANIFEST)
        copies = (path.lstat() for path in files if not path.is_symlink())
        freed = sum(each.st_size for each in copies if each.st_nlink == 1)
        shutil.rmtree(gone)
        return freed

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.partial / f"{path.name}.tmp"
        fresh.write_text(text, encoding="utf-8")
        settle(fresh, 0o644)
        fresh.replace(path)
        sync_folder(path.parent)

    def _blobs(self) -> set[str]:
        return {path.name for path in (self.root / "blobs" / "sha256").glob("*/*")}

    def _collect(self, candidates: Iterable[str]) -> int:
        """Delete those of some files that no model links to; nothing if one model's are unknown."""
        try:
            used = {digest for id in self.installed() for digest in self.files(id).values()}
        except ModelError as error:
            log.warning("files that no model uses are kept: %s", error)
            return 0
        freed = 0
        for digest in sorted(set(candidates) - used):
            with contextlib.suppress(FileNotFoundError):
                size = self.blob(digest).stat().st_size
                self.blob(digest).unlink()
                freed += size
        return freed

    def _tidy(self) -> None:
        """Delete what processes that died were making; parts of downloads stay."""
        for path in self.partial.glob("*.tmp"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in self.partial.glob("*.copy"):
            slot = self.slot(path.stem)
            if slot.try_acquire():
                path.unlink(missing_ok=True)
                slot.release(remove=True)


def _name(name: object) -> str:
    """Return the name of a file inside a model's folder.

    Raises:
        ModelError: It leaves the folder, or is the store's own.
    """
    inside = (
        isinstance(name, str)
        and name == str(PurePosixPath(name))
        and not re.search(r'[\\:\0-\x1f<>"|?*]', name)
        and not name.startswith("/")
        and not {"", ".", ".."} & set(name.split("/"))
        and name != _MANIFEST
    )
    if not inside:
        raise ModelError(f"{name!r} is no name for a model's file")
    assert isinstance(name, str)
    return name


def _digest(value: object) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ModelError(f"{value!r} is not a SHA-256: 64 hex digits in lower case")
    return value
