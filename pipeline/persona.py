"""What the model is told about itself and the time: system message and notes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

__all__ = ["ClockPlacement", "Persona", "tell_time"]


class ClockPlacement(StrEnum):
    """Where the prompt says what time it is.

    ``TURN`` writes it beside the user's newest message, where it stays: the prompt only ever grows,
    so the model's cached prefix survives. ``SYSTEM`` keeps it in the system message, which is
    rewritten whenever the minute changes: right for models that read it only there, and cheap only
    for small ones, since everything after it is evaluated again.
    """

    OFF = "off"
    TURN = "turn"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Persona:
    """Who answers.

    Attributes:
        instructions: The system message.
        clock: Where the prompt says what time it is.
    """

    instructions: str
    clock: ClockPlacement = ClockPlacement.TURN

    def system(self, now: datetime) -> str:
        """Return the system message, with the time where it belongs there."""
        if self.clock is not ClockPlacement.SYSTEM:
            return self.instructions
        return f"{self.instructions} {tell_time(now)}".strip()

    def note(self, now: datetime) -> str:
        """Return what is written beside the user's newest message, or ""."""
        return tell_time(now) if self.clock is ClockPlacement.TURN else ""


def tell_time(now: datetime) -> str:
    """Say the local time in a sentence, e.g. "Current time: Tuesday, 3 March 2026, 15:42."."""
    return f"Current time: {now:%A}, {now.day} {now:%B} {now.year}, {now:%H:%M}."
