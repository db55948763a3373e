"""Whether another session may begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.control.health import Readiness

__all__ = ["Admission", "admission"]


@dataclass(frozen=True, slots=True)
class Admission:
    """An answer to somebody who wants a session.

    Attributes:
        reason: Why not, as a metric's label: "capacity", "starting", ...; "" when accepted.
        retry_after_s: When to ask again, for HTTP's ``Retry-After``.
    """

    accepted: bool
    reason: str = ""
    retry_after_s: int = 0


ACCEPTED: Final = Admission(accepted=True)

_NOT_READY: Final = {
    Readiness.STARTING: Admission(accepted=False, reason="starting", retry_after_s=5),
    Readiness.DRAINING: Admission(accepted=False, reason="draining", retry_after_s=10),
    Readiness.FAILED: Admission(accepted=False, reason="failed", retry_after_s=30),
}


def admission(state: Readiness, *, sessions: int, capacity: int) -> Admission:
    """Admit a session if the server is ready and has fewer than ``capacity`` of them."""
    if state in _NOT_READY:
        return _NOT_READY[state]
    if sessions >= capacity:
        return Admission(accepted=False, reason="capacity", retry_after_s=15)
    return ACCEPTED
