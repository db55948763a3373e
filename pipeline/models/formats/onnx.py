"""Reads what an ONNX file asks for, and refuses what would reach beyond the file.

Fields as in https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. A tensor may name another
file as the place of its data (an arbitrary path), and a node may be of an operator set that only a
native library brings: both are refused. Weights are not read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pipeline.models.formats.cursor import opened
from pipeline.models.formats.protobuf import Messages, Span

__all__ = ["Onnx", "Port", "read_onnx"]

_KIND: Final = "ONNX model"
_MAX_FIELDS: Final = 1_000_000
_MAX_DEPTH: Final = 16
_MAX_DIMENSIONS: Final = 16
_MAX_BYTES: Final = (1 << 31) - 1
"""A protocol buffer message has at most 2 GiB."""

_DOMAINS: Final = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
"""Operator sets that ONNX Runtime brings itself."""
_SIZES: Final = MappingProxyType({
    1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16,
    16: 2,
})  # fmt: skip
"""TensorProto.DataType -> bytes of an element; others are not checked."""

_MODEL_VERSION, _MODEL_GRAPH, _MODEL_OPSET, _MODEL_FUNCTION = 1, 7, 8, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_SPARSE = 1, 5, 11, 12, 15
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_FUNCTION_NODE, _FUNCTION_DOMAIN, _FUNCTION_ATTRIBUTE = 7, 10, 11
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS, _ATTRIBUTE_SPARSE = (5, 10), (6, 11), (22, 23)
_SPARSE_TENSORS: Final = (1, 2)
_TENSOR_DIMENSIONS, _TENSOR_TYPE, _TENSOR_RAW = 1, 2, 9
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
_VALUE_NAME, _VALUE_TYPE = 1, 2
_TYPE_TENSOR, _TENSOR_ELEMENT, _TENSOR_SHAPE = 1, 1, 2
_SHAPE_DIMENSION, _DIMENSION_VALUE = 1, 1


@dataclass(frozen=True, slots=True)
class Port:
    """An input or an output.

    Attributes:
        name: Of the tensor.
        element: ONNX's number of its type: 1 is float32, 7 is int64; 0 is no tensor.
        shape: None where any size goes; None for all if nothing is said.
    """

    name: str
    element: int
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True, slots=True)
class Onnx:
    """A network.

    Attributes:
        inputs: Without those that have a value of their own.
        outputs: In order.
        nodes: How many, in all graphs.
        operators: That it uses.
        weight_bytes: Of tensors with raw data.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    nodes: int
    operators: frozenset[str]
    weight_bytes: int


@dataclass(slots=True)
class _Walk:
    """What was seen on the way."""

    messages: Messages
    nodes: int = 0
    weight_bytes: int = 0
    operators: set[str] = field(default_factory=set)
    domains: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    initialized: set[str] = field(default_factory=set)


def read_onnx(path: Path) -> Onnx:
    """Read a model.

    Raises:
        ModelError: If it is broken, keeps data in another file, or needs a library of operators.
    """
    with opened(path, _KIND) as cursor:
        if cursor.size > _MAX_BYTES:
            raise cursor.error(f"it has {cursor.size} bytes, expected at most {_MAX_BYTES}")
        walk = _Walk(Messages(cursor, limit=_MAX_FIELDS))
        graph = _model(walk, Span(0, cursor.size))
        _check_domains(walk)
        return Onnx(
            inputs=tuple(
                port
                for port in _ports(walk.messages, graph, _GRAPH_INPUT)
                if port.name not in walk.initialized
            ),
            outputs=tuple(_ports(walk.messages, graph, _GRAPH_OUTPUT)),
            nodes=walk.nodes,
            operators=frozenset(walk.operators),
            weight_bytes=walk.weight_bytes,
        )


def _model(walk: _Walk, model: Span) -> Span:
    """Walk the whole model; return its graph."""
    graphs, version = [], 0
    for number, value in walk.messages.fields(model):
        if number == _MODEL_VERSION and isinstance(value, int):
            version = value
        elif number == _MODEL_GRAPH and isinstance(value, Span):
            graphs.append(value)
            _graph(walk, value, depth=0)
        elif number == _MODEL_FUNCTION and isinstance(value, Span):
            _function(walk, value)
    if len(graphs) != 1 or not version:
        found = f"{len(graphs)} graphs and version {version}"
        raise walk.messages.cursor.error(f"it has {found}, expected one graph and a version")
    return graphs[0]


