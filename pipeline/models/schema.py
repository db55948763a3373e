"""The JSON Schema of models.toml, made from what reads it.

models.schema.json beside this file is its text, and ``parley models lint --schema`` prints it;
editors take it by a first line ``#:schema PATH``. It describes one file: that names are consistent
with each other is what `pipeline.models.lint` checks.
"""

from __future__ import annotations

import json
from typing import Any

from pipeline.models.catalogue import SCHEMAS
from pipeline.models.engine_settings import settings_schema
from pipeline.models.model import ENGINES, PROGRAMS, ROLES
from pipeline.models.reading import (
    FILE_KEYS,
    ID,
    MODEL_KEYS,
    PROFILE_KEYS,
    PROMPT_KEYS,
    REVISION,
    SHA256,
    SOURCE_KEYS,
    TOP_KEYS,
)
from pipeline.persona import ClockPlacement

__all__ = ["json_schema", "json_schema_text"]

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_SIZE = {"type": "integer", "minimum": 0}
_NAME = {"type": "string", "pattern": f"^{ID}$"}
_URL = {"type": "string", "pattern": r"^https?://[^\s]+$"}


def json_schema() -> dict[str, Any]:
    """Return the schema, of JSON Schema 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "models.toml: the models that Parley knows, and profiles of them",
        "type": "object",
        "required": ["schema", "profiles", "models"],
        "properties": _known(TOP_KEYS, {
            "schema": {"enum": list(SCHEMAS)},
            "profiles": {"type": "object", "additionalProperties": _profile()},
            "models": {
                "type": "object",
                "propertyNames": {"pattern": f"^{ID}$"},
                "additionalProperties": _model(),
            },
        }),
        "additionalProperties": False,
    }  # fmt: skip


def json_schema_text() -> str:
    """Return the schema as models.schema.json holds it."""
    return json.dumps(json_schema(), indent=2) + "\n"


def _known(keys: frozenset[str], properties: dict[str, Any]) -> dict[str, Any]:
    """Return the properties, which have to be exactly what the reader takes."""
    assert keys == set(properties), keys ^ set(properties)
    return properties


def _profile() -> dict[str, Any]:
    by_language = {"type": "object", "additionalProperties": _NAME}
    return {
        "type": "object",
        "required": list(ENGINES),
        "properties": _known(PROFILE_KEYS, {
            "description": _TEXT,
            **dict.fromkeys(ENGINES, _NAME),
            "recognizers": by_language,
            "voices": by_language,
            "languages": _TEXTS,
            "warning": _TEXT,
        }),
        "additionalProperties": False,
    }  # fmt: skip


def _model() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["engine"],
        "anyOf": [
            {"required": ["path"]},
            {"required": ["source"]},
            {"properties": {"engine": {"enum": list(PROGRAMS)}}},
        ],
        "properties": _known(MODEL_KEYS, {
            "engine": {"enum": list(ROLES)},
            "path": _TEXT,
            "source": _source(),
            "files": {"type": "object", "additionalProperties": _file()},
            "licence": _TEXT,
            "licence_note": _TEXT,
            "finetuned_from": _TEXT,
            "withdrawn": _TEXT,
            "languages": _TEXTS,
            "memory_bytes": _SIZE,
            "geometry": _TEXT,
            "note": _TEXT,
            "prompt": _prompt(),
            "settings": {"type": "object"},
        }),
        "additionalProperties": False,
        "allOf": [_settings_of(engine) for engine in ROLES],
    }  # fmt: skip


def _settings_of(engine: str) -> dict[str, Any]:
    return {
        "if": {"properties": {"engine": {"const": engine}}, "required": ["engine"]},
        "then": {"properties": {"settings": settings_schema(engine)}},
    }


def _source() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": _known(SOURCE_KEYS, {
            "kind": {"enum": ["huggingface", "url"]},
            "repository": _TEXT,
            "revision": {"type": "string", "pattern": f"^{REVISION}$"},
            "base": _URL,
            "folder": _TEXT,
        }),
        "additionalProperties": False,
    }  # fmt: skip


def _file() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": _known(FILE_KEYS, {
            "bytes": _SIZE,
            "sha256": {"type": "string", "pattern": f"^({SHA256})?$"},
            "url": _URL,
        }),
        "additionalProperties": False,
    }  # fmt: skip


def _prompt() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": _known(PROMPT_KEYS, {"clock": {"enum": [str(c) for c in ClockPlacement]}}),
        "additionalProperties": False,
    }
