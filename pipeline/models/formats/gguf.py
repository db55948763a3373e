"""Reads the header of GGUF files, which hold language models.

Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; what is refused beyond it is what
llama.cpp refuses (``ggml/src/gguf.cpp`` and ``src/llama-model-loader.cpp`` of the revision that
llama-cpp-python 0.3.36 builds), so that a file is turned down before it is installed and not when
it is loaded. Of the key-values only those that matter are kept; the others are passed over.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

from pipeline.models.formats.cursor import Cursor, opened, printable
from pipeline.models.formats.ggml_types import TENSOR_TYPES, TensorType

__all__ = ["MAGIC", "Gguf", "read_gguf", "split_of"]

MAGIC: Final = b"GGUF"

_KIND: Final = "GGUF file"
_MAX_KEYS: Final = 1 << 14
_MAX_TENSORS: Final = 1 << 16
_MAX_STRINGS: Final = 1 << 22
"""In arrays, all together: the largest vocabularies have 2^18 tokens and twice as many merges."""
_MAX_KEY: Final = 1 << 10
_MAX_STRING: Final = 1 << 24
_MAX_TEMPLATE: Final = 1 << 20
_MAX_NAME: Final = 63
_MAX_DIMENSIONS: Final = 4
_MAX_PARTS: Final = 1000
_ALIGNMENT: Final = 32

_STRING, _ARRAY = 8, 9
_LAYOUTS: Final = MappingProxyType({
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q",
    12: "<d",
})  # fmt: skip
"""Type of a value -> its layout."""
_BYTES: Final = MappingProxyType({
    0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8,
})  # fmt: skip

_KEPT: Final = frozenset({
    "general.architecture", "general.name", "general.license", "general.type", "general.alignment",
    "tokenizer.ggml.model", "tokenizer.chat_template",
    "split.no", "split.count", "split.tensors.count",
})  # fmt: skip

_CANNOT_GO_BACK: Final = frozenset({
    # Recurrent, then hybrid: llm_arch_is_recurrent and llm_arch_is_hybrid of src/llama-arch.cpp.
    "mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7",
    "jamba", "falcon-h1", "plamo2", "granitehybrid", "lfm2", "lfm2moe", "nemotron_h",
    "nemotron_h_moe", "qwen3next", "kimi-linear", "bailingmoe3", "kimi-k3", "glm5-next", "qwen35",
    "qwen35moe", "qwen4exp", "deepseek4", "minimax-01",
})  # fmt: skip
_NO_CHAT: Final = MappingProxyType({
    **dict.fromkeys(("clip",), "sees pictures"),
    **dict.fromkeys(
        ("bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2",
         "jina-bert-v3", "eurobert", "gemma-embedding", "llama-embed"),
        "makes embeddings",
    ),
    **dict.fromkeys(("t5", "t5encoder"), "needs an encoder"),
    **dict.fromkeys(("eagle3", "dflash", "gemma4-assistant"), "drafts for another model"),
    **dict.fromkeys(("wavtokenizer-dec", "qwen3tts", "pockettts"), "makes sound"),
    **dict.fromkeys(("dream", "llada", "llada-moe", "rnd1"), "writes by diffusion"),
})  # fmt: skip
"""Architectures that write no text from left to right, and what they do instead."""

_SPLIT: Final = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")
_BLOCK: Final = re.compile(r"blk\.(\d{1,6})\.")

_Value: TypeAlias = "int | float | str"


@dataclass(frozen=True, slots=True)
class Gguf:
    """A language model.

    Attributes:
        parts: Names of the files, in order; one unless the model is split.
        architecture: As llama.cpp names it.
        name: What the model calls itself, or "".
        licence: As the file spells it, or "".
        quantisation: Tensor type that most weights have.
        parameters: Weights.
        context_tokens: That it was trained for.
        blocks: Layers.
        vocabulary: Tokens.
        has_template: Whether it brings a chat template.
        rolls_back: Whether its cache can be cut back to an earlier place; recurrent and hybrid
            models cannot, and read the conversation again after every interruption.
    """

    parts: tuple[str, ...]
    architecture: str
    name: str
    licence: str
    quantisation: str
    parameters: int
    context_tokens: int
    blocks: int
    vocabulary: int
    has_template: bool
    rolls_back: bool


@dataclass(slots=True)
class _Header:
    """What one file says."""

    values: dict[str, _Value] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)  # elements of arrays
    tensors: dict[str, tuple[tuple[int, ...], TensorType]] = field(default_factory=dict)


def split_of(name: str) -> tuple[str, int, int] | None:
    """Return the prefix, number and count of a part of a split model, by its file's name."""
    match = _SPLIT.fullmatch(name)
    return (match[1], int(match[2]), int(match[3])) if match else None


