"""Audio that has arrived and waits to be listened to, and the recent past. Pure."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeAlias, TypeVar

import numpy as np

from pipeline.engines import Int16Audio

__all__ = ["Backlog", "RecentAudio"]

M = TypeVar("M")
Entry: TypeAlias = "Int16Audio | M"


class Backlog(Generic[M]):
    """Samples and marks in order of arrival; a mark is reached after the samples before it.

    A burst after a stall can so be worked off in slices; a command keeps its place in the audio.
    """

    def __init__(self) -> None:
        self._audio: deque[Int16Audio] = deque()
        self._marks: deque[tuple[int, M]] = deque()
        self.arrived = 0
        self.taken = 0

    @property
    def samples(self) -> int:
        """Samples that wait."""
        return self.arrived - self.taken

    def __bool__(self) -> bool:
        """Whether samples or marks wait."""
        return bool(self._audio or self._marks)

    def offer(self, audio: Int16Audio) -> None:
        """Append samples (16 kHz)."""
        if len(audio):
            self._audio.append(audio)
            self.arrived += len(audio)

    def mark(self, mark: M) -> None:
        """Put a mark behind the samples that have arrived."""
        self._marks.append((self.arrived, mark))

    def take(self, at_most: int) -> Int16Audio | M | None:
        """Return the next mark, or up to ``at_most`` samples before it; None: nothing waits."""
        if self._marks and self._marks[0][0] <= self.taken:
            return self._marks.popleft()[1]
        if not self._audio:
            return None
        limit = min(at_most, self._marks[0][0] - self.taken) if self._marks else at_most
        audio = self._head(limit)
        self.taken += len(audio)
        return audio

    def _head(self, limit: int) -> Int16Audio:
        pieces: list[Int16Audio] = []
        while limit and self._audio:
            piece = self._audio.popleft()
            if len(piece) > limit:
                self._audio.appendleft(piece[limit:])
                piece = piece[:limit]
            pieces.append(piece)
            limit -= len(piece)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


class RecentAudio:
    """The last seconds of what was listened to, by position.

    Args:
        samples: How much to keep; pieces are dropped whole, so a little more may stay.
    """

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._pieces: deque[Int16Audio] = deque()
        self._held = 0
        self.end = 0

    def append(self, audio: Int16Audio) -> None:
        """Add the samples that follow."""
        self._pieces.append(audio)
        self._held += len(audio)
        self.end += len(audio)
        while self._held - len(self._pieces[0]) >= self._samples:
            self._held -= len(self._pieces.popleft())

    def since(self, position: int) -> tuple[int, Int16Audio]:
        """Return where the samples from ``position`` (or the oldest left) begin, and them."""
        begin = max(position, self.end - self._held)
        if begin >= self.end:
            return self.end, np.zeros(0, np.int16)
        held = np.concatenate(list(self._pieces))
        return begin, held[len(held) - (self.end - begin) :]
