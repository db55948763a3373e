"""Validate text messages against the generated JSON Schemas; for every test that sees some."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal

import orjson
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from protocol import spec
from protocol.codec import with_omitted
from protocol.events import CLIENT_TYPES, SERVER_TYPES

__all__ = ["SCHEMAS", "validate_event"]

SCHEMAS = Path(spec.__file__).parent / "schema"


@cache
def _registry() -> Registry[Any]:
    resources = [
        (path.name, Resource.from_contents(orjson.loads(path.read_bytes())))
        for path in SCHEMAS.glob("*.json")
    ]
    return Registry().with_resources(resources)


@cache
def _validator(kind: str) -> Draft202012Validator:
    schema = orjson.loads((SCHEMAS / f"{kind}.json").read_bytes())
    return Draft202012Validator(schema, registry=_registry())


def validate_event(text: str | bytes, direction: Literal["client", "server"]) -> str:
    """Check one text message; return its type.

    Args:
        text: The message as on the wire.
        direction: Who sent it.

    Raises:
        AssertionError: If its type is unknown in this direction, or a field breaks its schema.
    """
    body = orjson.loads(text)
    kind = body["type"]
    table = CLIENT_TYPES if direction == "client" else SERVER_TYPES
    assert kind in table, f"{kind} is not a message of the {direction}"
    if direction == "server":
        body = with_omitted(body, tuple(body.get("omitted", ())))
    problems = [
        f"{kind}.{'.'.join(map(str, error.absolute_path))}: {error.message}"
        for error in _validator(kind).iter_errors(body)
    ]
    assert not problems, f"{problems} in {text!r}"
    return kind