def read_gguf(path: Path) -> Gguf:
    """Read a model's header, and those of its other parts.

    Raises:
        ModelError: If a file is broken, parts are missing, or it is no model that writes text.
    """
    with opened(path, _KIND) as cursor:
        header = _read(cursor)
        architecture = _architecture(cursor, header)
        parts = _parts(cursor, header)
        for number, name in enumerate(parts[1:], 1):
            _add_part(header, path.with_name(name), number, len(parts))
        _check_count(cursor, header, len(parts))
        return _model(cursor, header, architecture, parts)


# -- one file -----------------------------------------------------------------------------------


def _read(cursor: Cursor) -> _Header:
    if (magic := cursor.take(4, "the magic")) != MAGIC:
        raise cursor.error(f"it begins with {magic!r}, expected {MAGIC!r}")
    version = cursor.number("<I", "the version")
    if version not in (2, 3):
        found = "big-endian" if version & 0xFFFF == 0 else f"of version {version}"
        raise cursor.error(f"it is {found}, expected version 2 or 3, little-endian")
    tensors = _count(cursor, "tensors", _MAX_TENSORS)
    keys = _count(cursor, "key-values", _MAX_KEYS)
    header = _Header()
    _read_values(cursor, keys, header)
    _read_tensors(cursor, tensors, header)
    return header


def _count(cursor: Cursor, what: str, limit: int) -> int:
    count = cursor.number("<Q", f"the number of {what}")
    if count > limit:
        raise cursor.error(f"it claims {count} {what}, expected at most {limit}")
    return count


def _read_values(cursor: Cursor, count: int, header: _Header) -> None:
    seen: set[str] = set()
    strings = _MAX_STRINGS
    for number in range(count):
        key = _text(cursor, f"key {number}", _MAX_KEY)
        if not key or key in seen:
            raise cursor.error(f"key {number} is {key!r}, which is empty or stands there twice")
        seen.add(key)
        kind = cursor.number("<I", key)
        if kind == _ARRAY:
            strings -= _pass_array(cursor, key, header, strings)
        elif (value := _value(cursor, key, kind)) is not None:
            header.values[key] = value


def _value(cursor: Cursor, key: str, kind: int) -> _Value | None:
    """Return a value, or None for a text that nobody asks for."""
    if kind == _STRING:
        if key in _KEPT:
            return _text(cursor, key, _MAX_TEMPLATE)
        _pass_text(cursor, key)
        return None
    if kind not in _LAYOUTS:
        raise cursor.error(f"{key} is of type {kind}, which GGUF does not have")
    return cursor.number(_LAYOUTS[kind], key)


def _pass_array(cursor: Cursor, key: str, header: _Header, strings: int) -> int:
    """Pass over an array; return how many strings it held.

    Raises:
        ModelError: If it holds more than ``strings``, or arrays.
    """
    kind, count = cursor.number("<I", key), cursor.number("<Q", key)
    header.counts[key] = count
    if kind in _BYTES:
        cursor.skip(count * _BYTES[kind], key)
        return 0
    if kind != _STRING:
        raise cursor.error(f"{key} is an array of type {kind}, expected numbers or strings")
    if count > strings:
        raise cursor.error(f"{key} claims {count} strings, expected at most {strings}")
    for _ in range(count):
        _pass_text(cursor, key)
    return count


def _text(cursor: Cursor, what: str, limit: int) -> str:
    return cursor.text(cursor.number("<Q", what), what, limit=limit)


def _pass_text(cursor: Cursor, what: str) -> None:
    count = cursor.number("<Q", what)
    if count > _MAX_STRING:
        raise cursor.error(f"{what} has {count} bytes, expected at most {_MAX_STRING}")
    cursor.skip(count, what)


