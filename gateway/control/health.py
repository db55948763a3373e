"""Whether the server is ready, and the pages that say so."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["Health", "Page", "Pages", "Readiness", "Route"]


class Readiness(StrEnum):
    """What the server is up to."""

    STARTING = "starting"  # engines load and warm up
    READY = "ready"
    DRAINING = "draining"  # no new sessions, turns in progress end
    FAILED = "failed"  # an engine is gone; new sessions would get no answer


_AFTER: Final = {
    Readiness.STARTING: {Readiness.READY, Readiness.DRAINING, Readiness.FAILED},
    Readiness.READY: {Readiness.DRAINING, Readiness.FAILED},
    Readiness.FAILED: {Readiness.READY, Readiness.DRAINING},
    Readiness.DRAINING: frozenset[Readiness](),
}


class Health:
    """The server's readiness; draining is final."""

    def __init__(self) -> None:
        self._state = Readiness.STARTING
        self._reason = "engines are loading"

    @property
    def state(self) -> Readiness:
        """What the server is up to now."""
        return self._state

    @property
    def reason(self) -> str:
        """Why it is not ready, in words; "" when it is."""
        return self._reason

    def ready(self) -> None:
        """Engines are warm (again)."""
        self._move(Readiness.READY, "")

    def drain(self) -> None:
        """The server goes down."""
        self._move(Readiness.DRAINING, "the server is shutting down")

    def fail(self, reason: str) -> None:
        """Something that every session needs is gone; ``reason`` is public and names no secret."""
        self._move(Readiness.FAILED, reason)

    def _move(self, state: Readiness, reason: str) -> None:
        if state is self._state or state in _AFTER[self._state]:
            self._state, self._reason = state, reason


@dataclass(frozen=True, slots=True)
class Page:
    """An HTTP answer."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Route:
    """A page's maker, and whether only loopback and holders of the key may see it."""

    make: Callable[[], Page]
    private: bool = False


class Pages:
    """The pages that the listener answers beside the WebSocket.

    Args:
        health: What ``/readyz`` tells.
        metrics: Makes the text of ``/metrics`` (`Metrics.text`).
    """

    def __init__(self, health: Health, metrics: Callable[[], bytes]) -> None:
        self._health = health
        self._metrics = metrics
        self._routes = {
            "/healthz": Route(self._healthz),
            "/readyz": Route(self._readyz),
            "/metrics": Route(self._metrics_page, private=True),
        }

    def find(self, path: str) -> Route | None:
        """Return the route of ``path`` (without its query), or None."""
        return self._routes.get(path)

    def _healthz(self) -> Page:
        # That this runs is the news: the loop turns. Engines are readyz's business.
        return _json(200, {"status": "alive"})

    def _readyz(self) -> Page:
        state = self._health.state
        status = 200 if state is Readiness.READY else 503
        detail = {"reason": self._health.reason} if self._health.reason else {}
        return _json(status, {"status": str(state), **detail})

    def _metrics_page(self) -> Page:
        return Page(200, "text/plain; version=0.0.4; charset=utf-8", self._metrics())


def _json(status: int, body: dict[str, str]) -> Page:
    return Page(status, "application/json", json.dumps(body).encode() + b"\n")
