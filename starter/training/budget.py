"""How long a training goes on, and when it is asked to stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

__all__ = ["Budget", "interruptible"]


@dataclass(slots=True)
class Budget:
    """A share of wall-clock time; a training that was stopped goes on with what it had left.

    Attributes:
        seconds: The whole budget, parts that earlier runs used included.
        spent_before: Seconds that earlier runs used, from their checkpoint.
        clock: A monotonic clock in seconds.
    """

    seconds: float
    spent_before: float = 0.0
    clock: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _stopped: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._began = self.clock()

    @property
    def spent(self) -> float:
        """Seconds used so far, by this run and by earlier ones."""
        return self.spent_before + self.clock() - self._began

    @property
    def share(self) -> float:
        """How much of the budget is used: 0 ... 1."""
        return min(1.0, self.spent / self.seconds) if self.seconds > 0 else 1.0

    @property
    def stopped(self) -> bool:
        """Whether somebody asked to stop before the budget was used up."""
        return self._stopped

    @property
    def over(self) -> bool:
        """Whether to stop now: asked to, or out of time."""
        return self._stopped or self.share >= 1.0

    def stop(self) -> None:
        """Let the training end after its current step."""
        self._stopped = True


@contextmanager
def interruptible(budget: Budget) -> Iterator[None]:
    """End the training cleanly on Ctrl-C or SIGTERM; a second signal ends the process as usual."""

    def ask(number: int, frame: FrameType | None) -> None:
        budget.stop()
        signal.signal(number, previous[signal.Signals(number)])

    signals = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, ask) for number in signals}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
