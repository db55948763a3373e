"""Learning curves: a line of JSON for each look at a training, kept beside its checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import orjson

__all__ = ["LearningCurve"]


class LearningCurve:
    """The measured course of a training, in a file that only grows.

    Args:
        path: A `.jsonl` file; lines of earlier runs are kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, point: Mapping[str, float | int | str]) -> None:
        """Append what was measured, e.g. ``{"step": 100, "seconds": 61.0, "loss": 0.4}``."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(orjson.dumps(dict(point)) + b"\n")

    def points(self) -> list[dict[str, float | int | str]]:
        """Return all points, oldest first; a line that was cut off when writing is left out."""
        if not self._path.exists():
            return []
        found: list[dict[str, float | int | str]] = []
        for line in self._path.read_bytes().splitlines():
            try:
                found.append(orjson.loads(line))
            except orjson.JSONDecodeError:
                continue
        return found
