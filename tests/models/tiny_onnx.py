"""Writes ONNX files field by field, with any fault that is asked for, without the onnx package.

The default is a network with the inputs and the output of a Piper voice, which ONNX Runtime loads.
"""

from __future__ import annotations

import json
from pathlib import Path

FLOAT32, INT64 = 1, 7


def number(field: int, value: int) -> bytes:
    """A field that is a number."""
    return _varint(field << 3) + _varint(value)


def content(field: int, value: bytes | str) -> bytes:
    """A field that is a message or a text."""
    value = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def port(name: str, element: int, *shape: int | str) -> bytes:
    """A ValueInfoProto."""
    sizes = [number(1, size) if isinstance(size, int) else content(2, size) for size in shape]
    tensor = number(1, element) + content(2, b"".join(content(1, size) for size in sizes))
    return content(1, name) + content(2, content(1, tensor))


def tensor(name: str, shape: tuple[int, ...], element: int, raw: bytes, more: bytes = b"") -> bytes:
    """A TensorProto."""
    sizes = b"".join(number(1, size) for size in shape)
    return sizes + number(2, element) + content(8, name) + content(9, raw) + more


def node(operator: str, inputs: str, outputs: str, more: bytes = b"", domain: str = "") -> bytes:
    """A NodeProto; names are separated by spaces."""
    names = b"".join(content(1, name) for name in inputs.split())
    names += b"".join(content(2, name) for name in outputs.split())
    return names + content(4, operator) + more + (content(7, domain) if domain else b"")


PIPER_INPUTS = (
    port("input", INT64, "b", "n"),
    port("input_lengths", INT64, "b"),
    port("scales", FLOAT32, 3),
)
OUTPUT = port("output", FLOAT32, "n")


def graph(*nodes: bytes, inputs: tuple[bytes, ...] = PIPER_INPUTS, more: bytes = b"") -> bytes:
    """A GraphProto."""
    nodes = nodes or (node("Ceil", "scales", "frames"), node("Identity", "frames", "output"))
    fields = [content(1, each) for each in nodes] + [content(2, "tiny")]
    fields += [content(11, each) for each in inputs]
    return b"".join(fields) + more + content(12, OUTPUT)


def model(graph: bytes, more: bytes = b"") -> bytes:
    """A ModelProto of operator set 13."""
    return number(1, 8) + content(8, content(1, "") + number(2, 13)) + content(7, graph) + more


CONFIG = {
    "audio": {"sample_rate": 22050, "quality": "medium"},
    "espeak": {"voice": "en-us"},
    "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
    "phoneme_type": "espeak",
    "phoneme_id_map": {"_": [0], "^": [1], "$": [2], "a": [3]},
    "num_symbols": 4,
    "num_speakers": 1,
    "speaker_id_map": {},
    "language": {"code": "en_GB"},
}


def write_voice(path: Path, network: bytes | None = None, **changes: object) -> Path:
    """Write a voice that says nothing: ``path`` and its description; return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model(graph()) if network is None else network)
    path.with_name(f"{path.name}.json").write_text(json.dumps({**CONFIG, **changes}))
    return path
