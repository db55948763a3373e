"""The JSON Schema of a result's file, made from the dataclasses of `benchmarks.results`.

`python -m benchmarks.reports.schema` prints it; `result.schema.json` beside this module is a copy
for those who read results with other tools. `mismatch` checks values against it, as far as this
schema uses the language: type, const, enum, anyOf, $ref, properties, required, items and
additionalProperties.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, cast

import orjson

from benchmarks.results import SCHEMA_VERSION, Result

__all__ = ["SCHEMA_FILE", "json_schema", "mismatch", "schema_text"]

Schema = Mapping[str, Any]
Check = Callable[[object], bool]

SCHEMA_FILE: Final = Path(__file__).parent / "result.schema.json"

_ENTRY: Final = re.compile(r"^    (?P<name>\w+): (?P<text>.*)$")
_NAMES: Final = {str: "string", bool: "boolean", int: "integer", float: "number"}
_TYPES: Final[Mapping[str, frozenset[type]]] = {
    "object": frozenset({dict}),
    "array": frozenset({list}),
    "string": frozenset({str}),
    "boolean": frozenset({bool}),
    "null": frozenset({type(None)}),
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
}
"""What a JSON reader makes of each; a bool is no integer here."""
_SHOWN: Final = 40
"""Characters of a wrong value that a message shows."""


@cache
def json_schema() -> Schema:
    """The schema (draft 2020-12); fields that it does not know are allowed."""
    definitions: dict[str, Any] = {}
    _define(Result, definitions)
    definitions["Result"]["properties"]["schema"] = {"const": SCHEMA_VERSION}
    definitions["Result"]["required"].append("schema")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Result of a run of parley bench",
        "$ref": "#/$defs/Result",
        "$defs": dict(sorted(definitions.items())),
    }


def schema_text() -> str:
    """The schema as it stands in its file."""
    return orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2).decode() + "\n"


def mismatch(values: object) -> str | None:
    """Where values first differ from the schema, what stands there and what was expected."""
    # A long run has millions of values: only a file that is wrong is searched for the place.
    if _checker()(values):
        return None
    return next(_mismatches(json_schema(), values, ""), None)


def _define(kind: type, definitions: dict[str, Any]) -> None:
    if kind.__name__ in definitions:
        return
    definitions[kind.__name__] = {}  # keeps a type that holds itself from coming back here
    hints, texts = typing.get_type_hints(kind), _descriptions(kind)
    fields = dataclasses.fields(cast("Any", kind))
    properties = {
        each.name: {
            **_of(hints[each.name], definitions),
            **({"description": texts[each.name]} if each.name in texts else {}),
        }
        for each in fields
    }
    definitions[kind.__name__] = {
        "type": "object",
        "description": (inspect.getdoc(kind) or "").partition("\n")[0],
        "properties": properties,
        "required": [each.name for each in fields if _is_required(each)],
    }


def _is_required(one: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return one.default is missing and one.default_factory is missing


def _of(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """The schema of one declared type."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return {}
    if kind is type(None):
        return {"type": "null"}
    if origin is typing.Literal:
        return {"enum": list(inner)}
    if origin in (types.UnionType, typing.Union):
        choices = [_of(each, definitions) for each in inner]
        if all(choice.keys() == {"type"} for choice in choices):
            return {"type": [choice["type"] for choice in choices]}
        return {"anyOf": choices}
    if origin is tuple:
        return {"type": "array", "items": _of(inner[0], definitions)}
    if origin is not None:
        return {"type": "object", "additionalProperties": _of(inner[1], definitions)}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        _define(kind, definitions)
        return {"$ref": f"#/$defs/{kind.__name__}"}
    return {"type": _NAMES[kind]}


def _descriptions(kind: type) -> dict[str, str]:
    """Field -> what the docstring's list of attributes says of it."""
    lines = (inspect.getdoc(kind) or "").partition("Attributes:\n")[2].splitlines()
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        if entry := _ENTRY.match(line):
            name = entry["name"]
            found[name] = entry["text"]
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return found


@cache
def _checker() -> Check:
    """The whole schema as one function."""
    known: dict[str, Check] = {}
    return _check(json_schema(), known)


def _check(schema: Schema, known: dict[str, Check]) -> Check:
    """A function that tells whether a value fits; ``known`` holds those of the definitions."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in known:
            known[name] = _check(json_schema()["$defs"][name], known)
        return known[name]
    if "anyOf" in schema:
        choices = [_check(choice, known) for choice in schema["anyOf"]]
        return lambda value: any(choice(value) for choice in choices)
    if schema.get("type") == "object":
        return _check_object(schema, known)
    if schema.get("type") == "array":
        item = _check(schema["items"], known)
        return lambda value: isinstance(value, list) and all(map(item, value))
    if "type" in schema:
        kinds = _types(schema)
        return lambda value: type(value) in kinds
    return partial(_fits, schema)


def _check_object(schema: Schema, known: dict[str, Check]) -> Check:
    fields = {name: _check(each, known) for name, each in schema.get("properties", {}).items()}
    others = _check(schema.get("additionalProperties", {}), known)
    required = frozenset(schema.get("required", ()))

    def check(value: object) -> bool:
        return (
            isinstance(value, Mapping)
            and required <= value.keys()
            and all(fields.get(name, others)(each) for name, each in value.items())
        )

    return check


def _mismatches(schema: Schema, value: object, place: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = json_schema()["$defs"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        yield from _none_of(schema["anyOf"], value, place)
    elif not _fits(schema, value):
        yield f"{place or 'the file'} is {_shown(value)}; expected {_expected(schema)}"
    elif isinstance(value, Mapping):
        yield from _in_object(schema, value, place)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _mismatches(schema.get("items", {}), each, f"{place}[{index}]")


def _none_of(choices: list[Schema], value: object, place: str) -> Iterator[str]:
    """A complaint if no choice fits: that of the choice which could have been meant."""
    complaints = []
    for choice in choices:
        complaint = next(_mismatches(choice, value, place), None)
        if complaint is None:
            return
        complaints.append(complaint)
    if isinstance(value, Mapping):
        yield complaints[0]
    else:
        expected = " or ".join(_expected(choice) for choice in choices)
        yield f"{place} is {_shown(value)}; expected {expected}"


def _in_object(schema: Schema, values: Mapping[str, Any], place: str) -> Iterator[str]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
    dot = f"{place}." if place else ""
    for name in schema.get("required", ()):
        if name not in values:
            yield f"{dot}{name} is missing"
    for name, value in values.items():
        yield from _mismatches(known.get(name, others), value, f"{dot}{name}")


def _fits(schema: Schema, value: object) -> bool:
    if "const" in schema:
        return bool(value == schema["const"])
    if "enum" in schema:
        return value in schema["enum"]
    return "type" not in schema or type(value) in _types(schema)


def _types(schema: Schema) -> frozenset[type]:
    names = schema["type"]
    known = [names] if isinstance(names, str) else names
    return frozenset(kind for name in known for kind in _TYPES[name])


def _expected(schema: Schema) -> str:
    if "$ref" in schema:
        return "an object"
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if "const" in schema:
        return str(schema["const"])
    kinds = schema["type"]
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def _shown(value: object) -> str:
    if isinstance(value, Mapping | list):
        return "an object" if isinstance(value, Mapping) else "an array"
    text = orjson.dumps(value).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


if __name__ == "__main__":
    sys.stdout.write(schema_text())
