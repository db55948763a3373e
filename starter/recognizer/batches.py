"""Batches of rows of about the same length, as tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from starter.recognizer.augmentation import Augmentation, Spectrum, mixed, silence_of
from starter.recognizer.backgrounds import Backgrounds
from starter.recognizer.network import MARGIN
from starter.recognizer.rows import Row, Rows
from starter.recognizer.tokenizer import Tokens
from starter.speech.log_mel import normalized

__all__ = ["IGNORED", "Batch", "Batching", "Composer", "packed"]

IGNORED = -100
"""Label of what is not to be learnt."""
_TEXT_BEGINS = 256
"""Tokens below are single bytes, which no text here needs."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows as tensors.

    Attributes:
        features: [rows, 80, frames + MARGIN], normalized, padded as the decoder's context is.
        tokens: What the decoder reads, [rows, tokens].
        labels: What it shall write next, `IGNORED` where nothing is learnt.
        centers: Where each label should be heard, in positions of 20 ms; -1 where it is unknown.
        positions: Positions of each row's sound.
        phones: All phones of all rows, from 1.
        phone_counts: Phones of each row.
        vocabulary: Tokens that are told apart; time stamps are left out where none is a label.
        sentences: Rows in which somebody speaks.
    """

    features: torch.Tensor
    tokens: torch.Tensor
    labels: torch.Tensor
    centers: torch.Tensor
    positions: torch.Tensor
    phones: torch.Tensor
    phone_counts: torch.Tensor
    vocabulary: int
    sentences: int

    def to(self, device: str) -> Batch:
        """Return the same on a device; lengths stay on the CPU, where CTC wants them."""
        if device == "cpu":
            return self
        names = ("features", "tokens", "labels", "centers", "phones")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


@dataclass(frozen=True, slots=True)
class Batching:
    """How rows become batches.

    Attributes:
        frames: Frames of a batch, padding included.
        drawn: Rows that are sorted by length at a time.
        time_stamps: Share of batches with time stamps; Parley decodes without.
        nobody: Rows without speech, as a share of those with.
        zeros: Share of batches padded with features of zero, as faster-whisper does by itself;
            Parley pads with digital silence.
    """

    frames: int = 10_000
    drawn: int = 900
    time_stamps: float = 0.15
    nobody: float = 0.06
    zeros: float = 0.2


def packed(rows: Sequence[Row], frames: int, random: np.random.Generator) -> Iterator[list[Row]]:
    """Put rows of similar length together, in random order of the batches.

    Args:
        rows: Any.
        frames: Rows times the longest row's frames, at most, unless a single row is longer.
        random: Lengths are blurred a little, so that rows meet others.
    """
    blurred = random.integers(0, 30, len(rows))
    order = sorted(range(len(rows)), key=lambda each: len(rows[each].features) + blurred[each])
    batches: list[list[Row]] = [[]]
    longest = 0
    for number in order:
        longest = max(longest, len(rows[number].features))
        if batches[-1] and longest * (len(batches[-1]) + 1) > frames:
            batches.append([])
            longest = len(rows[number].features)
        batches[-1].append(rows[number])
    for number in random.permutation(len(batches)):
        yield batches[number]


class Composer:
    """Makes batches from rows, without end.

    Args:
        rows: Where rows come from.
        backgrounds: Noise, and what is heard where nobody speaks.
        tokens: The tokenizer.
        random: Where all draws come from.
        batching: See there.
        augmentation: See there.
    """

    def __init__(
        self,
        rows: Rows,
        backgrounds: Backgrounds,
        tokens: Tokens,
        random: np.random.Generator,
        batching: Batching | None = None,
        augmentation: Augmentation | None = None,
    ) -> None:
        self._rows, self._backgrounds, self._tokens = rows, backgrounds, tokens
        self._random = random
        self._batching = batching or Batching()
        self._augmentation = augmentation or Augmentation()
        self.token_noise = 0.2
        """Share of the decoder's text tokens that are replaced, so that it listens."""

    def batches(self) -> Iterator[Batch]:
        """Yield batches for as long as they are taken."""
        while True:
            rows = [self._rows.make() for _ in range(self._batching.drawn)]
            for chosen in packed(rows, self._batching.frames, self._random):
                yield self.batch(chosen)

    def batch(self, rows: Sequence[Row]) -> Batch:
        """Change, mix and normalize the rows' sound, add rows without speech, and number all."""
        draw = self._random
        longest = max(len(row.features) for row in rows)
        spectra = [self._heard(row) for row in rows]
        count = int(draw.poisson(self._batching.nobody * len(rows)))
        nobody = [self._nobody(longest) for _ in range(min(count, len(rows)))]
        stamped = bool(draw.random() < self._batching.time_stamps)
        texts = [self._text(row, stamped=stamped) for row in [*rows, *(row for row, _ in nobody)]]
        spectra += [spectrum for _, spectrum in nobody]
        phones = [row.phones for row in rows] + [()] * len(nobody)
        return Batch(
            features=torch.from_numpy(self._padded(spectra)),
            tokens=torch.from_numpy(_square([each.read for each in texts], self._tokens.end)),
            labels=torch.from_numpy(_square([each.written for each in texts], IGNORED)),
            centers=torch.from_numpy(_square([each.centers for each in texts], -1.0)).float(),
            positions=torch.tensor([(len(each) + 1) // 2 for each in spectra]),
            phones=torch.tensor([phone for each in phones for phone in each], dtype=torch.long),
            phone_counts=torch.tensor([len(each) for each in phones]),
            vocabulary=self._tokens.size if stamped else self._tokens.first_time_stamp,
            sentences=len(rows),
        )

    def _heard(self, row: Row) -> Spectrum:
        raw = self._augmentation.speaker(row.features.astype(np.float32), self._random)
        if self._random.random() < self._augmentation.noisy:
            raw = mixed(raw, *self._backgrounds.behind(len(raw)))
        return self._augmentation.channel(raw, self._random)

    def _nobody(self, longest: int) -> tuple[Row, Spectrum]:
        raw = np.maximum(self._backgrounds.instead(longest), -10)
        row = Row(raw, (), (), (), self._rows.prompt(), 0, is_speech=False)
        return row, normalized(raw)

    def _padded(self, spectra: Sequence[Spectrum]) -> Spectrum:
        longest = max(map(len, spectra))
        frames = longest + longest % 2 + MARGIN
        zeros = self._random.random() < self._batching.zeros
        found = np.empty((len(spectra), 80, frames), np.float32)
        for row, spectrum in zip(found, spectra, strict=True):
            row[:, : len(spectrum)] = spectrum.T
            row[:, len(spectrum) :] = 0.0 if zeros else silence_of(spectrum)
        return found

    def _text(self, row: Row, *, stamped: bool) -> _Text:
        tokens = self._tokens
        before = [tokens.previous, *row.prompt] if row.prompt else []
        mode = tokens.first_time_stamp if stamped else tokens.no_time_stamps
        if not row.is_speech:
            read = [*before, tokens.start, mode]
            written = [*[IGNORED] * len(before), tokens.no_speech, tokens.end]
            return _Text(read, written, [-1.0] * len(read))
        stop = [tokens.time_stamp(row.end / 100)] if stamped else []
        read = [*before, tokens.start, mode, *row.tokens, *stop]
        # The mode is given when decoding; learning it tells speech from none after the start.
        written = [*[IGNORED] * len(before), mode, *row.tokens, *stop, tokens.end]
        known = [*(each / 2 for each in row.centers), *[row.end / 2] * (len(stop) + 1)]
        return _Text(self._disturbed(read), written, [-1.0] * (len(before) + 1) + known)

    def _disturbed(self, tokens: list[int]) -> list[int]:
        found = np.array(tokens)
        hit = (self._random.random(len(found)) < self.token_noise) & (found < self._tokens.end)
        found[hit] = self._random.integers(_TEXT_BEGINS, self._tokens.end, int(hit.sum()))
        replaced: list[int] = found.tolist()
        return replaced


@dataclass(frozen=True, slots=True)
class _Text:
    """What the decoder reads, what it shall write after each token, and where that is heard."""

    read: list[int]
    written: list[int]
    centers: list[float]


def _square(
    lists: Sequence[Sequence[float]], filler: float
) -> npt.NDArray[np.int64] | npt.NDArray[np.float64]:
    found = np.full((len(lists), max(map(len, lists))), filler)
    for row, each in zip(found, lists, strict=True):
        row[: len(each)] = each
    return found