def _read_tensors(cursor: Cursor, count: int, header: _Header) -> None:
    alignment = header.values.get("general.alignment", _ALIGNMENT)
    if type(alignment) is not int or alignment < 1 or alignment & (alignment - 1):
        raise cursor.error(f"general.alignment is {alignment}, expected a power of two")
    last = end = 0
    for number in range(count):
        name = _text(cursor, f"the name of tensor {number}", _MAX_NAME)
        if name in header.tensors:
            raise cursor.error(f"tensor {name} stands there twice")
        shape, kind = _tensor(cursor, name)
        offset = cursor.number("<Q", name)
        if offset != end:
            raise cursor.error(f"tensor {name} begins at byte {offset}, expected {end}")
        header.tensors[name] = (shape, kind)
        last = end + math.prod(shape) // kind.weights * kind.bytes
        end = _padded(last, alignment)
        if cursor.position + last > cursor.size:
            message = f"tensor {name} ends beyond the file's {cursor.size} bytes; is it cut short?"
            raise cursor.error(message)
    if count:
        _check_end(cursor, _padded(cursor.position, alignment), last, end)


def _check_end(cursor: Cursor, begin: int, last: int, end: int) -> None:
    """Check that the tensors fill the file; padding behind the last one may be missing."""
    if not begin + last <= cursor.size <= begin + end:
        message = f"its tensors end at byte {begin + last} of {cursor.size}; get it again"
        raise cursor.error(message)


def _tensor(cursor: Cursor, name: str) -> tuple[tuple[int, ...], TensorType]:
    dimensions = cursor.number("<I", name)
    if not 1 <= dimensions <= _MAX_DIMENSIONS:
        limit = f"1 to {_MAX_DIMENSIONS}"
        raise cursor.error(f"tensor {name} has {dimensions} dimensions, expected {limit}")
    shape = tuple(cursor.number("<Q", name) for _ in range(dimensions))
    if not 0 < math.prod(shape) < 1 << 48:
        raise cursor.error(f"tensor {name} claims {'x'.join(map(str, shape))} weights")
    number = cursor.number("<I", name)
    if number not in TENSOR_TYPES:
        raise cursor.error(f"tensor {name} is of type {number}, which llama.cpp does not have")
    kind = TENSOR_TYPES[number]
    if shape[0] % kind.weights:
        problem = (
            f"tensor {name} has rows of {shape[0]} weights, which are no blocks of {kind.name}"
        )
        raise cursor.error(problem)
    return shape, kind


