"""The file of a recorded session: JSON lines, each with a checksum.

The first line is the header, each further one a message, a close or the end:

    {"parley-recording":1,"recorded":"2026-01-31T12:00:00+00:00","by":"...","to":"...","crc":"..."}
    {"at":0.012345,"from":"client","text":"{...}","crc":"..."}
    {"at":0.031,"from":"server","binary":"EQAB...","crc":"..."}
    {"at":9.5,"from":"client","close":1000,"reason":"","crc":"..."}
    {"at":9.6,"end":"closed","crc":"..."}

``at`` counts seconds from the client's handshake and never falls. ``crc`` comes last: the CRC-32
(ISO 3309) of the line's bytes before ``,"crc"``, in 8 hexadecimal digits; it is computed over what
was read, so a line may be written by any JSON library. Unknown keys are ignored, another number in
the header is another format.

A line is written by one call: a process that is killed leaves whole lines and no end.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeAlias

from gateway.client.errors import ClientError

__all__ = [
    "MAX_MESSAGE",
    "VERSION",
    "Closed",
    "DamagedRecording",
    "End",
    "Header",
    "Message",
    "Record",
    "Recording",
    "RecordingError",
    "Side",
    "encode",
    "read_lines",
    "read_recording",
]

VERSION: Final = 1
MAX_MESSAGE: Final = 1024 * 1024
"""The longest message that is recorded, in bytes."""
_MAX_LINE: Final = 8 * MAX_MESSAGE  # a text of control characters becomes six times as long
_MAX_FILE: Final = 1024 * 1024 * 1024
_NAME: Final = "parley-recording"
_SEAL: Final = b',"crc":"'


class RecordingError(ClientError):
    """A file is missing, unreadable or no recording."""


class DamagedRecording(RecordingError):
    """A recording of which only the beginning can be trusted.

    Attributes:
        readable: What comes before the damage.
    """

    def __init__(self, message: str, readable: Recording) -> None:
        super().__init__(message)
        self.readable = readable


class Side(StrEnum):
    """Who sent a message."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Header:
    """The first line.

    Attributes:
        recorded: When the recording began, ISO 8601 with its offset.
        by: Which program wrote it.
        to: The server's address, without credentials.
    """

    recorded: str
    by: str
    to: str


@dataclass(frozen=True, slots=True)
class Message:
    """One WebSocket message, put together from its fragments.

    Attributes:
        at: Seconds from the beginning of the session.
        side: Who sent it.
        content: Text or bytes.
    """

    at: float
    side: Side
    content: str | bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """One side closed its socket; ``code`` is 1006 if it just went away."""

    at: float
    side: Side
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class End:
    """The recording ended on purpose: ``why`` is "closed", "stopped" or "full"."""

    at: float
    why: str


Record: TypeAlias = Message | Closed | End


@dataclass(frozen=True, slots=True)
class Recording:
    """A session.

    Attributes:
        header: Where it comes from.
        records: Messages and closes, in the order in which the recorder saw them.
        end: How the recording ended; None if its process was killed.
    """

    header: Header
    records: tuple[Message | Closed, ...]
    end: End | None

    @property
    def messages(self) -> Iterator[Message]:
        """The messages alone."""
        return (record for record in self.records if isinstance(record, Message))

    @property
    def seconds(self) -> float:
        """From the beginning to the last record."""
        last = self.end or (self.records[-1] if self.records else None)
        return last.at if last else 0.0


def encode(record: Header | Record) -> bytes:
    """Return the line of a record, with its line feed."""
    match record:
        case Header(recorded, by, to):
            body: dict[str, Any] = {_NAME: VERSION, "recorded": recorded, "by": by, "to": to}
        case Message(at, side, str(text)):
            body = {"at": round(at, 6), "from": side, "text": text}
        case Message(at, side, bytes(binary)):
            body = {"at": round(at, 6), "from": side, "binary": base64.b64encode(binary).decode()}
        case Closed(at, side, code, reason):
            body = {"at": round(at, 6), "from": side, "close": code, "reason": reason}
        case End(at, why):
            body = {"at": round(at, 6), "end": why}
        case _:
            raise TypeError(f"{record!r} is no record")
    # ASCII only: a lone surrogate survives as its escape, and no tool trips over line separators.
    text = json.dumps(body, separators=(",", ":"))
    sealed = text[:-1].encode()
    return sealed + _SEAL + f"{zlib.crc32(sealed):08x}".encode() + b'"}\n'


def read_recording(path: Path) -> Recording:
    """Read a file.

    Raises:
        RecordingError: It cannot be read, or is no recording of this version.
        DamagedRecording: It is one, but cut off or altered from some line on.
    """
    try:
        if path.stat().st_size > _MAX_FILE:
            raise RecordingError(f"{path} is larger than 1 GiB; record shorter sessions")
        with path.open("rb") as file:
            return read_lines(str(path), iter(lambda: file.readline(_MAX_LINE), b""))
    except OSError as error:
        raise RecordingError(f"cannot read {path}: {error.strerror or error}") from error


def read_lines(name: str, lines: Iterable[bytes]) -> Recording:
    """Read a recording; see `read_recording`. ``name`` is what errors call it."""
    numbered = enumerate(lines, 1)
    header = _read_header(name, next(numbered, (1, b""))[1])
    records: list[Message | Closed] = []
    end: End | None = None
    latest = 0.0
    for number, line in numbered:
        try:
            if end is not None:
                raise ValueError("it comes after the end")
            record = _read_record(line)
            if record.at < latest:
                raise ValueError(f"its time {record.at:g} lies before {latest:g}")
        except ValueError as error:
            readable = Recording(header, tuple(records), None)
            message = f"{name} is damaged in line {number}: {error}; what comes before can be read"
            raise DamagedRecording(message, readable) from error
        latest = record.at
        if isinstance(record, End):
            end = record
        else:
            records.append(record)
    return Recording(header, tuple(records), end)


def _read_header(name: str, line: bytes) -> Header:
    try:
        body = _unseal(line)
    except ValueError:
        body = {}
    version = body.get(_NAME)
    if version is None:
        raise RecordingError(f"{name} is no recording; make one with  parley record")
    if version != VERSION:
        raise RecordingError(f"{name} has version {version!r} of the format, expected {VERSION}")
    return Header(*(str(body.get(key, "")) for key in ("recorded", "by", "to")))


def _unseal(line: bytes) -> dict[str, Any]:
    """Check a line and parse it; ValueError says what is wrong."""
    if not line.endswith(b"\n"):
        raise ValueError("it is cut off")
    sealed, _, rest = line.rpartition(_SEAL)
    if rest[8:] != b'"}\n' or rest[:8] != f"{zlib.crc32(sealed):08x}".encode():
        raise ValueError("its checksum is wrong")
    try:
        body = json.loads(line)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(body, dict):
        raise ValueError("it is no JSON object")
    return body


def _read_record(line: bytes) -> Record:
    body = _unseal(line)
    at = body.get("at")
    if not isinstance(at, int | float) or not 0 <= at < 1e9:
        raise ValueError(f"its time is {at!r}, expected seconds from 0")
    match body:
        case {"end": str(why)}:
            return End(at, why)
        case {"from": side, "text": str(text)}:
            return Message(at, Side(side), text)
        case {"from": side, "binary": str(binary)}:
            return Message(at, Side(side), _bytes(binary))
        case {"from": side, "close": int(code), "reason": str(reason)}:
            return Closed(at, Side(side), code, reason)
        case _:
            raise ValueError("it is neither a message nor a close nor the end")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"its bytes are no base64: {error}") from error
