"""Looks into ONNX models, and extends them, without the onnx package.

A model is a protocol buffer message (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3); the
few fields that matter here are found by walking its wire format
(https://protobuf.dev/programming-guides/encoding/).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["outputs_of", "uses_external_data", "with_output"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_MODEL_GRAPH, _MODEL_FUNCTION = 7, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_OUTPUT, _GRAPH_SPARSE = 1, 5, 12, 15
_FUNCTION_NODE: Final = 7
_NODE_OUTPUT, _NODE_OPERATOR, _NODE_ATTRIBUTE = 2, 4, 5
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH = 5, 6
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 10, 11
_ATTRIBUTE_SPARSE: Final = (22, 23)
_SPARSE_TENSORS: Final = (1, 2)
_TENSOR_EXTERNAL_DATA, _TENSOR_LOCATION = 13, 14
_VALUE_NAME: Final = 1


def outputs_of(model: bytes, operator: str) -> list[str]:
    """Return the names of the tensors that nodes with this operator produce, in graph order.

    Raises:
        ValueError: If ``model`` is not a whole protocol buffer message.
    """
    names = []
    for graph in _messages(memoryview(model), _MODEL_GRAPH):
        for node in _messages(graph, _GRAPH_NODE):
            if [bytes(value) for value in _messages(node, _NODE_OPERATOR)] == [operator.encode()]:
                names += [bytes(value).decode() for value in _messages(node, _NODE_OUTPUT)]
    return names


def with_output(model: bytes, name: str) -> bytes:
    """Return ``model`` with one tensor of its graph as a further output.

    Nothing is rewritten: protocol buffers merge a message that occurs twice, and a second graph
    that holds an output only adds that output to the first.
    """
    value = _field(_VALUE_NAME, name.encode())
    return model + _field(_MODEL_GRAPH, _field(_GRAPH_OUTPUT, value))


def uses_external_data(model: bytes) -> bool:
    """Return whether a tensor of the model lies in another file.

    Raises:
        ValueError: If ``model`` is not a whole protocol buffer message.
    """
    whole = memoryview(model)
    graphs, functions = _messages(whole, _MODEL_GRAPH), _messages(whole, _MODEL_FUNCTION)
    return any(_is_external(tensor) for graph in graphs for tensor in _tensors(graph)) or any(
        _is_external(tensor)
        for function in functions
        for node in _messages(function, _FUNCTION_NODE)
        for tensor in _tensors_of_node(node)
    )


def _tensors(graph: memoryview) -> Iterator[memoryview]:
    yield from _messages(graph, _GRAPH_INITIALIZER)
    for sparse in _messages(graph, _GRAPH_SPARSE):
        yield from _messages(sparse, *_SPARSE_TENSORS)
    for node in _messages(graph, _GRAPH_NODE):
        yield from _tensors_of_node(node)


def _tensors_of_node(node: memoryview) -> Iterator[memoryview]:
    for attribute in _messages(node, _NODE_ATTRIBUTE):
        yield from _messages(attribute, _ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS)
        for sparse in _messages(attribute, *_ATTRIBUTE_SPARSE):
            yield from _messages(sparse, *_SPARSE_TENSORS)
        for inner in _messages(attribute, _ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
            yield from _tensors(inner)


def _is_external(tensor: memoryview) -> bool:
    return any(
        number == _TENSOR_EXTERNAL_DATA or (number == _TENSOR_LOCATION and value == 1)
        for number, value in _fields(tensor)
    )


def _messages(message: memoryview, *numbers: int) -> Iterator[memoryview]:
    for number, value in _fields(message):
        if number in numbers and isinstance(value, memoryview):
            yield value


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        kind = key & 7
        if kind == _VARINT:
            value, position = _varint(message, position)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            length, position = _varint(message, position)
        elif kind in {_FIXED32, _FIXED64}:
            length = 4 if kind == _FIXED32 else 8
        else:
            message_ = f"wire type {kind} at byte {position}, expected 0, 1, 2 or 5; no ONNX model"
            raise ValueError(message_)
        if position + length > len(message):
            message_ = f"a field ends at byte {position + length} of {len(message)}; cut short?"
            raise ValueError(message_)
        yield key >> 3, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(message) or shift > 63:
            text = f"no number at byte {position} of {len(message)}; no ONNX model, or cut short"
            raise ValueError(text)
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def _field(number: int, content: bytes) -> bytes:
    return _encoded(number << 3 | _BYTES) + _encoded(len(content)) + content


def _encoded(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
