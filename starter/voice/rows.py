"""What the network learns from: sentences as symbols, their durations, and their frames.

Rows lie on disk in parts of some hundred sentences, each written whole or not at all, so making
them goes on where it was stopped.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from starter.errors import RecipeError
from starter.voice import analysis, flite, frames, phones

__all__ = ["PART_SENTENCES", "Row", "read_rows", "row_of", "write_rows"]

PART_SENTENCES: Final = 500
_STEP_SECONDS: Final = 0.01
_FRAMES: Final = round(_STEP_SECONDS * frames.SAMPLE_RATE / frames.HOP)
_LEAD, _TRAIL = 4, 10
"""Steps of silence that are kept before and after a sentence."""
_WORST_ALIGNMENT: Final = 0.22
"""Cost per phone above which espeak and flite have read different words, mostly abbreviations."""
_LEAST_VOICED: Final = 40


@dataclass(frozen=True, slots=True)
class Row:
    """One sentence.

    Attributes:
        symbols: Piper's numbers, without padding, from ``^`` to ``$``; int64.
        steps: How many steps of 10 ms each lasts; int64.
        frames: Shape (2 * sum of steps, `frames.SIZE`), float32.
    """

    symbols: npt.NDArray[np.int64]
    steps: npt.NDArray[np.int64]
    frames: npt.NDArray[np.float32]


def row_of(text: str) -> Row | None:
    """Make a row of a sentence; None if espeak and flite do not read it alike.

    Raises:
        RecipeError: If flite is not installed.
    """
    numbers = phones.identifiers()
    sentences = phones.spelled(text)
    if len(sentences) != 1 or any(symbol not in numbers for symbol in sentences[0]):
        return None
    tracks = flite.speak(text, with_audio=False)
    if not _is_usable(tracks):
        return None
    spoken = analysis.frames_of(tracks)
    lengths, spoken = _trimmed(tracks.ends, spoken)
    steps, cost = phones.durations_of(sentences[0], tracks.phones, lengths)
    if cost > _WORST_ALIGNMENT:
        return None
    return Row(np.array([numbers[symbol] for symbol in sentences[0]]), steps, spoken)


def _is_usable(tracks: flite.Tracks) -> bool:
    ends_in_pauses = tracks.phones[0] == tracks.phones[-1] == "pau"
    return ends_in_pauses and int((tracks.pitch > 0).sum()) >= _LEAST_VOICED


def _trimmed(
    ends: Sequence[float], spoken: npt.NDArray[np.float32]
) -> tuple[list[int], npt.NDArray[np.float32]]:
    """Return the phones' lengths in steps and the frames, with little silence at both ends."""
    count = len(spoken) // _FRAMES
    borders = np.minimum(np.round(np.array(ends) / _STEP_SECONDS).astype(int), count)
    borders[-1] = count
    lengths = np.diff(borders, prepend=0)
    begin = max(lengths[0] - _LEAD, 0)
    end = count - max(lengths[-1] - _TRAIL, 0)
    lengths[0] -= begin
    lengths[-1] -= count - end
    return lengths.tolist(), spoken[begin * _FRAMES : end * _FRAMES]


def write_rows(texts: Sequence[str], folder: Path, processes: int) -> Iterator[int]:
    """Make rows of sentences, part by part; parts that exist already are kept.

    Yields:
        How many sentences are done.

    Raises:
        RecipeError: If flite is missing or the disk is full.
    """
    flite.require()
    folder.mkdir(parents=True, exist_ok=True)
    parts = [texts[at : at + PART_SENTENCES] for at in range(0, len(texts), PART_SENTENCES)]
    wanted = [(part, path) for part in parts if not (path := folder / _name(part)).exists()]
    done = len(texts) - sum(len(part) for part, _ in wanted)
    yield done
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes) as pool:
        for count in pool.imap_unordered(_write_part, wanted):
            done += count
            yield done


def _name(texts: Sequence[str]) -> str:
    """Name a part by what is in it: other texts make other parts."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16] + ".npz"


def _write_part(part: tuple[Sequence[str], Path]) -> int:
    texts, path = part
    rows = [row for row in map(row_of, texts) if row is not None]
    partial_path = path.with_suffix(f".{os.getpid()}.partial")
    try:
        with partial_path.open("wb") as file:
            np.savez(
                file,
                symbols=_joined([row.symbols for row in rows], np.int16),
                steps=_joined([row.steps for row in rows], np.int16),
                frames=_joined([row.frames for row in rows], np.float16),
                symbol_counts=np.array([len(row.symbols) for row in rows], np.int64),
                frame_counts=np.array([len(row.frames) for row in rows], np.int64),
            )
        partial_path.replace(path)
    except OSError as error:
        partial_path.unlink(missing_ok=True)
        message = f"cannot write {path} ({error}); free some space, then go on"
        raise RecipeError(message) from error
    return len(texts)


def _joined(arrays: Sequence[npt.NDArray[np.generic]], dtype: type) -> npt.NDArray[np.generic]:
    return np.concatenate([*arrays, arrays[0][:0]]).astype(dtype) if arrays else np.zeros(0, dtype)


def read_rows(texts: Sequence[str], folder: Path) -> list[Row]:
    """Return the rows that `write_rows` made of these texts, in their order."""
    parts = (texts[at : at + PART_SENTENCES] for at in range(0, len(texts), PART_SENTENCES))
    found = partial(_read_part, folder=folder)
    return [row for part in parts for row in found(part)]


def _read_part(texts: Sequence[str], folder: Path) -> Iterator[Row]:
    path = folder / _name(texts)
    try:
        with path.open("rb") as file, np.load(file) as stored:
            arrays = {name: stored[name] for name in stored.files}
        cuts = np.cumsum(arrays["symbol_counts"])[:-1]
        frame_cuts = np.cumsum(arrays["frame_counts"])[:-1]
        columns = (
            np.split(arrays["symbols"].astype(np.int64), cuts),
            np.split(arrays["steps"].astype(np.int64), cuts),
            np.split(arrays["frames"].astype(np.float32), frame_cuts),
        )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise RecipeError(f"{path} cannot be read ({error}); remove it to make it anew") from error
    return (Row(*row) for row in zip(*columns, strict=True) if len(row[0]))
