"""Reads the cache that Hugging Face's tools keep.

Layout (huggingface_hub, "Manage your cache"): ``models--OWNER--NAME/snapshots/COMMIT/FILE`` is a
symbolic link to ``models--OWNER--NAME/blobs/HASH``; ``refs/BRANCH`` holds a commit. A blob is named
after its SHA-256 where it came from Git LFS, and after its git hash otherwise, so that a damaged
or substituted one is noticed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from gateway.provisioning.importing.fence import Fence, Folder
from gateway.provisioning.importing.folders import models_in
from gateway.provisioning.importing.found import Found, FoundFile, Skipped, Survey
from gateway.provisioning.importing.licences import UNKNOWN, first_known, of_card
from gateway.provisioning.importing.naming import model_id
from pipeline.models import Source

__all__ = ["KIND", "cache_folder", "read_cache", "repository_above"]

KIND: Final = "Hugging Face cache"

_REPOSITORY: Final = re.compile(r"models--([\w.-]+?)--([\w.-]+)", re.ASCII)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_NOTHING: Final = "it holds no model that the engines here run"


def cache_folder(environment: Mapping[str, str], home: Path) -> Path:
    """Return where the cache is by the environment: HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME."""
    if hub := environment.get("HF_HUB_CACHE"):
        return Path(hub).expanduser()
    cache = Path(environment.get("XDG_CACHE_HOME") or home / ".cache").expanduser()
    return Path(environment.get("HF_HOME") or cache / "huggingface").expanduser() / "hub"


def repository_above(path: Path) -> Path | None:
    """Return the folder of the repository that a path lies in or is, if it is in a cache."""
    for each in (path, *path.parents):
        if _REPOSITORY.fullmatch(each.name) and (each / "snapshots").is_dir():
            return each
    return None


def read_cache(path: Path) -> Survey | None:
    """Return the models in a cache, or None if the path is none.

    Args:
        path: The cache, its ``hub`` folder, a repository's folder or a snapshot.

    Raises:
        ModelError: If it cannot be looked into.
    """
    repository = repository_above(path)
    if repository is not None:
        inside = path.relative_to(repository).parts
        commit = inside[1] if len(inside) > 1 and inside[0] == "snapshots" else ""
        return _read_repository(repository, commit)
    for hub in (path, path / "hub"):
        repositories = [
            each
            for each in (sorted(hub.iterdir()) if hub.is_dir() else [])
            if _REPOSITORY.fullmatch(each.name) and (each / "snapshots").is_dir()
        ]
        if repositories:
            surveys = (_read_repository(each, "") for each in repositories)
            return sum(surveys, Survey())
    return None


def _read_repository(repository: Path, commit: str) -> Survey:
    match = _REPOSITORY.fullmatch(repository.name)
    assert match is not None
    name = f"{match[1]}/{match[2]}"
    commit = commit or _current(repository)
    snapshot = repository / "snapshots" / commit
    if not commit or not snapshot.is_dir():
        return Survey(skipped=(Skipped(name, "nothing of it was downloaded"),))
    fence = Fence.around(repository)
    survey = Survey()
    for folder in fence.folders(snapshot):
        survey += _read_folder(folder, snapshot, name, commit)
    if not survey.found and not survey.skipped:
        return Survey(skipped=(Skipped(name, _NOTHING),))
    card = of_card(snapshot / "README.md") if _is_inside(fence, snapshot / "README.md") else UNKNOWN
    return Survey(
        tuple(replace(each, licence=first_known(each.licence, card)) for each in survey.found),
        survey.skipped,
    )


def _is_inside(fence: Fence, path: Path) -> bool:
    return path.is_file() and path.resolve().is_relative_to(fence.root)


def _current(repository: Path) -> str:
    """Return the commit of main, else of the snapshot that was used last."""
    try:
        commit = (repository / "refs" / "main").read_text(encoding="ascii")[:64].strip()
    except (OSError, UnicodeDecodeError):
        commit = ""
    if _COMMIT.fullmatch(commit) and (repository / "snapshots" / commit).is_dir():
        return commit
    snapshots = [each for each in (repository / "snapshots").iterdir() if each.is_dir()]
    return max(snapshots, key=lambda each: each.stat().st_mtime).name if snapshots else ""


def _read_folder(folder: Folder, snapshot: Path, name: str, commit: str) -> Survey:
    inside = folder.path.relative_to(snapshot).as_posix()
    inside = "" if inside == "." else inside
    survey = models_in(folder, name.partition("/")[2])
    place = f"{name}/{inside}" if inside else name
    return Survey(
        tuple(_as_cached(each, place, name, commit, inside) for each in survey.found),
        tuple(Skipped(f"{place}/{Path(each.label).name}", each.reason) for each in survey.skipped),
    )


def _as_cached(found: Found, place: str, name: str, commit: str, inside: str) -> Found:
    """Return a model of a folder as one of a repository."""
    whole = found.engine == "faster-whisper"
    exact = _COMMIT.fullmatch(commit) is not None
    return replace(
        found,
        label=place if whole else f"{place}/{found.label}",
        kind=KIND,
        id=model_id(name.partition("/")[2], inside) if whole else found.id,
        files=tuple(_with_hash(each) for each in found.files),
        source=Source(repository=name, revision=commit, folder=inside) if exact else None,
        shared=True,
    )


def _with_hash(file: FoundFile) -> FoundFile:
    """Return a file with the hash that its blob is named after."""
    name = file.path.name
    if file.path.parent.name != "blobs":
        return file
    if _SHA256.fullmatch(name):
        return replace(file, expected=f"sha256:{name}")
    return replace(file, expected=f"git:{name}") if _COMMIT.fullmatch(name) else file
