"""Which settings a model's table may have, by engine: what the engine's dataclass declares."""

from __future__ import annotations

import dataclasses
import importlib
import types
import typing
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, Literal, Union

__all__ = ["settings_schema", "wrong_setting"]

_CLASSES: Final[Mapping[str, tuple[str, str]]] = {
    "faster-whisper": ("pipeline.engines.faster_whisper", "WhisperSettings"),
    "llama.cpp": ("pipeline.engines.llama_cpp", "LlamaSettings"),
    "piper": ("pipeline.engines.piper", "PiperSettings"),
    "espeak-ng": ("pipeline.engines.espeak", "EspeakSettings"),
}

_CHOSEN: Final = frozenset({
    "config_path", "device", "gpu", "path", "pauses", "sessions", "threads", "workers",
})  # fmt: skip
"""What the configuration and the machine decide, or code alone can give."""


def settings_schema(engine: str) -> dict[str, Any]:
    """Return the JSON Schema of a model's settings; an engine without any takes none."""
    hints = _hints(engine)
    return {
        "type": "object",
        "properties": {name: _schema(hint) for name, hint in hints.items()},
        "additionalProperties": False,
    }


def wrong_setting(engine: str, settings: Mapping[str, object]) -> str:
    """Return what is wrong with the first wrong setting, or "" if all are right."""
    hints = _hints(engine)
    for name, value in settings.items():
        if name not in hints:
            known = ", ".join(sorted(hints)) or "none"
            return f"settings.{name} is unknown to {engine}; known: {known}"
        if not _accepts(hints[name], value):
            return f"settings.{name} is {value!r}, expected {_words(hints[name])}"
    return ""


@cache
def _hints(engine: str) -> Mapping[str, Any]:
    if engine not in _CLASSES:
        return {}
    module, name = _CLASSES[engine]
    return _declared(getattr(importlib.import_module(module), name))


def _declared(kind: type[Any]) -> Mapping[str, Any]:
    hints = typing.get_type_hints(kind)
    return {
        each.name: hints[each.name] for each in dataclasses.fields(kind) if each.name not in _CHOSEN
    }


def _options(hint: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a type hint has no type of its own
    if typing.get_origin(hint) in (Union, types.UnionType):
        return tuple(each for each in typing.get_args(hint) if each is not type(None))
    return (hint,)


def _is_list(hint: Any) -> bool:  # noqa: ANN401
    return typing.get_origin(hint) in (tuple, Sequence)


def _accepts(hint: Any, value: object) -> bool:  # noqa: ANN401
    return any(_fits(option, value) for option in _options(hint))


def _fits(hint: Any, value: object) -> bool:  # noqa: ANN401
    if typing.get_origin(hint) is Literal:
        return value in typing.get_args(hint)
    if _is_list(hint):
        inner = typing.get_args(hint)[0]
        return isinstance(value, list) and all(_accepts(inner, each) for each in value)
    if dataclasses.is_dataclass(hint):
        declared = _declared(typing.cast("type[Any]", hint))
        return isinstance(value, dict) and all(
            name in declared and _accepts(declared[name], each) for name, each in value.items()
        )
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is hint


def _words(hint: Any) -> str:  # noqa: ANN401
    return " or ".join(_word(option) for option in _options(hint))


def _word(hint: Any) -> str:  # noqa: ANN401
    if typing.get_origin(hint) is Literal:
        return " or ".join(f'"{choice}"' for choice in typing.get_args(hint))
    if _is_list(hint):
        return f"a list, each {_words(typing.get_args(hint)[0])}"
    if dataclasses.is_dataclass(hint):
        return f"a table of {', '.join(_declared(typing.cast('type[Any]', hint)))}"
    return {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}[hint]


def _schema(hint: Any) -> dict[str, Any]:  # noqa: ANN401
    options = [_one(option) for option in _options(hint)]
    return options[0] if len(options) == 1 else {"anyOf": options}


def _one(hint: Any) -> dict[str, Any]:  # noqa: ANN401
    if typing.get_origin(hint) is Literal:
        return {"enum": list(typing.get_args(hint))}
    if _is_list(hint):
        return {"type": "array", "items": _schema(typing.get_args(hint)[0])}
    if dataclasses.is_dataclass(hint):
        declared = _declared(typing.cast("type[Any]", hint))
        properties = {name: _schema(each) for name, each in declared.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}
    names = {int: "integer", float: "number", str: "string", bool: "boolean"}
    return {"type": names[hint]}