def _graph(walk: _Walk, graph: Span, *, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise walk.messages.cursor.error(f"its graphs are nested more than {_MAX_DEPTH} deep")
    for number, value in walk.messages.fields(graph):
        if not isinstance(value, Span):
            continue
        if number == _GRAPH_NODE:
            _node(walk, value, depth)
        elif number == _GRAPH_INITIALIZER:
            walk.initialized.add(_name(walk.messages, value, 8))
            _tensor(walk, value)
        elif number == _GRAPH_SPARSE:
            _sparse(walk, value)


def _function(walk: _Walk, function: Span) -> None:
    for number, value in walk.messages.fields(function):
        if number == _FUNCTION_NODE and isinstance(value, Span):
            _node(walk, value, 0)
        elif number == _FUNCTION_ATTRIBUTE and isinstance(value, Span):
            _attribute(walk, value, 0)
        elif number == _FUNCTION_DOMAIN and isinstance(value, Span):
            walk.functions.add(walk.messages.text(value, "a domain"))


def _node(walk: _Walk, node: Span, depth: int) -> None:
    walk.nodes += 1
    for number, value in walk.messages.fields(node):
        if not isinstance(value, Span):
            continue
        if number == _NODE_OPERATOR:
            walk.operators.add(walk.messages.text(value, "an operator", limit=256))
        elif number == _NODE_DOMAIN:
            walk.domains.add(walk.messages.text(value, "a domain", limit=256))
        elif number == _NODE_ATTRIBUTE:
            _attribute(walk, value, depth)


def _attribute(walk: _Walk, attribute: Span, depth: int) -> None:
    for number, value in walk.messages.fields(attribute):
        if not isinstance(value, Span):
            continue
        if number in _ATTRIBUTE_TENSORS:
            _tensor(walk, value)
        elif number in _ATTRIBUTE_SPARSE:
            _sparse(walk, value)
        elif number in _ATTRIBUTE_GRAPHS:
            _graph(walk, value, depth=depth + 1)


def _sparse(walk: _Walk, sparse: Span) -> None:
    for tensor in walk.messages.messages(sparse, *_SPARSE_TENSORS):
        _tensor(walk, tensor)


def _tensor(walk: _Walk, tensor: Span) -> None:
    """Check that a tensor's data are here, and as many as its shape says."""
    messages, kind, raw = walk.messages, 0, None
    shape: list[int] = []
    for number, value in messages.fields(tensor):
        if number == _TENSOR_EXTERNAL or (number == _TENSOR_LOCATION and value == 1):
            raise messages.cursor.error("it keeps data in another file, expected a single file")
        if number == _TENSOR_DIMENSIONS:
            shape += _sizes(messages, value)
            if len(shape) > _MAX_DIMENSIONS:
                raise messages.cursor.error(f"a tensor has over {_MAX_DIMENSIONS} dimensions")
        elif number == _TENSOR_TYPE and isinstance(value, int):
            kind = value
        elif number == _TENSOR_RAW and isinstance(value, Span):
            raw = len(value)
    if raw is not None:
        walk.weight_bytes += raw
        elements = math.prod(shape)
        if kind in _SIZES and raw != elements * _SIZES[kind]:
            problem = f"a tensor has {raw} bytes, expected {elements} elements of {_SIZES[kind]}"
            raise messages.cursor.error(problem)


def _sizes(messages: Messages, value: int | Span) -> list[int]:
    """Return the sizes in a field of dimensions: one, or several that are packed."""
    if isinstance(value, int):
        return [value]
    return messages.numbers(value, limit=_MAX_DIMENSIONS)


def _check_domains(walk: _Walk) -> None:
    if unknown := sorted(walk.domains - _DOMAINS - walk.functions):
        problem = f"it needs the operators of {unknown[0]!r}, which ONNX Runtime does not bring"
        raise walk.messages.cursor.error(problem)


def _ports(messages: Messages, graph: Span, number: int) -> Iterator[Port]:
    for value in messages.messages(graph, number):
        element, shape = 0, None
        for kind in messages.messages(value, _VALUE_TYPE):
            for tensor in messages.messages(kind, _TYPE_TENSOR):
                element, shape = _element_and_shape(messages, tensor)
        yield Port(_name(messages, value, _VALUE_NAME), element, shape)


def _element_and_shape(
    messages: Messages, tensor: Span
) -> tuple[int, tuple[int | None, ...] | None]:
    element, shape = 0, None
    for number, value in messages.fields(tensor):
        if number == _TENSOR_ELEMENT and isinstance(value, int):
            element = value
        elif number == _TENSOR_SHAPE and isinstance(value, Span):
            shape = tuple(_dimension(messages, each) for each in _dimensions(messages, value))
    return element, shape


def _dimensions(messages: Messages, shape: Span) -> list[Span]:
    dimensions = list(messages.messages(shape, _SHAPE_DIMENSION))
    if len(dimensions) > _MAX_DIMENSIONS:
        problem = f"a shape has {len(dimensions)} dimensions, expected at most {_MAX_DIMENSIONS}"
        raise messages.cursor.error(problem)
    return dimensions


def _dimension(messages: Messages, dimension: Span) -> int | None:
    for number, value in messages.fields(dimension):
        if number == _DIMENSION_VALUE and isinstance(value, int):
            return value
    return None


def _name(messages: Messages, message: Span, number: int) -> str:
    names = [messages.text(value, "a name") for value in messages.messages(message, number)]
    return names[-1] if names else ""
