"""JSON text to events and back.

One table of readers, compiled once from the types of `protocol.events`, turns parsed JSON into
messages; whatever does not fit raises `MalformedMessage` with the path of the field, such as
``hello.audio.in[0].rate is True, expected a whole number``. Unknown fields are ignored. Of a key
that occurs twice the last counts; NaN, infinities and numbers beyond 64 bits are no JSON here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeAlias, Union, cast, get_args, get_origin
from typing import get_type_hints as type_hints

import orjson

from protocol.constraints import UNSET, Length, OneOf, Pattern, Range, Unset, wire_name
from protocol.errors import ErrorCode, MalformedMessage
from protocol.events import (
    CLIENT_TYPES,
    SERVER_TYPES,
    Ack,
    Answer,
    Bye,
    ClientEvent,
    ClientMessage,
    ErrorReport,
    Gap,
    Goaway,
    Hello,
    Nack,
    Ping,
    Pong,
    Retransmission,
    ServerEvent,
    ServerMessage,
    Welcome,
    wire_type,
)

__all__ = [
    "MAX_DEPTH",
    "Envelope",
    "encode",
    "is_numbered",
    "is_sequenced",
    "parse_object",
    "peek",
    "read_client_message",
    "read_envelope",
    "read_server_message",
    "to_wire",
    "with_omitted",
]

MAX_DEPTH: Final = 16
"""Objects and arrays within each other, the message itself counted."""

Body: TypeAlias = Mapping[str, Any]
_Reader: TypeAlias = Callable[[Any, str], Any]

_UNNUMBERED: Final = (Hello, Welcome, Ping, Pong, Ack, Nack, Gap, Goaway, Bye)


def is_sequenced(event: ClientEvent | ServerEvent) -> bool:
    """Whether an event takes a sequence number, and so must keep its place in line."""
    match event:
        case Answer(message, _):
            return is_sequenced(message)
        case ErrorReport(fatal=fatal):
            return not fatal
        case Retransmission():
            return False
        case _:
            return not isinstance(event, _UNNUMBERED)


def is_numbered(message: type[ClientMessage | ServerMessage]) -> bool:
    """Whether messages of a class take part in the sequence (a fatal error does not)."""
    return message not in _UNNUMBERED


# Text to JSON.


def parse_object(text: str | bytes, max_depth: int = MAX_DEPTH) -> Body:
    """Parse a text frame into a JSON object.

    Raises:
        MalformedMessage: ``bad_json``, if it is anything else or nested too deeply.
    """
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedMessage(ErrorCode.BAD_JSON, f"text is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise MalformedMessage(
            ErrorCode.BAD_JSON, f"text is {_shown(body)}, expected one JSON object"
        )
    if _is_deeper(body, max_depth):
        raise MalformedMessage(
            ErrorCode.BAD_JSON, f"JSON is nested more than {max_depth} levels deep"
        )
    return body


def _is_deeper(body: Body, limit: int) -> bool:
    level: list[Any] = [body]
    for _ in range(limit):
        level = [
            child for node in level for child in _children(node) if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _children(node: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return node.values() if isinstance(node, dict) else node


# The envelope.


@dataclass(frozen=True, slots=True)
class Envelope:
    """What surrounds every message.

    Attributes:
        seq: Number of this frame; None if it is not counted.
        ts: The sender's clock in ms, low 32 bits.
        ack: Highest number that the sender has received in order.
        id: Idempotency key of a command.
        re: The ``id`` that this message answers.
        must: If the type is unknown, say so instead of ignoring it.
        omitted: Paths of fields that were too large for the receiver.
    """

    seq: int | None = None
    ts: int | None = None
    ack: int | None = None
    id: str | None = None
    re: str | None = None
    must: bool = False
    omitted: tuple[str, ...] = ()


def peek(body: Body) -> tuple[int | None, str | None]:
    """Number and id of a message whose other fields may be wrong; None where they are wrong too."""
    seq, key = body.get("seq"), body.get("id")
    has_seq = type(seq) is int and 1 <= seq <= 0xFFFFFFFF
    has_key = type(key) is str and 1 <= len(key) <= 36
    return (seq if has_seq else None), (key if has_key else None)


def read_envelope(body: Body) -> Envelope:
    """Read the reserved keys of a message.

    Raises:
        MalformedMessage: ``bad_field``, with the key.
    """
    return Envelope(
        seq=_reserved(body, "seq", _SEQ),
        ts=_reserved(body, "ts", _CLOCK),
        ack=_reserved(body, "ack", _POSITION),
        id=_reserved(body, "id", _KEY),
        re=_reserved(body, "re", _KEY),
        must=_reserved(body, "must", _read_bool) or False,
        omitted=_reserved(body, "omitted", _NAMES) or (),
    )


def _reserved(body: Body, key: str, reader: _Reader) -> Any:  # noqa: ANN401
    value = body.get(key)
    return None if value is None else reader(value, key)


# JSON to messages.


def read_client_message(body: Body) -> ClientMessage | None:
    """Read a message of a client; None if its type is unknown.

    Raises:
        MalformedMessage: ``missing_field`` or ``bad_field`` with the path; ``bad_event`` if only
            the server sends such messages.
    """
    return cast("ClientMessage | None", _read(body, CLIENT_TYPES, SERVER_TYPES, "the server"))


def read_server_message(body: Body, omitted: tuple[str, ...] = ()) -> ServerMessage | None:
    """Read a message of the server; None if its type is unknown.

    Args:
        body: The parsed JSON.
        omitted: Paths of fields that were left out for size; texts are then empty, lists too.

    Raises:
        MalformedMessage: As `read_client_message`.
    """
    if omitted:
        body = with_omitted(body, omitted)
    return cast("ServerMessage | None", _read(body, SERVER_TYPES, CLIENT_TYPES, "a client"))


def _read(body: Body, table: Mapping[str, Any], other: Mapping[str, Any], sender: str) -> Any:  # noqa: ANN401
    kind = _kind(body)
    message = table.get(kind)
    if message is not None:
        return _READERS[message](body, "")
    if kind in other:
        raise MalformedMessage(ErrorCode.BAD_EVENT, f"{kind} is sent by {sender} only")
    return None


def _kind(body: Body) -> str:
    if "type" not in body:
        raise MalformedMessage(ErrorCode.MISSING_FIELD, "type is missing", "type")
    kind = body["type"]
    if not isinstance(kind, str):
        raise _unexpected("type", kind, "a text")
    return kind


def with_omitted(body: Body, omitted: tuple[str, ...]) -> Body:
    """A message of the server with an empty value in each place that was left out for size."""
    filled = dict(body)
    message = SERVER_TYPES.get(str(body.get("type")))
    for path in omitted:
        name, _, rest = path.partition(".")
        inner = filled.get(name)
        if rest and isinstance(inner, dict):
            filled[name] = {**inner, rest: _EMPTY.get((name, rest), "")}
        elif message is not None:
            filled[name] = _EMPTY.get((message.__name__, name), "")
    return filled


def _unexpected(path: str, value: object, expected: str) -> MalformedMessage:
    return MalformedMessage(
        ErrorCode.BAD_FIELD, f"{path} is {_shown(value)}, expected {expected}", path
    )


def _shown(value: object) -> str:
    """A value in an error message: short, and never a whole instruction text."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    shown = repr(value)
    return shown if len(shown) <= 40 else shown[:37] + "..."


