"""Rows of a training: one utterance or several, cut as detectors cut, with a prompt or none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from starter.recognizer.utterances import Utterance

__all__ = ["LONGEST", "Mixture", "Row", "Rows"]

LONGEST = 2980
"""Frames of the longest row: 30 s less what the context of the decoder needs behind it."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """Shares of what rows are made of.

    Attributes:
        joined: Rows of several sentences.
        most_joined: Sentences in such a row, at most.
        one_voice: Joined rows in which one voice speaks.
        longest_pause: Frames between joined sentences, at most.
        cut_beginnings: Rows that begin within the first sounds, as after a late detector.
        trimmed_beginnings: Rows whose silence before the speech is shortened.
        cut_ends: Rows that end right behind the last sound.
        trimmed_ends: Rows whose silence behind the speech is shortened.
        prompted: Rows that follow words of another sentence.
        longest_prompt: Tokens of such a prompt, at most.
        salads: Rows of random words.
    """

    joined: float = 0.13
    most_joined: int = 8
    one_voice: float = 0.7
    longest_pause: int = 60
    cut_beginnings: float = 0.15
    trimmed_beginnings: float = 0.6
    cut_ends: float = 0.1
    trimmed_ends: float = 0.65
    prompted: float = 0.25
    longest_prompt: int = 32
    salads: float = 0.4


@dataclass(frozen=True, slots=True)
class Row:
    """What is heard, and what shall be written.

    Attributes:
        features: Raw log-mel frames, [frames, 80].
        tokens: The text's tokens.
        centers: The frame in which each is expected.
        phones: Phones, from 1.
        prompt: Tokens of what was said before; not to be written again.
        end: Frame in which the last sound ends.
        is_speech: Whether anything is said.
    """

    features: npt.NDArray[np.floating]
    tokens: tuple[int, ...]
    centers: tuple[float, ...]
    phones: tuple[int, ...]
    prompt: tuple[int, ...]
    end: int
    is_speech: bool = True


class Rows:
    """Makes rows from utterances, without end.

    Args:
        utterances: What there is; it may grow.
        mixture: See there.
        random: Where the draws come from.
    """

    def __init__(
        self, utterances: Sequence[Utterance], mixture: Mixture, random: np.random.Generator
    ) -> None:
        self._utterances, self._mixture, self._random = utterances, mixture, random
        self._known = 0
        self._salads, self._sentences = _Turns(random), _Turns(random)
        self._voices: defaultdict[str, list[int]] = defaultdict(list)

    def make(self) -> Row:
        """Return the next row."""
        self._take_in()
        if self._random.random() < self._mixture.joined:
            row = joined(self._together(), self._mixture.longest_pause, self._random)
        else:
            row = self._single(self._next())
        return replace(row, prompt=self.prompt())

    def prompt(self) -> tuple[int, ...]:
        """Return the tokens of what was said before a row: for most rows, nothing."""
        if self._random.random() >= self._mixture.prompted:
            return ()
        words: list[int] = []
        for _ in range(1 + int(2.5 * self._random.random() ** 2)):
            words += self._utterances[int(self._random.integers(len(self._utterances)))].tokens
        return tuple(words[-self._mixture.longest_prompt :])

    def _take_in(self) -> None:
        for number in range(self._known, len(self._utterances)):
            each = self._utterances[number]
            (self._salads if each.kind == "salad" else self._sentences).add(number)
            self._voices[each.voice].append(number)
        self._known = len(self._utterances)

    def _next(self) -> Utterance:
        wanted = self._random.random() < self._mixture.salads
        turns = self._salads if wanted else self._sentences
        if not turns.size:
            turns = self._sentences if wanted else self._salads
        return self._utterances[turns.next()]

    def _single(self, utterance: Utterance) -> Row:
        draw, mixture = self._random, self._mixture
        onset, end, frames = utterance.onset, utterance.end, len(utterance.features)
        first, last = 0, frames
        kind = draw.random()
        if kind < mixture.cut_beginnings:
            first = onset + int(draw.integers(-2, 11))
        elif kind < mixture.cut_beginnings + mixture.trimmed_beginnings:
            first = onset - int(draw.integers(2, 30))
        kind = draw.random()
        if kind < mixture.cut_ends:
            last = end + int(draw.integers(0, 4))
        elif kind < mixture.cut_ends + mixture.trimmed_ends:
            last = end + int(draw.integers(5, 45))
        first, last = max(0, first), min(frames, last)
        if last - first < 40:  # a word of a tenth of a second is not cut
            first, last = 0, frames
        return Row(
            utterance.features[first:last],
            utterance.tokens,
            _centers(utterance, onset - first),
            utterance.phones,
            (),
            min(end, last) - first,
        )

    def _together(self) -> list[Utterance]:
        draw, mixture = self._random, self._mixture
        chosen = [self._next()]
        # Few are likelier than many: attention makes long rows dear.
        wanted = 2 + int((mixture.most_joined - 1) * draw.random() ** 2)
        same = self._voices[chosen[0].voice] if draw.random() < mixture.one_voice else []
        frames = len(chosen[0].features)
        while len(chosen) < wanted:
            more = self._utterances[same[int(draw.integers(len(same)))]] if same else self._next()
            frames += len(more.features) + mixture.longest_pause
            if frames > LONGEST:
                break
            chosen.append(more)
        return chosen


def joined(parts: Sequence[Utterance], longest_pause: int, random: np.random.Generator) -> Row:
    """Put utterances behind each other, with pauses as quiet as their quietest frame.

    Args:
        parts: At least one.
        longest_pause: Frames of silence that are inserted, at most; half of the pauses are short.
        random: Where pauses come from.
    """
    quiet = min(float(each.features.min()) for each in parts)
    pieces: list[npt.NDArray[np.float16]] = []
    centers: list[float] = []
    frames = end = 0
    for number, each in enumerate(parts):
        begin = each.onset
        first = max(0, begin - int(random.integers(3, 25)))
        last = min(len(each.features), each.end + int(random.integers(2, 25)))
        if number:
            pause = int(longest_pause * random.random() ** 2)
            pieces.append(np.full((pause, each.features.shape[1]), quiet, np.float16))
            frames += pause
        pieces.append(each.features[first:last])
        centers += _centers(each, frames + begin - first)
        end = frames + each.end - first
        frames += last - first
    features = np.concatenate(pieces)[:LONGEST]
    return Row(
        features,
        tuple(token for each in parts for token in each.tokens),
        tuple(centers),
        tuple(phone for each in parts for phone in each.phones),
        (),
        min(end, LONGEST),
    )


def _centers(utterance: Utterance, onset: int) -> tuple[float, ...]:
    """Return the frame of each token, the speech beginning at `onset`, which may be cut away."""
    length = utterance.end - utterance.onset
    return tuple(np.maximum(0, onset + length * utterance.places).tolist())


class _Turns:
    """Numbers in random order, each once before any comes again."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random, self._all = random, list[int]()
        self._rest: list[int] = []

    @property
    def size(self) -> int:
        return len(self._all)

    def add(self, number: int) -> None:
        self._all.append(number)
        if self._rest:  # a turn has begun: take part in what is left of it
            self._rest.insert(int(self._random.integers(len(self._rest))), number)

    def next(self) -> int:
        if not self._rest:
            self._rest = self._random.permutation(self._all).tolist()
        return self._rest.pop()
