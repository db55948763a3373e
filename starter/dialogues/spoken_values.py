"""Values as users say them: clock times, codes."""

from __future__ import annotations

from random import Random

from starter.domain.numbers import say

__all__ = ["clock_time", "digits"]


def clock_time(random: Random) -> str:
    """Say a time as users do: "half past three", "seven forty two"."""
    hour = say(random.randrange(1, 13))
    return random.choice(
        (
            f"{hour} o'clock",
            f"{hour} thirty",
            f"{hour} fifteen",
            f"half past {hour}",
            f"quarter to {hour}",
            f"quarter past {hour}",
            f"{hour} {say(random.randrange(10, 60))}",
            f"{hour} forty five",
            "noon",
            "midnight",
        )
    )


def digits(random: Random) -> str:
    """Say a code of three or four digits, one by one."""
    return " ".join(say(random.randrange(10)) for _ in range(random.choice((3, 4, 4))))
