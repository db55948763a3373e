"""Constraints that a field's type carries, read by the codec and by the schema generator alike."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Final

__all__ = [
    "UNSET",
    "AudioRate",
    "Identifier",
    "Length",
    "Milliseconds",
    "OneOf",
    "Pattern",
    "Range",
    "StreamId",
    "Uint32",
    "Unset",
    "wire_name",
]


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
"""The field was absent; distinct from null, which resets a setting or is a value of its own."""


@dataclass(frozen=True, slots=True)
class Range:
    """A number within closed bounds; None leaves a side open."""

    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Length:
    """A text of so many code points, or a list of so many entries, both bounds included."""

    minimum: int = 0
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text that matches a regular expression as a whole.

    Attributes:
        regex: The expression, without anchors.
        meaning: What to call a matching text in an error message.
    """

    regex: str
    meaning: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """A number out of a fixed set."""

    values: tuple[int, ...]


Uint32 = Annotated[int, Range(0, 0xFFFFFFFF)]
"""A position in samples, a sequence number or a clock reading; 32 bits, wrapping."""

Milliseconds = Annotated[int, Range(0, 0xFFFFFFFF)]
"""A duration in ms."""

StreamId = Annotated[int, Range(1, 0xFFFF)]
"""The id of an audio stream; clients own 1 to 0x00FF, the server 0x0100 to 0xFFFF."""

AudioRate = Annotated[int, OneOf((8000, 12000, 16000, 24000, 48000))]
"""A sample rate in Hz, one of `protocol.audio.RATES`."""

Identifier = Annotated[str, Length(1, 36)]
"""An opaque id, or an idempotency key."""


def wire_name(attribute: str) -> str:
    """Name on the wire of an attribute: ``from_`` and ``in_`` are Python's keywords from and in."""
    return attribute.removesuffix("_")
