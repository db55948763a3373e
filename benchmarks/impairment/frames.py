"""Where a WebSocket frame ends in a stream of bytes (RFC 6455, section 5.2). Pure."""

from __future__ import annotations

from typing import Final

__all__ = ["FrameCounter"]

_MASKED: Final = 0x80
_LENGTH: Final = 0x7F
_LONGER: Final = {126: 2, 127: 8}
"""Lengths that say how many bytes hold the real one."""


class FrameCounter:
    """Finds the end of the n-th frame of one direction, the HTTP handshake before it passed over.

    Args:
        frames: Which frame, from 1; control frames and fragments count as well.
    """

    def __init__(self, frames: int) -> None:
        self._left = frames
        self._header = bytearray()
        self._is_http = True
        self._body = 0

    def feed(self, content: bytes) -> int | None:
        """Take the next bytes; returns how many of them belong to the frames, once all came."""
        at = 0
        while at < len(content):
            if self._body:
                step = min(self._body, len(content) - at)
                self._body -= step
                at += step
            else:
                self._header.append(content[at])
                at += 1
                if not self._is_complete():
                    continue
            if not self._body and not self._is_http and self._ended():
                return at
        return None

    def _is_complete(self) -> bool:
        """Whether the header of a frame has just ended; its body follows."""
        if self._is_http:
            if self._header.endswith(b"\r\n\r\n"):
                self._is_http = False
                self._header.clear()
            return False
        if len(self._header) < 2:
            return False
        short = self._header[1] & _LENGTH
        if len(self._header) < 2 + _LONGER.get(short, 0):
            return False
        length = int.from_bytes(self._header[2:]) if short in _LONGER else short
        self._body = length + (4 if self._header[1] & _MASKED else 0)
        self._header.clear()
        return True

    def _ended(self) -> bool:
        self._left -= 1
        return self._left == 0
