"""JSON Schemas (2020-12) of every message, derived from the types of `protocol.events`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin
from typing import get_type_hints as type_hints

from protocol.codec import is_numbered, to_wire
from protocol.constraints import UNSET, Length, OneOf, Pattern, Range, Unset, wire_name
from protocol.events import wire_type

__all__ = ["ENVELOPE", "Schema", "message_schema"]

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_UINT32: Final = 0xFFFFFFFF

ENVELOPE: Final[Schema] = {
    "$schema": DIALECT,
    "$id": "envelope.json",
    "title": "envelope",
    "description": "What every text message has in common.",
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"type": "string", "maxLength": 48},
        "seq": {"type": "integer", "minimum": 1, "maximum": _UINT32},
        "ts": {"type": "integer", "minimum": 0},
        "ack": {"type": "integer", "minimum": 0, "maximum": _UINT32},
        "id": {"type": "string", "minLength": 1, "maxLength": 36},
        "re": {"type": "string", "minLength": 1, "maxLength": 36},
        "must": {"type": "boolean"},
        "omitted": {"type": "array", "items": {"type": "string"}},
    },
    "additionalProperties": True,
}
"""The schema that each message's refers to."""

_PLAIN: Final[Mapping[Any, Schema]] = {
    Any: {},
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    Mapping: {"type": "object"},
}


def message_schema(message: type, *, from_server: bool) -> Schema:
    """The schema of a message class.

    Args:
        message: One of the classes of `protocol.events`.
        from_server: Messages of the server always carry ``ts``, and ``seq`` where they are
            counted; those of a client may leave both out.
    """
    kind = wire_type(message)
    own = _object(message, written=from_server)
    own["properties"] = {"type": {"const": kind}, **own["properties"]}
    envelope_keys = ["type"]
    if from_server:
        envelope_keys.append("ts")
        if is_numbered(message) and kind != "error":
            envelope_keys.append("seq")
    return {
        "$schema": DIALECT,
        "$id": f"{kind}.json",
        "title": kind,
        "description": " ".join((message.__doc__ or "").split("\n\n")[0].split()),
        "allOf": [{"$ref": "envelope.json"}],
        **own,
        "required": [*envelope_keys, *own["required"]],
    }


def _object(kind: type, *, written: bool) -> Schema:
    """The schema of a dataclass; what a server writes includes the fields that have a default."""
    hints = type_hints(kind, include_extras=True)
    in_full = getattr(kind, "written_in_full", False)
    properties: Schema = {}
    required: list[str] = []
    for entry in fields(kind):
        name = wire_name(entry.name)
        properties[name] = _schema(hints[entry.name], written=written)
        default = _default(entry)
        optional = default is None or default is UNSET
        if default is MISSING or (written and (in_full or not optional)):
            required.append(name)
        elif not optional:
            properties[name]["default"] = to_wire(default)
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": True,
    }


def _default(entry: Field[Any]) -> object:
    """The value of an absent field; MISSING if it may not be absent."""
    if entry.default_factory is not MISSING:
        return entry.default_factory()
    return entry.default


def _schema(annotation: Any, *, written: bool) -> Schema:  # noqa: ANN401
    origin = get_origin(annotation) or annotation
    if origin in _PLAIN:
        return dict(_PLAIN[origin])
    if origin is Annotated:
        inner, *constraints = get_args(annotation)
        schema = _schema(inner, written=written)
        for constraint in constraints:
            schema |= _constraint(constraint, schema)
        return schema
    if origin is Literal:
        return {"enum": list(get_args(annotation))}
    if origin in (Union, UnionType):
        return _union(get_args(annotation), written=written)
    if origin is tuple:
        return _array(get_args(annotation), written=written)
    if isinstance(origin, type) and issubclass(origin, Enum):
        return {"enum": [member.value for member in origin]}
    if isinstance(origin, type) and is_dataclass(origin):
        return _object(origin, written=written)
    raise TypeError(f"no schema for {annotation!r}")


def _union(members: tuple[Any, ...], *, written: bool) -> Schema:
    real = [
        _schema(member, written=written) for member in members if member not in (NoneType, Unset)
    ]
    if not real[0] or NoneType not in members:
        return real[0]
    return {"anyOf": [real[0], {"type": "null"}]}


def _array(members: tuple[Any, ...], *, written: bool) -> Schema:
    if members[-1] is Ellipsis:
        return {"type": "array", "items": _schema(members[0], written=written)}
    return {
        "type": "array",
        "prefixItems": [_schema(member, written=written) for member in members],
        "minItems": len(members),
        "maxItems": len(members),
    }


def _constraint(constraint: object, schema: Schema) -> Schema:
    match constraint:
        case Range(minimum, maximum):
            bounds = {"minimum": minimum, "maximum": maximum}
        case Length(minimum, maximum):
            noun = "Items" if schema.get("type") == "array" else "Length"
            bounds = {f"min{noun}": minimum or None, f"max{noun}": maximum}
        case Pattern(regex, _):
            return {"pattern": f"^(?:{regex})$"}
        case OneOf(values):
            return {"enum": list(values)}
        case _:
            raise TypeError(f"no schema for {constraint!r}")
    return {key: value for key, value in bounds.items() if value is not None}
