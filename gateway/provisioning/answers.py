"""What a server's answer to a request for (the rest of) a file means. Nothing here waits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

__all__ = [
    "Answer",
    "Body",
    "Restart",
    "Transient",
    "Wrong",
    "judge",
    "looks_wrong",
    "validator_of",
]

HEAD: Final = 256
"""Bytes at the beginning of a file that tell a web page from a model."""

_TRANSIENT: Final = {408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524, 529}
_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_LONGEST_PAUSE_S: Final = 120.0
_PAGE: Final = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)",
    re.IGNORECASE | re.DOTALL,
)
_LFS_POINTER: Final = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes that follow belong to the file.

    Attributes:
        start: Where in the file they begin.
        size: Of the whole file, if the server says it.
        changed: Why bytes from the beginning come although later ones were asked for, or "".
    """

    start: int
    size: int | None
    changed: str = ""


@dataclass(frozen=True, slots=True)
class Restart:
    """What there is of the file cannot be continued: ask for all of it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Transient:
    """Ask again after a pause, which the server may have named."""

    reason: str
    pause_s: float | None = None


@dataclass(frozen=True, slots=True)
class Wrong:
    """It will not get better by asking again; `reason` ends a sentence about the file."""

    reason: str


Answer: TypeAlias = Body | Restart | Transient | Wrong


class Kind(Enum):
    """What a body is that should be a model's file."""

    PAGE = "a web page instead of the file (of a login or a proxy?); check the mirror and the token"
    POINTER = "a Git LFS pointer instead of the file; serve the files themselves"


def judge(
    status: int, headers: Mapping[str, str], *, name: str, have: int, resumed: str, size: int | None
) -> Answer:
    """Say what an answer means.

    Args:
        status: HTTP status; redirects were followed.
        headers: By lower-case name.
        name: Of the file.
        have: The offset that was asked for; 0 asked for everything.
        resumed: The validator that the part was begun with, or "".
        size: Of the file, if it is known.
    """
    if status not in (200, 206):
        return _refusal(status, headers, have)
    if _is_page(headers, name):
        return Wrong(f"the server sent {Kind.PAGE.value}")
    coding = headers.get("content-encoding", "identity").lower()
    if coding not in ("", "identity"):
        return Wrong(f"the server sent it compressed ({coding}), which was not asked for")
    body = _partial(headers, have) if status == 206 else _whole(headers, have, resumed)
    chunked = "transfer-encoding" in headers
    if isinstance(body, Body) and (body.size, size) == (None, None) and not chunked:
        return Wrong(
            "the server does not say how long it is: nobody could tell whether it is whole"
        )
    if isinstance(body, Body) and size is not None and body.size not in (None, size):
        return Wrong(f"the server's file has {body.size} bytes, expected {size}: it is another one")
    return body


def looks_wrong(head: bytes, name: str) -> str | None:
    """Say what a file is, by its first `HEAD` bytes, if it cannot be a model's; else None."""
    if _PAGE.match(head) and not name.endswith((".html", ".htm")):
        return f"the server sent {Kind.PAGE.value}"
    if head.startswith(_LFS_POINTER):
        return f"the server sent {Kind.POINTER.value}"
    return None


def validator_of(headers: Mapping[str, str]) -> str:
    """Return what ``If-Range`` may hold for this file: a strong ETag, else a date, else ""."""
    tag = headers.get("etag", "")
    if tag and not tag.startswith("W/"):
        return tag
    return headers.get("last-modified", "")


def _refusal(status: int, headers: Mapping[str, str], have: int) -> Answer:
    if status == 416 and have:
        return Restart("the server's file is not longer than what is here")
    if status in _TRANSIENT:
        return Transient(f"the server said {status}", _pause(headers.get("retry-after", "")))
    if status in (401, 403):
        why = "set HF_TOKEN, PARLEY_MIRROR_TOKEN or models.token_file to a token that may read it"
        return Wrong(f"the server refused it ({status}); {why}")
    if status in (404, 410):
        return Wrong(f"the server does not have it ({status})")
    if status == 407:
        return Wrong("the proxy wants credentials (407); put them into HTTPS_PROXY")
    return Wrong(f"the server said {status}")


def _whole(headers: Mapping[str, str], have: int, resumed: str) -> Body:
    changed = ""
    if have:
        same = not resumed or validator_of(headers) in ("", resumed)
        changed = "the server does not continue files" if same else "the file changed on the server"
    return Body(0, _number(headers.get("content-length", "")), changed)


def _partial(headers: Mapping[str, str], have: int) -> Answer:
    match = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
    if match is None or int(match[1]) != have:
        found = headers.get("content-range", "no range")
        reason = f"the server sent another part than was asked for ({found[:60]})"
        return Restart(reason) if have else Wrong(reason)
    return Body(have, None if match[3] == "*" else int(match[3]))


def _is_page(headers: Mapping[str, str], name: str) -> bool:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in ("text/html", "application/xhtml+xml") and not name.endswith((".html", ".htm"))


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _pause(text: str) -> float | None:
    """Return the seconds of ``Retry-After``, bounded; a date is as good as nothing."""
    seconds = _number(text.strip())
    return None if seconds is None else min(float(seconds), _LONGEST_PAUSE_S)
