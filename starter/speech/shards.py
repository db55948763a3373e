"""Shards of speech on disk: NAME.npy holds the spectra of many rows, NAME.json says what they are.

NAME.npy is float16 [frames, 80] (`log_mel`), row after row; NAME.json is a list of objects in the
same order, with the keys of `Row` in brackets. Both are written beside their place and moved there,
the .json first: a shard is there when its .npy is.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from starter.errors import RecipeError
from starter.speech.log_mel import BANDS, LogMel

__all__ = ["Row", "Shard", "finished_shards", "read_shard", "require_space", "write_shard"]

_SPARE_BYTES: Final = 500_000_000
"""Kept free on the disk, for checkpoints and for other people."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one utterance is.

    Attributes:
        text: What is said, as it is spelled; empty for what is not speech. [text]
        phones: Its sounds. [ph]
        voice: Name of the voice. [voice]
        end: Where the speech ends, in seconds. [end]
        frames: Length in frames of 10 ms. [n]
        kind: What sort of sentence it is, e.g. "grammar", "salad", "user". [kind]
        held: Whether the measuring build must not learn from its text. [held]
        channel: "phone", "opus", or "" for none. [channel]
    """

    text: str
    phones: tuple[str, ...]
    voice: str
    end: float
    frames: int
    kind: str
    held: bool = False
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard as read.

    Attributes:
        rows: Row by row.
        spectra: Shape (frames of all rows, 80), float16, mapped into memory.
        starts: First frame of each row.
    """

    rows: tuple[Row, ...]
    spectra: LogMel
    starts: tuple[int, ...]

    def of(self, number: int) -> LogMel:
        """Return the spectra of a row: a view, shape (frames, 80)."""
        start = self.starts[number]
        return self.spectra[start : start + self.rows[number].frames]


def write_shard(path: Path, rows: Sequence[Row], spectra: Sequence[LogMel]) -> None:
    """Write a shard, whole or not at all.

    Args:
        path: Without an ending.
        rows: At least one.
        spectra: As many; each as long as its row says.

    Raises:
        RecipeError: If the disk is full, or the place cannot be written.
    """
    if [row.frames for row in rows] != [len(one) for one in spectra]:
        raise ValueError("rows say other lengths than their spectra have")
    names, array = _beside(path, ".json"), _beside(path, ".npy")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        names.write_bytes(orjson.dumps([_document(row) for row in rows]))
        with array.open("wb") as file:
            np.save(file, np.concatenate(spectra).astype(np.float16, copy=False))
        names.replace(_place(path, ".json"))
        array.replace(_place(path, ".npy"))
    except OSError as error:
        names.unlink(missing_ok=True)
        array.unlink(missing_ok=True)
        message = f"cannot write the shard {path} ({error}); free some space, then go on"
        raise RecipeError(message) from error


def read_shard(path: Path) -> Shard:
    """Read a shard; the spectra stay on disk until they are looked at.

    Args:
        path: Its .npy, its .json, or the path that was given to `write_shard`.

    Raises:
        RecipeError: If it is missing, damaged, or the two files do not belong together.
    """
    place = path.with_suffix("") if path.suffix in (".npy", ".json") else path
    try:
        documents = orjson.loads(_place(place, ".json").read_bytes())
        spectra = np.load(_place(place, ".npy"), mmap_mode="r")
        rows = tuple(_row(document) for document in documents)
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        message = f"{place} is no shard that can be read ({error}); remove it, it is made anew"
        raise RecipeError(message) from error
    lengths = [row.frames for row in rows]
    if spectra.shape != (sum(lengths), BANDS) or spectra.dtype != np.float16:
        raise RecipeError(
            f"{place}.npy is {spectra.dtype} {spectra.shape}, its .json says float16 "
            f"{(sum(lengths), BANDS)}; remove both, they are made anew"
        )
    starts = np.concatenate([[0], np.cumsum(lengths)])[:-1]
    return Shard(rows, spectra, tuple(int(start) for start in starts))


def finished_shards(folder: Path) -> list[Path]:
    """Return the paths (.npy) of the shards that are whole, by name; the folder may be missing."""
    found = sorted(folder.glob("train_*.npy"))
    return [path for path in found if path.with_suffix(".json").exists()]


def require_space(folder: Path, size: int) -> None:
    """Look whether a disk has room for what is about to be written.

    Args:
        folder: Exists.
        size: Bytes.

    Raises:
        RecipeError: If it has not.
    """
    free = shutil.disk_usage(folder).free
    if free < size + _SPARE_BYTES:
        raise RecipeError(
            f"{folder} has {free // 1_000_000} MB free, "
            f"{(size + _SPARE_BYTES) // 1_000_000} MB are needed to go on; "
            "free some space, or name another folder with --work"
        )


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.name}{ending}.tmp")


def _place(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _document(row: Row) -> dict[str, Any]:
    return {
        "text": row.text, "ph": row.phones, "voice": row.voice, "end": round(row.end, 2),
        "n": row.frames, "kind": row.kind, "held": row.held, "channel": row.channel,
    }  # fmt: skip


def _row(document: dict[str, Any]) -> Row:
    return Row(
        document["text"], tuple(document["ph"]), document["voice"], float(document["end"]),
        int(document["n"]), document["kind"], bool(document["held"]), document["channel"],
    )  # fmt: skip