# Readers of single values.


def _read_any(value: Any, path: str) -> Any:  # noqa: ANN401
    return value


def _read_str(value: Any, path: str) -> str:  # noqa: ANN401
    if type(value) is not str:
        raise _unexpected(path, value, "a text")
    return value


def _read_int(value: Any, path: str) -> int:  # noqa: ANN401
    if type(value) is not int:
        raise _unexpected(path, value, "a whole number")
    return value


def _read_float(value: Any, path: str) -> float:  # noqa: ANN401
    if type(value) is not int and type(value) is not float:
        raise _unexpected(path, value, "a number")
    return value


def _read_bool(value: Any, path: str) -> bool:  # noqa: ANN401
    if type(value) is not bool:
        raise _unexpected(path, value, "true or false")
    return value


def _read_object(value: Any, path: str) -> Body:  # noqa: ANN401
    if type(value) is not dict:
        raise _unexpected(path, value, "an object")
    return value


_PLAIN: Final[Mapping[Any, _Reader]] = {
    Any: _read_any,
    str: _read_str,
    int: _read_int,
    float: _read_float,
    bool: _read_bool,
    Mapping: _read_object,
}


# Readers compiled from types.


def _compile(annotation: Any) -> _Reader:  # noqa: ANN401
    """The reader of a type; raises TypeError for a type that no message may use."""
    origin = get_origin(annotation) or annotation
    if origin in _PLAIN:
        return _PLAIN[origin]
    if origin is Annotated:
        inner, *constraints = get_args(annotation)
        noun = "a whole number" if inner is int else "a number"
        return _constrained(_compile(inner), constraints, noun)
    if origin is Literal:
        return _choice(get_args(annotation), lambda name: name)
    if origin in (Union, UnionType):
        return _union(get_args(annotation))
    if origin is tuple:
        return _tuple(get_args(annotation))
    if isinstance(origin, type) and issubclass(origin, Enum):
        return _choice([member.value for member in origin], origin)
    if isinstance(origin, type) and is_dataclass(origin):
        return _object(origin)
    raise TypeError(f"no reader for {annotation!r}")


