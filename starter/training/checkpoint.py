"""Checkpoints: written whole or not at all, and refused where they do not fit."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from starter.errors import RecipeError

__all__ = ["Checkpoint", "half_precision", "load_checkpoint", "require_shapes", "save_checkpoint"]

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything that a training needs in order to go on.

    Attributes:
        kind: "recognizer", "language-model" or "voice".
        build: "shipped" or "measuring".
        weights: Parameter name -> tensor: what is evaluated and exported (averaged, if they are).
        shape: What the network was built from: sizes, and tokens or symbols in their order.
        optimizer: State of the optimizers and of the weights under training, by name; empty in a
            checkpoint that is kept for continuing later.
        progress: Numbers that go on counting: steps, rows or tokens seen, seconds spent.
        lineage: One line for each run that made the weights, oldest first.
    """

    kind: str
    build: str
    weights: Mapping[str, torch.Tensor]
    shape: Mapping[str, Any]
    optimizer: Mapping[str, Any]
    progress: Mapping[str, float]
    lineage: tuple[str, ...] = ()


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint beside its place, then move it there.

    Raises:
        RecipeError: If the disk is full or the place cannot be written.
    """
    document = {"version": _VERSION} | {
        name: getattr(checkpoint, name) for name in Checkpoint.__slots__
    }
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            torch.save(document, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as error:  # torch wraps a full disk in a RuntimeError
        partial.unlink(missing_ok=True)
        message = f"cannot write the checkpoint {path} ({error}); free some space, then go on"
        raise RecipeError(message) from error


def load_checkpoint(path: Path, *, kind: str) -> Checkpoint:
    """Read a checkpoint of the given kind.

    Raises:
        RecipeError: If there is none, or it is damaged, of another kind or another version.
    """
    if not path.exists():
        raise RecipeError(f"there is no checkpoint {path}; train first, or name another one")
    if not zipfile.is_zipfile(path):  # as torch writes it, the list of its parts at the end
        raise RecipeError(f"{path} is no checkpoint that can be read; remove it to begin anew")
    try:
        document = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        message = f"{path} is no checkpoint that can be read; remove it to begin anew"
        raise RecipeError(message) from error
    if not isinstance(document, dict) or document.pop("version", None) != _VERSION:
        raise RecipeError(f"{path} is a checkpoint of another version; remove it to begin anew")
    found = Checkpoint(**document)
    if found.kind != kind:
        raise RecipeError(f"{path} is a checkpoint of a {found.kind}, expected one of a {kind}")
    return found


def require_shapes(
    weights: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor], path: Path
) -> None:
    """Compare a checkpoint's tensors with those of the network that shall take them.

    Raises:
        RecipeError: If a tensor is missing, one too many, or of another shape.
    """
    for name in sorted({*weights, *expected}):
        found = tuple(weights[name].shape) if name in weights else None
        wanted = tuple(expected[name].shape) if name in expected else None
        if found != wanted:
            message = (
                f"{path} does not fit this network: {name} is {found or 'missing'}, "
                f"expected {wanted or 'nothing of that name'}; "
                "give the sizes that it was trained with, or begin anew without it"
            )
            raise RecipeError(message)


def half_precision(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Halve what is kept for continuing: 16 bits a number are enough to begin from."""
    return {
        name: weight.half() if weight.is_floating_point() else weight
        for name, weight in weights.items()
    }
