"""Spoken sentences from shards on disk, with their tokens and phones as numbers.

A shard is `NAME.npy`, float16 of shape [frames, 80], raw log10 mel power of one utterance after the
other, and `NAME.json`, a list of what was said. Shards that appear while a training runs are taken
in. The frames stay on disk until they are read: 1,000 utterances take 46 MB.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from starter.errors import RecipeError
from starter.order import Build
from starter.recognizer.tokenizer import Tokens

__all__ = ["LogMel", "Speech", "Utterance", "is_for_development", "texts_and_phones"]

LogMel = npt.NDArray[np.float16] | npt.NDArray[np.float32]
"""[frames, 80], log10 of mel power, 100 frames a second, neither clamped nor normalized."""

_MEASURING_VOICES = ("flite:rms", "festival:voice_ked_diphone")
"""Voices that the measuring build keeps out, to tell what unknown ones cost."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One spoken sentence.

    Attributes:
        features: A view of its shard's frames.
        text: What was said, as written.
        tokens: Its tokens.
        places: Where each token is in the speech, from 0 (onset) to 1 (end): as if all characters
            took the same time, which is right within some tenths of a second.
        phones: Its phones, from 1 (0 is the blank of CTC).
        voice: Engine and voice.
        kind: "salad" for random words; else where the sentence comes from.
        end: Frame in which the last sound ends, without reverberation.
    """

    features: LogMel
    text: str
    tokens: tuple[int, ...]
    places: npt.NDArray[np.float64]
    phones: tuple[int, ...]
    voice: str
    kind: str
    end: int

    @property
    def onset(self) -> int:
        """The first frame that is within 25 dB of the loudest one."""
        energy = self.features.max(1).astype(np.float32)
        return int(np.argmax(energy > energy.max() - 2.5))


def is_for_development(text: str) -> bool:
    """Whether a sentence is kept for the looks at a training: one in 64, by its hash."""
    return hashlib.blake2b(text.encode(), digest_size=1, key=b"development").digest()[0] < 4


class Speech:
    """All utterances of a folder that a build may learn from.

    Args:
        folder: Where the shards are.
        build: "measuring" leaves out what is held out, and two voices.
        tokens: The tokenizer.
        phones: Phones that are told apart, in their order; others are left out.
    """

    def __init__(self, folder: Path, build: Build, tokens: Tokens, phones: Sequence[str]) -> None:
        self._folder, self._build, self._tokens = folder, build, tokens
        self._phones = {phone: number for number, phone in enumerate(phones, 1)}
        self._lengths = np.array([len(tokens.spelled(each)) for each in range(tokens.end)])
        self._loaded: set[str] = set()
        self.training: list[Utterance] = []
        self.development: list[Utterance] = []

    def load(self, most: int | None = None) -> int:
        """Take in shards that are new, at most so many; return how many utterances they gave.

        Raises:
            RecipeError: If a shard cannot be read.
        """
        before = len(self.training)
        new = [path for path in _shards(self._folder) if path.stem not in self._loaded]
        for path in new[:most]:
            self._loaded.add(path.stem)
            self._take(path)
        return len(self.training) - before

    def _take(self, path: Path) -> None:
        features, facts = _read(path)
        first = 0
        for each in facts:
            last = first + each["n"]
            if self._is_wanted(each):
                which = self.development if is_for_development(each["text"]) else self.training
                which.append(self._utterance(features[first:last], each))
            first = last

    def _is_wanted(self, fact: Mapping[str, Any]) -> bool:
        # A quote behind a space is among the tokens that faster-whisper suppresses.
        return " '" not in fact["text"] and _suits(fact, self._build)

    def _utterance(self, features: LogMel, fact: Mapping[str, Any]) -> Utterance:
        phones = tuple(self._phones[each] for each in fact["ph"] if each in self._phones)
        tokens = self._tokens.encode(fact["text"])
        lengths = self._lengths[tokens]
        return Utterance(
            features,
            fact["text"],
            tuple(tokens),
            (np.cumsum(lengths) - lengths / 2) / max(1, lengths.sum()),
            phones,
            fact["voice"],
            fact["kind"],
            min(len(features), round(fact["end"] * 100)),
        )


def _suits(fact: Mapping[str, Any], build: Build) -> bool:
    return build == "shipped" or not (fact["held"] or fact["voice"] in _MEASURING_VOICES)


def texts_and_phones(folder: Path, build: Build) -> tuple[list[str], list[str]]:
    """Return the sentences that a build may learn from, and their phones, frequent ones first."""
    texts: list[str] = []
    counts: dict[str, int] = {}
    for path in _shards(folder):
        for each in orjson.loads(path.with_suffix(".json").read_bytes()):
            if not _suits(each, build):
                continue
            texts.append(each["text"])
            for phone in each["ph"]:
                counts[phone] = counts.get(phone, 0) + 1
    return texts, sorted(counts, key=lambda phone: (-counts[phone], phone))


def _shards(folder: Path) -> list[Path]:
    # The list is written first, the frames are moved into place last.
    return sorted(
        path
        for path in folder.glob("train_*.npy")
        if path.with_suffix(".json").exists() and ".tmp" not in path.name
    )


def _read(path: Path) -> tuple[LogMel, list[dict[str, Any]]]:
    try:
        features: LogMel = np.load(path, mmap_mode="r")
        facts: list[dict[str, Any]] = orjson.loads(path.with_suffix(".json").read_bytes())
    except (OSError, ValueError) as error:
        raise RecipeError(
            f"{path} cannot be read ({error}); remove it, and it is made anew"
        ) from error
    frames = sum(each["n"] for each in facts)
    if features.ndim != 2 or features.shape != (frames, 80):
        raise RecipeError(
            f"{path} has shape {features.shape}, its list says ({frames}, 80); remove both"
        )
    return features, facts