def _choice(values: Iterable[str], make: Callable[[str], Any]) -> _Reader:
    allowed = {value: make(value) for value in values}
    expected = "one of " + ", ".join(f'"{value}"' for value in allowed)

    def read(value: Any, path: str) -> Any:  # noqa: ANN401
        if type(value) is not str or value not in allowed:
            raise _unexpected(path, value, expected)
        return allowed[value]

    return read


def _union(members: tuple[Any, ...]) -> _Reader:
    """A type that may be null or absent; a message has no other unions."""
    real = [member for member in members if member not in (NoneType, Unset)]
    reader = _compile(real[0])
    if NoneType not in members:
        return reader

    def read(value: Any, path: str) -> Any:  # noqa: ANN401
        return None if value is None else reader(value, path)

    return read


def _tuple(members: tuple[Any, ...]) -> _Reader:
    if members[-1] is Ellipsis:
        one = _compile(members[0])

        def read_all(value: Any, path: str) -> tuple[Any, ...]:  # noqa: ANN401
            if type(value) is not list:
                raise _unexpected(path, value, "a list")
            return tuple(one(entry, f"{path}[{i}]") for i, entry in enumerate(value))

        return read_all
    readers = [_compile(member) for member in members]

    def read_each(value: Any, path: str) -> tuple[Any, ...]:  # noqa: ANN401
        if type(value) is not list or len(value) != len(readers):
            raise _unexpected(path, value, f"a list of {len(readers)}")
        return tuple(
            reader(entry, f"{path}[{i}]")
            for i, (reader, entry) in enumerate(zip(readers, value, strict=True))
        )

    return read_each


def _constrained(reader: _Reader, constraints: Iterable[object], noun: str) -> _Reader:
    checks = [_check(constraint, noun) for constraint in constraints]

    def read(value: Any, path: str) -> Any:  # noqa: ANN401
        result = reader(value, path)
        for is_met, expected in checks:
            if not is_met(result):
                raise _unexpected(path, value, expected)
        return result

    return read


def _check(constraint: object, noun: str) -> tuple[Callable[[Any], bool], str]:
    match constraint:
        case Range(minimum, maximum):
            low = float("-inf") if minimum is None else minimum
            high = float("inf") if maximum is None else maximum
            return (lambda number: low <= number <= high), _bounds(noun, minimum, maximum)
        case Length(minimum, maximum):
            longest = float("inf") if maximum is None else maximum
            return (
                lambda text: minimum <= len(text) <= longest,
                _bounds("a length", minimum, maximum),
            )
        case Pattern(regex, meaning):
            pattern = re.compile(regex)
            return (lambda text: pattern.fullmatch(text) is not None), meaning
        case OneOf(values):
            return (lambda number: number in values), "one of " + ", ".join(map(str, values))
        case _:
            raise TypeError(f"no check for {constraint!r}")


def _bounds(what: str, minimum: float | None, maximum: float | None) -> str:
    if maximum is None:
        return f"{what} from {minimum:g}"
    return f"{what} from {minimum or 0:.10g} to {maximum:.10g}"


def _object(kind: type) -> _Reader:
    hints = type_hints(kind, include_extras=True)
    members = [
        (entry.name, wire_name(entry.name), _compile(hints[entry.name]), _is_required(entry))
        for entry in fields(kind)
    ]

    def read(value: Any, path: str) -> Any:  # noqa: ANN401
        body = _read_object(value, path)
        prefix = f"{path}." if path else ""
        given: dict[str, Any] = {}
        for attribute, name, reader, required in members:
            if name in body:
                given[attribute] = reader(body[name], prefix + name)
            elif required:
                raise MalformedMessage(
                    ErrorCode.MISSING_FIELD, f"{prefix}{name} is missing", prefix + name
                )
        return kind(**given)

    return read


