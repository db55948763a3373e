"""What a recorded client did, made ready to be done again. Pure.

Each step keeps the time of the recording and waits for what had happened before it: a client that
answered an event answers it again, though the server be slower. What a server said before a message
cannot have depended on it, so such waiting ends with every server that does the same.

Acknowledgements, pings and playout are not repeated but made anew, for they speak of frames and
samples of the server; numbers are given anew for the same reason, and ids of the server replaced.
Of playout the place of the last report of a stream stays: what a client says right after a reply
has been played means something else than what it says right before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.recording.format import Closed, Message, Recording, Side
from benchmarks.recording.story import ID_KEYS, Story
from protocol.frames import HEADER_BYTES, Flag

__all__ = ["Numbering", "Script", "Step", "is_final_report", "read_script", "rewrite"]

_MADE_ANEW: Final = frozenset({"ack", "nack", "gap", "ping", "pong", "playout"})
_SEQ: Final = slice(4, 8)
_FLAGS: Final = 1


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the client did.

    Attributes:
        at: When, in seconds of the recording.
        content: The message as it was recorded; the code of a close; None where a reply was
            reported as played or flushed.
        events: How many comparable events of the server came before it.
        played: How many such reports there were so far, this one included.
    """

    at: float
    content: str | bytes | int | None
    events: int
    played: int


@dataclass(frozen=True, slots=True)
class Script:
    """A client's side and what is expected of the server.

    Attributes:
        steps: In order.
        story: The recorded server's side.
        is_whole: Whether the recording tells how the session ended; else the server may go on.
        counts: Whether the client numbered its frames.
    """

    steps: tuple[Step, ...]
    story: Story
    is_whole: bool
    counts: bool


class Numbering:
    """Sequence numbers from 1; or none, for a client that does not count."""

    def __init__(self, *, counts: bool) -> None:
        self._counts = counts
        self._last = 0

    def next(self) -> int:
        """The next number; 0 of a client that does not count."""
        if self._counts:
            self._last = self._last % 0xFFFFFFFF + 1
        return self._last


def read_script(recording: Recording) -> Script:
    """Read a recording's client side; raises nothing."""
    story = Story()
    steps: list[Step] = []
    played, highest = 0, 0
    for record in recording.records:
        match record:
            case Closed(_, Side.SERVER, code):
                story.close(code)
            case Closed(at, _, code):
                steps.append(Step(at, code, story.length, played))
            case Message(_, Side.SERVER, content):
                if isinstance(content, str):
                    story.take(content)
            case Message(at, _, content):
                body, seq = _parsed(content), _number(content)
                is_repeated = 0 < seq <= highest
                highest = max(highest, seq)
                if is_final_report(body) and not is_repeated:
                    played += 1
                    steps.append(Step(at, None, story.length, played))
                elif body.get("type") not in _MADE_ANEW and not is_repeated:
                    steps.append(Step(at, content, story.length, played))
    is_whole = recording.end is not None and recording.end.why == "closed"
    return Script(tuple(steps), story, is_whole, highest > 0)


def is_final_report(body: Mapping[str, Any]) -> bool:
    """Whether a message says that a reply was played, or flushed."""
    return body.get("type") == "playout" and body.get("state") in ("done", "flushed")


def rewrite(
    content: str | bytes,
    numbering: Numbering,
    recorded: Story,
    live: Story,
    complain: Callable[[str], None] = lambda line: None,
) -> str | bytes:
    """A recorded message with new numbers and with the ids of the running session.

    Args:
        content: As it was recorded; what is no message of the protocol stays as it is.
        numbering: Gives the numbers.
        recorded: Knows the recorded server's ids.
        live: Knows the running server's ids.
        complain: Told in one line what cannot be repeated.
    """
    if isinstance(content, bytes):
        return _renumbered(content, numbering)
    body = _parsed(content)
    if not body:
        return content
    changed = {key: value for key, value in body.items() if key != "ack"}
    if isinstance(changed.get("seq"), int):
        changed["seq"] = numbering.next()
    if changed.get("type") == "hello":
        changed.pop("token", None)  # it was not recorded; the key comes with the handshake
        if changed.pop("resume", None) is not None:
            complain("the recorded client resumed a session; a new one is opened instead")
    changed.update(_ids(changed, recorded, live))
    return json.dumps(changed, ensure_ascii=False, separators=(",", ":"))


def _ids(body: Mapping[str, Any], recorded: Story, live: Story) -> Iterator[tuple[str, Any]]:
    for key in body.keys() & ID_KEYS.keys():
        value = body[key]
        name = recorded.name(key, value) if isinstance(value, str | int) else None
        raw = live.raw(name) if name is not None else None
        if raw is not None:
            yield key, raw


def _renumbered(frame: bytes, numbering: Numbering) -> bytes:
    if len(frame) < HEADER_BYTES or not int.from_bytes(frame[_SEQ]):
        return frame
    return frame[:4] + numbering.next().to_bytes(4) + frame[8:]


def _parsed(content: str | bytes) -> Mapping[str, Any]:
    if isinstance(content, bytes):
        return {}
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _number(content: str | bytes) -> int:
    """A message's number, 0 if it has none; a frame that is sent again counts as the first."""
    if isinstance(content, str):
        seq = _parsed(content).get("seq")
        return seq if isinstance(seq, int) and 0 < seq <= 0xFFFFFFFF else 0
    if len(content) < HEADER_BYTES:
        return 0
    return 1 if content[_FLAGS] & Flag.REPLAY else int.from_bytes(content[_SEQ])
