"""Which step comes next: up the ramp, then halfway between what held and what broke. Pure."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["next_count"]


def next_count(
    ramp: Sequence[int], outcomes: Sequence[tuple[int, bool]], resolution: float
) -> int | None:
    """Devices of the next step; None if the ramp is over.

    Args:
        ramp: Devices step by step, growing.
        outcomes: Devices of every step so far, and whether it held.
        resolution: How far the first broken step may lie above the last one that held, in parts of
            that; 0 does not look between the steps of the ramp.
    """
    good = max((count for count, held in outcomes if held), default=0)
    bad = min((count for count, held in outcomes if not held), default=None)
    if bad is None:
        return next((count for count in ramp if count > good), None)
    if not good or not resolution or bad - good <= max(1.0, resolution * good):
        return None
    return (good + bad) // 2
