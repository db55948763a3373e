"""What a server said, without what differs between two runs of the same session. Pure.

Left out are numbers, clocks, acknowledgements, pings, latencies, partial transcripts, positions,
and the audio itself. Ids become names in the order of their appearance (``turn-1``). A reply's
deltas and marks, which come in other pieces each time, are put together where the first one stood;
of a reply that was cut short they are left out, as they depend on the moment.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["ID_KEYS", "Story", "differences"]

ID_KEYS: Final = {
    "turn": "turn",
    "response": "response",
    "item": "item",
    "after": "item",
    "stream": "stream",
    "call_id": "call",
}
"""Fields that hold the server's ids, and what each names."""

_FIRST_SERVER_STREAM: Final = 256
_ENVELOPE: Final = frozenset({"type", "seq", "ts", "ack", "id", "re", "must", "omitted"})
_UNCOMPARED: Final = frozenset(
    {"ack", "nack", "ping", "pong", "gap", "latency", "transcript.partial"}
)
_PIECES: Final = {"response.text": ("response", "delta"), "audio.mark": ("stream", "text")}
_KEPT: Final[Mapping[str, tuple[str, ...]]] = {
    "welcome": ("resume", "audio", "features"),
    "speech.started": ("turn", "stream"),
    "speech.stopped": ("turn", "stream", "reason"),
    "transcript.final": ("turn", "item", "text", "language", "no_speech"),
    "audio.end": ("stream",),
    "history.truncated": ("item",),
    "response.done": ("response", "status", "reason", "item"),
    "error": ("code", "fatal"),
    "warning": ("code",),
    "goaway": ("reason",),
}
"""Fields that are compared; of all other types, every field."""

_CONTEXT: Final = 2


@dataclass(slots=True)
class _Entry:
    name: str
    fields: dict[str, Any]
    pieces: list[str] = field(default_factory=list)
    response: str = ""


class Story:
    """The comparable part of a server's side; feed it every text message."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._names: dict[tuple[str, object], str] = {}
        self._raw: dict[str, object] = {}
        self._counts: dict[str, int] = {}
        self._pieces: dict[tuple[str, object], _Entry] = {}
        self._response_of: dict[object, str] = {}
        self._whole: set[str] = set()

    @property
    def length(self) -> int:
        """How many comparable events there were so far."""
        return len(self._entries)

    def take(self, text: str) -> Mapping[str, Any]:
        """Note a message; returns it parsed, empty if it is no JSON object."""
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            self._entries.append(_Entry("no JSON object", {}))
            return {}
        kind = str(body.get("type"))
        if kind not in _UNCOMPARED:
            self._note(kind, body)
        return body

    def close(self, code: int) -> None:
        """Note that the server closed the socket."""
        self._entries.append(_Entry("close", {"code": code}))

    def lines(self) -> list[str]:
        """One line for each event."""
        return [self._line(entry) for entry in self._entries]

    def name(self, key: str, value: object) -> str | None:
        """The name that an id got; None if the server never told it."""
        return self._names.get((ID_KEYS[key], value))

    def raw(self, name: str) -> object | None:
        """The id behind a name; None if there is none yet."""
        return self._raw.get(name)

    def _note(self, kind: str, body: Mapping[str, Any]) -> None:
        kept = _KEPT.get(kind)
        fields = {
            key: self._named(key, value)
            for key, value in body.items()
            if key not in _ENVELOPE and (kept is None or key in kept)
        }
        if kind in _PIECES:
            self._piece(kind, fields)
            return
        if kind == "audio.start":
            self._response_of[fields.get("stream")] = str(fields.get("response"))
        if kind == "response.done" and fields.get("status") == "completed":
            self._whole.add(str(fields.get("response")))
        self._entries.append(_Entry(kind, fields))

    def _piece(self, kind: str, fields: Mapping[str, Any]) -> None:
        owner_key, text_key = _PIECES[kind]
        owner = fields.get(owner_key)
        entry = self._pieces.get((kind, owner))
        if entry is None:
            entry = self._pieces[kind, owner] = _Entry(kind, {owner_key: owner})
            entry.response = self._response_of.get(owner, str(owner))
            self._entries.append(entry)
        entry.pieces.append(str(fields.get(text_key, "")))

    def _named(self, key: str, value: Any) -> Any:  # noqa: ANN401  a field of any JSON
        is_id = key in ID_KEYS and isinstance(value, str | int)
        if not is_id or (key == "stream" and int(value) < _FIRST_SERVER_STREAM):
            return value
        kind = ID_KEYS[key]
        if (kind, value) not in self._names:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            name = f"{kind}-{self._counts[kind]}"
            self._names[kind, value], self._raw[name] = name, value
        return self._names[kind, value]

    def _line(self, entry: _Entry) -> str:
        fields = dict(entry.fields)
        if entry.pieces and entry.response in self._whole:
            is_text = entry.name == "response.text"
            fields["text" if is_text else "segments"] = (
                "".join(entry.pieces) if is_text else entry.pieces
            )
        shown = (f"{key}={_value(value)}" for key, value in fields.items())
        return " ".join((entry.name, *shown))


def differences(expected: Sequence[str], found: Sequence[str]) -> list[str]:
    """What is missing ("-"), what came instead ("+"), and two lines around; empty if equal."""
    matcher = difflib.SequenceMatcher(None, expected, found, autojunk=False)
    if all(tag == "equal" for tag, *_ in matcher.get_opcodes()):
        return []
    return list(_told(matcher, expected, found))


def _told(
    matcher: difflib.SequenceMatcher[str], expected: Sequence[str], found: Sequence[str]
) -> Iterator[str]:
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        yield f"@ event {group[0][1] + 1}"
        for tag, begin, end, other_begin, other_end in group:
            if tag == "equal":
                yield from (f"  {line}" for line in expected[begin:end])
            else:
                yield from (f"- {line}" for line in expected[begin:end])
                yield from (f"+ {line}" for line in found[other_begin:other_end])


def _value(value: object) -> str:
    if isinstance(value, str) and value and value.isprintable() and " " not in value:
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
