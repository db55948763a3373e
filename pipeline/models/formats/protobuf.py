"""Walks protocol buffer messages in a file, without reading what lies between.

Wire format: https://protobuf.dev/programming-guides/encoding/. A message is a span of the file; its
fields are numbers or spans, so that gigabytes of weights are passed over and never read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from pipeline.models.formats.cursor import Cursor

__all__ = ["Field", "Messages", "Span"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes ``begin`` to ``end`` (exclusive) of the file: a message, a text or raw content."""

    begin: int
    end: int

    def __len__(self) -> int:
        return self.end - self.begin


Field: TypeAlias = "tuple[int, int | Span]"


class Messages:
    """The messages of one file.

    Args:
        cursor: At any place; it is moved about.
        limit: Fields that are looked at in all, so that a small file cannot take long.
    """

    def __init__(self, cursor: Cursor, *, limit: int) -> None:
        self.cursor = cursor
        self._left = limit
        self._limit: Final = limit

    def fields(self, message: Span) -> Iterator[Field]:
        """Yield the fields of a message, in order: number, and value.

        Raises:
            ModelError: If it is no whole message, or too many fields were looked at.
        """
        position = message.begin
        while position < message.end:
            self._left -= 1
            if self._left < 0:
                raise self.cursor.error(f"it has more than {self._limit} fields")
            self.cursor.position = position
            key = self._varint(message)
            value = self._value(key & 7, message)
            position = value.end if isinstance(value, Span) else self.cursor.position
            yield key >> 3, value

    def messages(self, message: Span, *numbers: int) -> Iterator[Span]:
        """Yield those fields of a message that are messages or texts, with these numbers."""
        for number, value in self.fields(message):
            if number in numbers and isinstance(value, Span):
                yield value

    def text(self, span: Span, what: str, *, limit: int = 1 << 12) -> str:
        """Return a text.

        Raises:
            ModelError: If it is too long, or no UTF-8.
        """
        self.cursor.position = span.begin
        return self.cursor.text(len(span), what, limit=limit)

    def numbers(self, span: Span, *, limit: int) -> list[int]:
        """Return packed numbers.

        Raises:
            ModelError: If they are more than the limit.
        """
        values: list[int] = []
        self.cursor.position = span.begin
        while self.cursor.position < span.end:
            if len(values) == limit:
                raise self.cursor.error(f"a list has more than {limit} numbers")
            values.append(self._varint(span))
        return values

    def _value(self, kind: int, message: Span) -> int | Span:
        if kind == _VARINT:
            return self._varint(message)
        if kind == _BYTES:
            length = self._varint(message)
        elif kind in {_FIXED32, _FIXED64}:
            length = 4 if kind == _FIXED32 else 8
        else:
            problem = f"wire type {kind} at byte {self.cursor.position}, expected 0, 1, 2 or 5"
            raise self.cursor.error(problem)
        begin = self.cursor.position
        if begin + length > message.end:
            end = f"byte {begin + length} of {message.end}"
            raise self.cursor.error(f"a field ends at {end}; is it cut short?")
        return Span(begin, begin + length)

    def _varint(self, message: Span) -> int:
        value = shift = 0
        while True:
            if self.cursor.position >= message.end or shift > 63:
                raise self.cursor.error(f"there is no number at byte {self.cursor.position}")
            byte = self.cursor.take(1, "a number")[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