def _padded(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


# -- split models -------------------------------------------------------------------------------


def _parts(cursor: Cursor, header: _Header) -> tuple[str, ...]:
    """Return the names of all files of the model."""
    count = header.values.get("split.count", 1)
    if count in (0, 1):
        return (cursor.path.name,)
    named = split_of(cursor.path.name)
    if type(count) is not int or not 1 < count <= _MAX_PARTS:
        raise cursor.error(f"split.count is {count}, expected 1 to {_MAX_PARTS}")
    if named is None or named[1:] != (1, count) or header.values.get("split.no") != 0:
        expected = f"the first of {count} parts, NAME-00001-of-{count:05d}.gguf"
        raise cursor.error(f"it is a part of a split model, expected {expected}")
    parts = tuple(f"{named[0]}-{number:05d}-of-{count:05d}.gguf" for number in range(1, count + 1))
    missing = [name for name in parts if not cursor.path.with_name(name).is_file()]
    if missing:
        raise cursor.error(f"{len(missing)} of its {count} parts are missing: {missing[0]}")
    return parts


def _add_part(header: _Header, path: Path, number: int, count: int) -> None:
    with opened(path, _KIND) as cursor:
        part = _read(cursor)
        for key, expected in (("split.no", number), ("split.count", count)):
            if (found := part.values.get(key)) != expected:
                raise cursor.error(f"{key} is {found}, expected {expected}")
        if twice := header.tensors.keys() & part.tensors.keys():
            raise cursor.error(f"tensor {min(twice)} is in another part, too")
        header.tensors.update(part.tensors)


def _check_count(cursor: Cursor, header: _Header, parts: int) -> None:
    claimed = header.values.get("split.tensors.count", len(header.tensors))
    if parts > 1 and claimed != len(header.tensors):
        problem = f"its parts hold {len(header.tensors)} tensors, expected {claimed}"
        raise cursor.error(problem)


# -- the model ----------------------------------------------------------------------------------


def _architecture(cursor: Cursor, header: _Header) -> str:
    """Return what llama.cpp calls the model; refuse what is no language model."""
    kind = header.values.get("general.type", "model")
    if kind != "model":
        raise cursor.other(f"general.type is {kind!r}, expected 'model' (a language model)")
    architecture = header.values.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        raise cursor.error("general.architecture is missing")
    if instead := _NO_CHAT.get(architecture):
        raise cursor.other(f"a {architecture} model {instead}, expected one that writes text")
    return architecture


def _model(cursor: Cursor, header: _Header, architecture: str, parts: tuple[str, ...]) -> Gguf:
    width = _whole(cursor, header, f"{architecture}.embedding_length", 1 << 20)
    blocks = _whole(cursor, header, f"{architecture}.block_count", 1 << 14)
    vocabulary = header.counts.get("tokenizer.ggml.tokens", 0)
    if not vocabulary or not isinstance(header.values.get("tokenizer.ggml.model"), str):
        raise cursor.error("it has no vocabulary (tokenizer.ggml), so it is no language model")
    _check_tensors(cursor, header.tensors, (width, vocabulary), _last_blocks(header, blocks))
    return Gguf(
        parts=parts,
        architecture=printable(architecture),
        name=printable(str(header.values.get("general.name", ""))),
        licence=printable(str(header.values.get("general.license", ""))),
        quantisation=_quantisation(header.tensors.values()),
        parameters=sum(math.prod(shape) for shape, _ in header.tensors.values()),
        context_tokens=_whole(cursor, header, f"{architecture}.context_length", 1 << 31),
        blocks=blocks,
        vocabulary=vocabulary,
        has_template=bool(header.values.get("tokenizer.chat_template")),
        rolls_back=architecture not in _CANNOT_GO_BACK,
    )


def _whole(cursor: Cursor, header: _Header, key: str, limit: int) -> int:
    value = header.values.get(key)
    if type(value) is not int or not 1 <= value <= limit:
        found = "missing" if value is None else value
        raise cursor.error(f"{key} is {found}, expected a whole number from 1 to {limit}")
    return value


def _last_blocks(header: _Header, blocks: int) -> range:
    """Return which block may be the last one: those that only guess ahead may be left out."""
    architecture = header.values["general.architecture"]
    ahead = header.values.get(f"{architecture}.nextn_predict_layers", 0)
    return range(blocks - (ahead if type(ahead) is int and 0 <= ahead < blocks else 0), blocks + 1)


def _check_tensors(
    cursor: Cursor,
    tensors: Mapping[str, tuple[tuple[int, ...], TensorType]],
    embedding: tuple[int, int],
    last_blocks: range,
) -> None:
    """Check that the tensors are those of the model that the key-values describe."""
    if "token_embd.weight" not in tensors:
        raise cursor.error("it has no tensor token_embd.weight, so it holds no weights of a model")
    shape = tensors["token_embd.weight"][0]
    if shape != embedding:
        found, expected = ("x".join(map(str, each)) for each in (shape, embedding))
        raise cursor.error(f"token_embd.weight has {found} weights, expected {expected}")
    found_blocks = max(_blocks(tensors), default=-1) + 1
    if found_blocks not in last_blocks:
        problem = f"its tensors make {found_blocks} blocks, expected {last_blocks[-1]}"
        raise cursor.error(problem)


def _blocks(tensors: Mapping[str, object]) -> Iterator[int]:
    for name in tensors:
        if match := _BLOCK.match(name):
            yield int(match[1])


def _quantisation(tensors: Iterable[tuple[tuple[int, ...], TensorType]]) -> str:
    weights: Counter[str] = Counter()
    for shape, kind in tensors:
        weights[kind.name] += math.prod(shape)
    return weights.most_common(1)[0][0]
