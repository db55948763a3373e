"""What reading something broken ends in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipeline.errors import ModelError


def complaint(read: Callable[[Path], object], path: Path) -> str:
    """Return what is wrong with a file, or "" if nothing is; any other error comes through."""
    try:
        read(path)
    except ModelError as error:
        return str(error)
    return ""
