"""The life of a connection as a table: which event leads from which state to which."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

__all__ = ["TRANSITIONS", "ConnectionState", "StateError", "Step", "advance"]


class ConnectionState(Enum):
    """Where a connection stands."""

    AWAITING_HELLO = auto()
    """The socket is open, nothing was said."""
    NEGOTIATING = auto()
    """The hello is known and somebody decides about it; what arrives meanwhile is kept."""
    OPEN = auto()
    """Welcomed."""
    CLOSED = auto()
    """A close code was given out; nothing is read any more."""


class Step(Enum):
    """What moves a connection from one state to the next."""

    HELLO = auto()
    WELCOME = auto()
    CLOSE = auto()


class StateError(Exception):
    """A step that the connection's state does not allow: a mistake of the caller, not of a peer."""


TRANSITIONS: Final[Mapping[ConnectionState, Mapping[Step, ConnectionState]]] = {
    ConnectionState.AWAITING_HELLO: {
        Step.HELLO: ConnectionState.NEGOTIATING,
        Step.CLOSE: ConnectionState.CLOSED,
    },
    ConnectionState.NEGOTIATING: {
        Step.WELCOME: ConnectionState.OPEN,
        Step.CLOSE: ConnectionState.CLOSED,
    },
    ConnectionState.OPEN: {Step.CLOSE: ConnectionState.CLOSED},
    ConnectionState.CLOSED: {Step.CLOSE: ConnectionState.CLOSED},
}
"""For each state, the steps that it allows and where they lead."""


def advance(state: ConnectionState, step: Step) -> ConnectionState:
    """The state after a step.

    Raises:
        StateError: If the state does not allow the step.
    """
    try:
        return TRANSITIONS[state][step]
    except KeyError:
        allowed = ", ".join(step.name for step in TRANSITIONS[state])
        raise StateError(
            f"{step.name} in state {state.name}, which allows only {allowed}"
        ) from None