def _is_required(entry: Field[Any]) -> bool:
    return entry.default is MISSING and entry.default_factory is MISSING


_SEQ: Final = _compile(Annotated[int, Range(1, 0xFFFFFFFF)])
_POSITION: Final = _compile(Annotated[int, Range(0, 0xFFFFFFFF)])
_CLOCK: Final = _compile(Annotated[int, Range(0)])
_KEY: Final = _compile(Annotated[str, Length(1, 36)])
_NAMES: Final = _compile(tuple[str, ...])

_READERS: Final[Mapping[type, _Reader]] = {
    message: _compile(message) for message in {*CLIENT_TYPES.values(), *SERVER_TYPES.values()}
}
"""One reader for each class of message."""

_EMPTY: Final[Mapping[tuple[str, str], Any]] = {
    ("Snapshot", "items"): [],
    ("TranscriptFinal", "words"): [],
    ("Welcome", "features"): [],
    ("session", "tools"): [],
    ("session", "metadata"): {},
    ("ResponseStarted", "metadata"): {},
    ("ErrorReport", "details"): {},
    ("ToolCall", "arguments"): {},
}
"""What stands for a field that was left out for size, where that is not an empty text."""


# Messages to text.


def encode(
    message: ClientMessage | ServerMessage,
    *,
    seq: int | None = None,
    ts: int | None = None,
    ack: int | None = None,
    id: str | None = None,
    re: str | None = None,
    max_text: int | None = None,
) -> bytes:
    """Return a message as UTF-8 JSON, reserved keys first.

    Args:
        message: What to say.
        seq: Number of the frame; None if it is not counted.
        ts: Clock of the sender in ms.
        ack: Highest number received in order.
        id: Idempotency key.
        re: What is answered; a ``re`` of the message itself gives way to it.
        max_text: Bytes that the receiver can take. Fields that do not fit are left out, the
            largest first, and named in ``omitted``.
    """
    reserved = {"seq": seq, "ts": ts, "ack": ack, "id": id, "re": re}
    body: dict[str, Any] = {"type": wire_type(type(message))}
    body.update((key, value) for key, value in reserved.items() if value is not None)
    for key, value in to_wire(message).items():
        body.setdefault(key, value)
    text = orjson.dumps(body)
    if max_text is None or len(text) <= max_text:
        return text
    return _shortened(body, max_text)


def to_wire(value: Any) -> Any:  # noqa: ANN401
    """A message, or any value within one, as JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        in_full = getattr(value, "written_in_full", False)
        pairs = ((entry, getattr(value, entry.name)) for entry in fields(value))
        return {
            wire_name(entry.name): to_wire(inner)
            for entry, inner in pairs
            if inner is not UNSET
            and (inner is not None or in_full or _is_required(entry) or entry.default is UNSET)
        }
    if isinstance(value, tuple | list):
        return [to_wire(inner) for inner in value]
    if isinstance(value, Mapping):
        return {str(key): to_wire(inner) for key, inner in value.items()}
    if isinstance(value, Enum):
        return value.value
    # Beyond 2^53 a float is no exact count, and beyond 2^64 no integer can be written.
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def _shortened(body: dict[str, Any], max_text: int) -> bytes:
    """Leave out the largest texts, lists and objects until the rest fits."""
    body = {**body, "omitted": []}
    if isinstance(body.get("session"), dict):
        body["session"] = dict(body["session"])
    while True:
        text = orjson.dumps(body)
        leaves = _droppable(body)
        if len(text) <= max_text or not leaves:
            return text
        _, owner, name, path = max(leaves, key=lambda leaf: leaf[0])
        del owner[name]
        body["omitted"].append(path)


def _droppable(
    body: dict[str, Any],
) -> list[tuple[int, dict[str, Any], str, str]]:
    owners = [("", body)]
    if isinstance(body.get("session"), dict):
        owners.append(("session.", body["session"]))
    return [
        (len(orjson.dumps(value)), owner, name, prefix + name)
        for prefix, owner in owners
        for name, value in owner.items()
        if isinstance(value, str | list | dict) and name not in _KEPT
    ]


_KEPT: Final = frozenset({"type", "id", "re", "omitted", "session", "code", "turn", "response"})
"""Keys that are never left out: they are short, or hold what may be."""
