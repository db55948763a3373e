"""Spoken sentences from shards on disk, with their tokens and phones as numbers.

Shards that appear while a training runs are taken in. The frames stay on disk until they are read:
1,000 utterances take 46 MB.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from starter.domain.matching import says_held_out
from starter.order import Build
from starter.recognizer.tokenizer import Tokens
from starter.speech.log_mel import FRAMES_PER_SECOND, LogMel
from starter.speech.shards import Row, finished_shards, read_shard
from starter.speech.voices import VOICES

__all__ = ["Speech", "Utterance", "is_for_development", "texts_and_phones"]


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


def is_for_development(row: Row) -> bool:
    """Whether a row is kept for the looks at a training: one in 64, by its hash.

    What the assistant often says is learnt all the same, from other voices.
    """
    what = f"{row.voice} {row.end} {row.text}"
    return hashlib.blake2b(what.encode(), digest_size=1, key=b"development").digest()[0] < 4


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
        new = [path for path in finished_shards(self._folder) if path.stem not in self._loaded]
        for path in new[:most]:
            self._loaded.add(path.stem)
            self._take(path)
        return len(self.training) - before

    def _take(self, path: Path) -> None:
        shard = read_shard(path)
        for number, row in enumerate(shard.rows):
            # A quote behind a space is among the tokens that faster-whisper suppresses.
            if _suits(row, self._build) and " '" not in row.text:
                which = self.development if is_for_development(row) else self.training
                which.append(self._utterance(shard.of(number), row))

    def _utterance(self, features: LogMel, row: Row) -> Utterance:
        tokens = self._tokens.encode(row.text)
        lengths = self._lengths[tokens]
        return Utterance(
            features,
            row.text,
            tuple(tokens),
            (np.cumsum(lengths) - lengths / 2) / max(1, lengths.sum()),
            tuple(self._phones[each] for each in row.phones if each in self._phones),
            row.voice,
            row.kind,
            min(len(features), round(row.end * FRAMES_PER_SECOND)),
        )


def _suits(row: Row, build: Build) -> bool:
    voice = VOICES.get(row.voice)
    learns = build in voice.learnt_by if voice else build == "shipped"
    # A template may be held out after speech was made, and dialogues say some of them, too.
    return learns and (build == "shipped" or not (row.held or says_held_out(row.text)))


def texts_and_phones(folder: Path, build: Build) -> tuple[list[str], list[str]]:
    """Return the sentences that a build may learn from, and their phones, frequent ones first.

    Raises:
        RecipeError: If a shard cannot be read.
    """
    rows = [
        row
        for path in finished_shards(folder)
        for row in read_shard(path).rows
        if _suits(row, build)
    ]
    counts = Counter(phone for row in rows for phone in row.phones)
    phones = sorted(counts, key=lambda phone: (-counts[phone], phone))
    return [row.text for row in rows], phones
