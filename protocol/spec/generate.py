"""Write the machine-readable specification next to this file: ``python -m protocol.spec.generate``.

``schema/*.json`` holds a JSON Schema per message, ``asyncapi.yaml`` the AsyncAPI 3.0 document that
refers to them, ``vectors/*.json`` header bytes, messages and a conversation to test against.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from protocol.codec import encode, to_wire
from protocol.events import CLIENT_TYPES, SERVER_TYPES
from protocol.frames import pack
from protocol.spec.examples import CLIENT_EXAMPLES, HEADERS, SERVER_EXAMPLES, conversation
from protocol.spec.schemas import ENVELOPE, message_schema

__all__ = ["files", "write"]

_HERE: Final = Path(__file__).parent
_AUDIO: Final = {
    "contentType": "application/octet-stream",
    "description": "16 bytes of header, then one Opus packet or PCM or G.711 samples.",
    "payload": {"type": "string", "format": "binary"},
}


def files() -> dict[str, str]:
    """Every generated file: path relative to this folder, and its text."""
    schemas = {"envelope": ENVELOPE, **_schemas()}
    texts = {f"schema/{name}.json": _json(schema) for name, schema in schemas.items()}
    texts["asyncapi.yaml"] = "\n".join(_yaml(_asyncapi())) + "\n"
    texts["vectors/headers.json"] = _json(_headers())
    texts["vectors/messages.json"] = _json(_messages())
    texts["vectors/conversation.json"] = _json(_conversation())
    return texts


def write(folder: Path = _HERE) -> None:
    """Write every file, and remove schemas of messages that are no more."""
    texts = files()
    for path, text in texts.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    for stale in (folder / "schema").glob("*.json"):
        if f"schema/{stale.name}" not in texts:
            stale.unlink()


def _schemas() -> dict[str, Any]:
    shared = CLIENT_TYPES.keys() & SERVER_TYPES.keys()
    both = {**CLIENT_TYPES, **SERVER_TYPES}
    return {
        kind: message_schema(message, from_server=kind in SERVER_TYPES and kind not in shared)
        for kind, message in both.items()
    }


def _headers() -> list[dict[str, Any]]:
    return [
        {
            "what": what,
            "hex": pack(frame).hex(),
            "kind": int(frame.kind),
            "flags": int(frame.flags),
            "stream": frame.stream,
            "seq": frame.seq,
            "pts": frame.pts,
            "ts": frame.ts,
        }
        for what, _, frame in HEADERS
    ]


def _messages() -> list[dict[str, Any]]:
    senders = (("client", CLIENT_EXAMPLES), ("server", SERVER_EXAMPLES))
    return [
        {"from": sender, "fields": to_wire(message), "text": encode(message, ts=1000).decode()}
        for sender, messages in senders
        for message in messages
    ]


def _conversation() -> list[dict[str, str]]:
    return [
        {"from": sender, "text": message}
        if isinstance(message, str)
        else {"from": sender, "hex": message.hex()}
        for sender, message in conversation()
    ]


def _asyncapi() -> dict[str, Any]:
    names = sorted({*CLIENT_TYPES, *SERVER_TYPES})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Parley native voice protocol",
            "version": "1.0.0",
            "description": "Speech in, speech out, over one WebSocket. See ../README.md.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {"host": "127.0.0.1:8765", "protocol": "ws", "pathname": "/v1/native"}
        },
        "channels": {
            "session": {
                "address": "/v1/native",
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
                "messages": {
                    _key(name): {"$ref": f"#/components/messages/{_key(name)}"}
                    for name in [*names, "audio"]
                },
            }
        },
        "operations": {
            "clientSends": _operation("receive", CLIENT_TYPES),
            "serverSends": _operation("send", SERVER_TYPES),
        },
        "components": {
            "messages": {
                **{
                    _key(name): {"name": name, "payload": {"$ref": f"schema/{name}.json"}}
                    for name in names
                },
                "audio": _AUDIO,
            }
        },
    }


def _operation(action: str, table: Mapping[str, type]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/session"},
        "messages": [
            {"$ref": f"#/channels/session/messages/{_key(name)}"}
            for name in [*sorted(table), "audio"]
        ],
    }


def _key(name: str) -> str:
    """A name that may be part of a reference: ``speech.started`` is ``speechStarted``."""
    first, *rest = name.split(".")
    return first + "".join(part.capitalize() for part in rest)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _yaml(value: Any, indent: str = "") -> Iterator[str]:  # noqa: ANN401
    """Lines of YAML; only what an AsyncAPI document needs."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _yaml_entry(f"{indent}{key}:", inner, indent)
    else:
        for inner in value:
            lines = list(_yaml(inner, indent + "  "))
            yield f"{indent}- {lines[0].lstrip()}"
            yield from lines[1:]


def _yaml_entry(head: str, value: Any, indent: str) -> Iterator[str]:  # noqa: ANN401
    if isinstance(value, Mapping | list):
        yield head
        yield from _yaml(value, indent + "  ")
    else:
        yield f"{head} {json.dumps(value)}"


if __name__ == "__main__":
    write()
