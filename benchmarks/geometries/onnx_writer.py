"""Writes ONNX models without the onnx package: the fields of its protocol buffers, and no more.

https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3 has the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["GraphWriter"]

_VARINT, _BYTES, _FIXED32 = 0, 2, 5
_TYPES: Final = {np.dtype(np.float32): 1, np.dtype(np.int64): 7}
_FLOAT, _INT, _INTS = 1, 2, 7
_IR_VERSION: Final = 8
_OPSET: Final = 17

Attribute: TypeAlias = int | float | Sequence[int]


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value)


def _content(field: int, content: bytes | str) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return _varint(field << 3 | _BYTES) + _varint(len(raw)) + raw


def _attribute(name: str, value: Attribute) -> bytes:
    head = _content(1, name)
    if isinstance(value, float):
        number = np.float32(value).tobytes()
        return head + _varint(2 << 3 | _FIXED32) + number + _number(20, _FLOAT)
    if isinstance(value, int):
        return head + _number(3, value) + _number(20, _INT)
    return head + b"".join(_number(8, each) for each in value) + _number(20, _INTS)


class GraphWriter:
    """Collects a graph, node by node, and encodes it as a model."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._tensors: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._count = 0

    def input(self, name: str, dtype: npt.DTypeLike, dimensions: Sequence[int | str]) -> str:
        """Declare an input; a dimension that is a name may have any size. Returns its name."""
        self._inputs.append(_value(name, dtype, dimensions))
        return name

    def output(self, name: str, dtype: npt.DTypeLike, dimensions: Sequence[int | str]) -> None:
        """Declare that the model gives a tensor."""
        self._outputs.append(_value(name, dtype, dimensions))

    def tensor(self, value: npt.NDArray[Any], name: str = "") -> str:
        """Add weights or a constant; returns its name."""
        name = name or self._name("c")
        parts = [_number(1, size) for size in value.shape]
        parts += [_number(2, _TYPES[value.dtype]), _content(8, name), _content(9, value.tobytes())]
        self._tensors.append(b"".join(parts))
        return name

    def node(
        self, operator: str, *inputs: str, outputs: int = 1, name: str = "", **attributes: Attribute
    ) -> str:
        """Add a node; returns the name of its first output. The others have ``_1`` etc. behind."""
        first = name or self._name(operator)
        names = [first, *(f"{first}_{number}" for number in range(1, outputs))]
        parts = [_content(1, each) for each in inputs]
        parts += [_content(2, each) for each in names]
        parts += [_content(3, first), _content(4, operator)]
        parts += [_content(5, _attribute(key, value)) for key, value in attributes.items()]
        self._nodes.append(b"".join(parts))
        return first

    def model(self) -> bytes:
        """Return the model's file."""
        graph = b"".join(
            [
                *(_content(1, each) for each in self._nodes),
                _content(2, "graph"),
                *(_content(5, each) for each in self._tensors),
                *(_content(11, each) for each in self._inputs),
                *(_content(12, each) for each in self._outputs),
            ]
        )
        opset = _content(8, _content(1, "") + _number(2, _OPSET))
        return _number(1, _IR_VERSION) + _content(2, "parley") + _content(7, graph) + opset

    def _name(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix.lower()}{self._count}"


def _value(name: str, dtype: npt.DTypeLike, dimensions: Sequence[int | str]) -> bytes:
    sizes = b"".join(
        _content(1, _number(1, each) if isinstance(each, int) else _content(2, each))
        for each in dimensions
    )
    tensor = _number(1, _TYPES[np.dtype(dtype)]) + _content(2, sizes)
    return _content(1, name) + _content(2, _content(1, tensor))
