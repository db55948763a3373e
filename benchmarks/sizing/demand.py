"""What one conversation asks of each engine, and how many fit. Arithmetic on measured costs.

A conversation is a share of the time in which the user speaks and a share in which the agent does;
everything else follows from what the engines were measured to take.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.sizing.measured import EngineCosts, MediaCost

__all__ = ["LOOP", "PROCESSOR", "Demand", "Talk", "demands", "first_full", "fitting"]

LOOP: Final = "event loop"
PROCESSOR: Final = "all cores"


@dataclass(frozen=True, slots=True)
class Talk:
    """How people talk.

    Attributes:
        user: Share of the time in which the user speaks.
        reply: Share of the time in which the agent speaks.
        turn_s: Length of what the user says at once, in seconds.
    """

    user: float = 0.35
    reply: float = 0.3
    turn_s: float = 3.0

    @property
    def turns_per_s(self) -> float:
        """How often the user ends a turn."""
        return self.user / self.turn_s


@dataclass(frozen=True, slots=True)
class Demand:
    """What one conversation asks of one part of the server.

    Attributes:
        part: An engine, `LOOP`, or `PROCESSOR`.
        busy: Seconds of work per second of conversation.
        room: Seconds of work that the part can do per second.
    """

    part: str
    busy: float
    room: float

    @property
    def fits(self) -> int:
        """Conversations with which the part would work without pause."""
        return math.floor(self.room / self.busy) if self.busy > 0 else 0

    def at(self, conversations: int) -> float:
        """Which part of its room so many take; above 1, they do not fit."""
        return conversations * self.busy / self.room


def demands(
    engines: EngineCosts, media: MediaCost, talk: Talk, *, cores: int
) -> tuple[Demand, ...]:
    """What one conversation asks of every engine, of the event loop, and of the whole processor.

    Engines are asked in seconds that they are busy (they may use several threads, or a GPU); the
    processor in seconds of its cores.

    Args:
        engines: As measured, one at a time.
        media: The rest of a session, as measured with the codec in question.
        talk: How people talk.
        cores: Of the machine.
    """
    recognizer, model, voice = engines.recognizer, engines.language_model, engines.voice
    tokens = talk.reply * engines.tokens_per_reply_s
    seconds: Mapping[str, tuple[float, float, float]] = {
        "recognizer": (
            talk.user * recognizer.partials_s + talk.turns_per_s * recognizer.final_s,
            talk.user * recognizer.partials_cpu_s + talk.turns_per_s * recognizer.final_cpu_s,
            recognizer.workers,
        ),
        "language model": (
            talk.turns_per_s * model.first_token_s + tokens * model.token_s,
            talk.turns_per_s * model.first_token_cpu_s + tokens * model.token_cpu_s,
            1,
        ),
        "voice": (talk.reply * voice.real_time, talk.reply * voice.real_time_cpu, voice.workers),
    }
    processor = sum(cpu for _, cpu, _ in seconds.values()) + media.cpu_per_session
    return (
        *(Demand(name, busy, room) for name, (busy, _, room) in seconds.items()),
        Demand(LOOP, media.cpu_per_session, 1.0),
        Demand(PROCESSOR, processor, cores),
    )


def first_full(found: tuple[Demand, ...]) -> Demand:
    """The part that is full first."""
    return min(found, key=lambda each: each.room / each.busy if each.busy > 0 else math.inf)


def fitting(found: tuple[Demand, ...], *, share: float) -> int:
    """How many conversations leave every part a rest: none is asked for more than ``share``."""
    tightest = first_full(found)
    return math.floor(share * tightest.room / tightest.busy) if tightest.busy > 0 else 0
