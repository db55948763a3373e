"""What the client raises.

ClientError
├─ WavError          a file is not the PCM WAV that was expected
├─ Unreachable       nobody answers at the address
├─ Refused           the server answered, and said no: before the upgrade, or to the hello
├─ SessionEnded      the socket closed while something was awaited
└─ WaitExpired       what was awaited did not happen in time

Every message is one line that says what was found and what to do; commands print it as it is.
"""

from __future__ import annotations

__all__ = ["ClientError", "Refused", "SessionEnded", "Unreachable", "WaitExpired", "WavError"]


class ClientError(Exception):
    """Base of everything the client raises on purpose."""


class WavError(ClientError):
    """A file is missing, unreadable or not a PCM WAV."""


class Unreachable(ClientError):
    """No connection could be made, or the handshake did not finish in time."""


class Refused(ClientError):
    """The server answered and refused the session.

    Attributes:
        code: The HTTP status of a refused upgrade, or the close code of a refused hello.
    """

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


class SessionEnded(ClientError):
    """The connection is gone.

    Attributes:
        code: The WebSocket close code; 1006 where none arrived.
    """

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


class WaitExpired(ClientError):
    """A deadline passed; the message names what was awaited."""
