"""Finished models: a folder that is whole or not there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starter.errors import RecipeError

__all__ = ["whole_folder"]


@contextmanager
def whole_folder(folder: Path, what: str = "the model to") -> Iterator[Path]:
    """Give a folder to write a model into; it takes the model's place when all is written.

    Args:
        folder: The model's place.
        what: What is written, for the error.

    Raises:
        RecipeError: If something cannot be written; what was there before stays.
    """
    partial = folder.with_name(folder.name + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
    except OSError as error:
        message = f"cannot write {what} {folder} ({error}); free some space, then go on"
        raise RecipeError(message) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
