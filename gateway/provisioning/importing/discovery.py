"""Finds the models in whatever a path is: a cache, a store, an export, a folder or a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from gateway.provisioning.importing.exported import read_export
from gateway.provisioning.importing.fence import Fence, Folder
from gateway.provisioning.importing.folders import models_in
from gateway.provisioning.importing.found import Found, Survey
from gateway.provisioning.importing.hugging_face import read_cache, repository_above
from gateway.provisioning.importing.ollama import read_ollama
from pipeline.errors import ModelError

__all__ = ["discover", "survey"]

_READERS: Final[tuple[Callable[[Path], Survey | None], ...]] = (
    read_export,
    read_cache,
    read_ollama,
)
"""Those that know a layout; each returns None for any other."""


def discover(path: Path) -> tuple[Found, ...]:
    """Return the models that can be found at a path, sound or not."""
    return survey(path).found


def survey(path: Path, name: str = "") -> Survey:
    """Look for models.

    Args:
        path: A folder, or a file of a model; archives are unpacked before.
        name: What a folder is called, if not as it is on the disk.

    Raises:
        ModelError: If there is nothing, or it cannot be looked into.
    """
    try:
        return _unique(_survey(path, name))
    except OSError as error:
        raise ModelError(f"{error.filename or path} cannot be read: {error.strerror}") from error


def _survey(path: Path, name: str) -> Survey:
    if not path.exists():
        raise ModelError(f"{path} does not exist; name a folder, an archive or a model's file")
    path = path if repository_above(path.absolute()) else path.resolve()
    path = path.absolute()
    if not path.is_dir():
        return _file(path)
    for reader in _READERS:
        if (found := reader(path)) is not None:
            return found
    fence = Fence.around(path)
    surveys = (
        models_in(folder, name if folder.path == path and name else folder.path.name)
        for folder in fence.folders(path)
    )
    return sum(surveys, Survey())


def _file(path: Path) -> Survey:
    """Return the one model that a file belongs to, by its name or its folder's."""
    repository = repository_above(path)
    fence = Fence.around(repository or path.resolve().parent)
    whole = next(fence.folders(path.parent))
    models = models_in(_only(whole, path), path.parent.name)
    about = tuple(each for each in models.skipped if each.label == str(path))
    chosen = replace(models, skipped=about)
    if not chosen.found and not chosen.skipped:
        kinds = "a GGUF file, a Piper voice's .onnx, a model.bin of faster-whisper, or an archive"
        raise ModelError(f"{path} is not recognised, expected {kinds}")
    return chosen


def _only(folder: Folder, path: Path) -> Folder:
    """Return a folder without the models that a file does not belong to."""

    def belongs(name: str) -> bool:
        model = name.endswith((".gguf", ".onnx", ".onnx.json")) or name == "model.bin"
        voice = name in (path.name, f"{path.name}.json", path.name.removesuffix(".json"))
        prefix = path.name.partition("-00001-of-")[0]
        part = "-00001-of-" in path.name and name.startswith(f"{prefix}-0")
        return not model or voice or part

    return Folder(
        folder.path,
        {name: file for name, file in folder.files.items() if belongs(name)},
        {name: why for name, why in folder.refused.items() if belongs(name)},
    )


def _unique(survey: Survey) -> Survey:
    """Name models by their folder, too, where several would be called the same."""
    labels = [each.label for each in survey.found]
    return replace(
        survey,
        found=tuple(
            replace(each, label=_place(each)) if labels.count(each.label) > 1 else each
            for each in survey.found
        ),
    )


def _place(found: Found) -> str:
    if not found.files:
        return found.label
    return f"{found.files[0].path.parent.name}/{found.label}"
