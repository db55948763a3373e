"""The 16-byte header in front of every binary frame: pack and parse.

    0        version (high nibble) and kind (low nibble)
    1        flags
    2..3     stream
    4..7     sequence number
    8..11    pts: first sample of the payload, at the stream's rate
    12..15   ts: the sender's clock in ms

All in network byte order; the payload is the rest of the message.
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag
from typing import Final, NamedTuple

from protocol.errors import BadFrame

__all__ = ["HEADER_BYTES", "VERSION", "Flag", "Frame", "Kind", "mark_replay", "pack", "parse"]


VERSION: Final = 1
"""Version of the header, which is the version of the protocol."""

_HEADER: Final = struct.Struct(">BBHIII")

HEADER_BYTES: Final = _HEADER.size
"""Bytes in front of the payload."""


class Kind(IntEnum):
    """What a payload is."""

    AUDIO = 1
    REFERENCE = 2
    BLOB = 3


class Flag(IntFlag):
    """What is special about a frame; the three highest bits are ignored on receipt."""

    NONE = 0
    START = 0x01
    END = 0x02
    DISCONT = 0x04
    DTX = 0x08
    REPLAY = 0x10


_KNOWN_FLAGS: Final = 0x1F
_KINDS: Final = {kind.value: kind for kind in Kind}  # an Enum's call takes 0.5 us


class Frame(NamedTuple):
    """One binary frame; numbers as in the header, payload behind it.

    A named tuple, because a frozen dataclass of seven fields takes four times as long to make.
    ``flags`` are a plain number: combining two `Flag` takes microseconds, two numbers tens of
    nanoseconds, and there are hundreds of frames a second. Combine and compare it with `Flag`.
    """

    stream: int
    seq: int
    pts: int
    ts: int
    payload: bytes = b""
    flags: int = 0
    kind: Kind = Kind.AUDIO


def pack(frame: Frame) -> bytes:
    """Return the frame as it goes over the wire.

    Raises:
        ValueError: If a number does not fit its field.
    """
    try:
        header = _HEADER.pack(
            VERSION << 4 | frame.kind, frame.flags, frame.stream, frame.seq, frame.pts, frame.ts
        )
    except struct.error as error:
        raise ValueError(f"frame header cannot hold {frame!r}: {error}") from error
    return header + frame.payload


def parse(message: bytes) -> Frame:
    """Read a binary message.

    Raises:
        BadFrame: If it is shorter than a header, of another version, of a kind that is not
            defined, or on stream 0. Carries stream and sequence number where they can be read.
    """
    if len(message) < HEADER_BYTES:
        raise BadFrame(f"binary frame has {len(message)} bytes, its header alone has 16")
    version_kind, flags, stream, seq, pts, ts = _HEADER.unpack_from(message)
    if version_kind >> 4 != VERSION:
        raise BadFrame(
            f"binary frame has version {version_kind >> 4}, expected {VERSION}",
            stream=stream,
            seq=seq,
        )
    kind = _KINDS.get(version_kind & 0x0F)
    if kind is None:
        raise BadFrame(
            f"binary frame has kind {version_kind & 0x0F}, expected 1 (audio)",
            stream=stream,
            seq=seq,
        )
    if stream == 0:
        raise BadFrame("binary frame is on stream 0, which no stream has", stream=0, seq=seq)
    return Frame(stream, seq, pts, ts, message[HEADER_BYTES:], flags & _KNOWN_FLAGS, kind)


def mark_replay(message: bytes) -> bytes:
    """Return a packed frame with the flag that says it was sent before."""
    return message[:1] + bytes([message[1] | Flag.REPLAY]) + message[2:]
