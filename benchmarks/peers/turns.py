"""What a device's notes say about its turns and its interruptions. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from benchmarks.peers.device import Notes

__all__ = ["Interruption", "Turn", "interruptions", "turns"]

_STILL_OLD_S: Final = 0.25
"""Audio that soon after the end of speech belongs to the reply before: no hang-over is shorter."""
_WHOLE: Final = 0.98
"""Share of a reply's samples that must have come: the last frame may be cut."""


@dataclass(frozen=True, slots=True)
class Turn:
    """An utterance and its reply, in seconds.

    Attributes:
        spoken_at: Its end of speech, on the device's clock.
        first_audio_s: From the end of speech to the first audio frame; None: there was none.
        decided_s: From the end of speech until the server said that the turn is over.
        samples: Of the reply.
    """

    spoken_at: float
    first_audio_s: float | None
    decided_s: float | None
    samples: int

    def is_whole(self, reply_samples: int) -> bool:
        """Whether all of the reply came."""
        return self.first_audio_s is not None and self.samples >= _WHOLE * reply_samples


@dataclass(frozen=True, slots=True)
class Interruption:
    """An utterance during a reply, in seconds from its onset.

    Attributes:
        last_audio_s: Until the last audio frame of the old reply came; 0 if none came any more.
        told_s: Until the server said that the reply is interrupted; None: it did not.
    """

    last_audio_s: float
    told_s: float | None


def turns(notes: Notes) -> tuple[Turn, ...]:
    """Of all utterances, in order; what comes before the next onset belongs to a turn."""
    return tuple(
        _turn(notes, spoken.end_at, until)
        for spoken, until in zip(notes.spoken, _ends(notes), strict=True)
    )


def _ends(notes: Notes) -> Iterator[float]:
    yield from (after.end_at + _STILL_OLD_S for _, after in pairwise(notes.spoken))
    if notes.spoken:
        yield float("inf")


def _turn(notes: Notes, end_at: float, until: float) -> Turn:
    reply = [(at, samples) for at, samples in notes.audio if end_at + _STILL_OLD_S < at <= until]
    decided = _first(notes.turn_ended, end_at, until)
    return Turn(
        spoken_at=end_at,
        first_audio_s=reply[0][0] - end_at if reply else None,
        decided_s=None if decided is None else decided - end_at,
        samples=sum(samples for _, samples in reply),
    )


def interruptions(notes: Notes, reply_samples: int) -> tuple[Interruption, ...]:
    """Of all utterances that began while the reply before them was not whole."""
    return tuple(
        _interruption(notes, spoken.onset_at, spoken.end_at)
        for before, spoken in pairwise(notes.spoken)
        if 0 < _samples(notes, before.end_at + _STILL_OLD_S, spoken.onset_at) < reply_samples
    )


def _samples(notes: Notes, after: float, until: float) -> int:
    return sum(samples for at, samples in notes.audio if after < at <= until)


def _interruption(notes: Notes, onset_at: float, end_at: float) -> Interruption:
    until = end_at + _STILL_OLD_S
    late = [at for at, _ in notes.audio if onset_at < at <= until]
    told = _first(notes.interrupted, onset_at, until)
    return Interruption(
        last_audio_s=late[-1] - onset_at if late else 0.0,
        told_s=None if told is None else told - onset_at,
    )


def _first(moments: Sequence[float], after: float, until: float) -> float | None:
    return next((at for at in moments if after < at <= until), None)
