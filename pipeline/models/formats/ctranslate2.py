"""Reads the header of a Whisper model in CTranslate2's format, and the files that belong to it.

A folder with ``model.bin``, ``config.json``, ``tokenizer.json`` and ``vocabulary.json`` (older
conversions: ``vocabulary.txt``). The layout of ``model.bin`` is what the converter writes
(``ModelSpec._serialize`` in ``ctranslate2/specs/model_spec.py``, version 4.8). The native reader
trusts what stands there: a head or a token that does not exist would be looked up all the same, so
whatever indexes into something is checked here.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pipeline.errors import ModelError
from pipeline.models.formats.cursor import Cursor, opened, printable
from pipeline.models.formats.json_file import json_object, read_json

__all__ = ["FILES", "Whisper", "read_whisper"]

FILES: Final = ("model.bin", "config.json", "tokenizer.json")
"""What every folder must have, besides a vocabulary."""

_VOCABULARIES: Final = ("vocabulary.json", "vocabulary.txt")
_OPTIONAL: Final = ("preprocessor_config.json",)

_KIND: Final = "CTranslate2 model"
_VERSIONS: Final = range(4, 7)
_SPEC: Final = "WhisperSpec"
_REVISIONS: Final = range(1, 4)
_MAX_VARIABLES: Final = 1 << 15
_MAX_NAME: Final = 256
_MAX_RANK: Final = 4
_TYPES: Final = MappingProxyType({
    0: ("float32", 4), 1: ("int8", 1), 2: ("int16", 2), 3: ("int32", 4), 4: ("float16", 2),
    5: ("bfloat16", 2),
})  # fmt: skip
_SCALARS: Final = MappingProxyType({1: "<b", 2: "<h", 3: "<i"})
_MELS: Final = (80, 128)
_MAX_CONFIG: Final = 1 << 20
_MAX_TOKENIZER: Final = 1 << 25
_MAX_VOCABULARY: Final = 1 << 23

_LANGUAGE: Final = re.compile(r"<\|([a-z]{2,3})\|>")
_SPECIAL: Final = ("<|endoftext|>", "<|startoftranscript|>", "<|notimestamps|>")
_DECODER_LAYER: Final = re.compile(r"decoder/layer_(\d{1,4})/")
_EMBEDDINGS: Final = "decoder/embeddings/weight"
_CONVOLUTION: Final = "encoder/conv1/weight"
_POSITIONS: Final = "encoder/position_encodings/encodings"


@dataclass(frozen=True, slots=True)
class Whisper:
    """A speech recognition model.

    Attributes:
        files: Names of its files, model.bin first.
        weights: Type that most weights have, by CTranslate2's name.
        mels: Rows of a spectrogram that it reads.
        context_seconds: Of sound that it was trained on.
        tokens: In its vocabulary.
        multilingual: Whether it can be told a language.
        languages: That it knows.
        parameters: Weights.
    """

    files: tuple[str, ...]
    weights: str
    mels: int
    context_seconds: float
    tokens: int
    multilingual: bool
    languages: tuple[str, ...]
    parameters: int


@dataclass(frozen=True, slots=True)
class _Variable:
    shape: tuple[int, ...]
    kind: int
    value: int | None  # of a whole number


@dataclass(slots=True)
class _Variables:
    """The table of a model.bin; an alias stands for what it names."""

    by_name: dict[str, _Variable] = field(default_factory=dict)

    @property
    def decoder_layers(self) -> int:
        found = (_DECODER_LAYER.match(name) for name in self.by_name)
        return max((int(match[1]) + 1 for match in found if match), default=0)

    @property
    def weights(self) -> str:
        sizes: dict[int, int] = {}
        for variable in self.by_name.values():
            sizes[variable.kind] = sizes.get(variable.kind, 0) + math.prod(variable.shape)
        return _TYPES[max(sizes, key=sizes.__getitem__)][0]


def read_whisper(folder: Path) -> Whisper:
    """Read a model's folder.

    Raises:
        ModelError: If a file is missing or broken, or they do not belong together.
    """
    variables, shapes = _read_model(folder / "model.bin")
    vocabulary = next((name for name in _VOCABULARIES if (folder / name).is_file()), "")
    missing = [name for name in FILES if not (folder / name).is_file()]
    if not vocabulary:
        missing.append(_VOCABULARIES[0])
    if missing:
        message = f"{folder} has no {' and no '.join(missing)}; a model in faster-whisper's format "
        raise ModelError(message + "needs them all: take the complete folder")
    tokens = _vocabulary(folder / vocabulary)
    if len(tokens) != shapes[_EMBEDDINGS][0]:
        expected = f"{shapes[_EMBEDDINGS][0]}, as in model.bin"
        raise ModelError(f"{folder / vocabulary} has {len(tokens)} tokens, expected {expected}")
    special = _special_tokens(folder / "tokenizer.json", len(tokens))
    _check_config(folder / "config.json", variables, len(tokens))
    # As in CTranslate2 from 4.7 on: multilingual vocabularies have an empty token.
    multilingual = "" in tokens and "<|transcribe|>" in special
    optional = [name for name in _OPTIONAL if (folder / name).is_file()]
    return Whisper(
        files=(*FILES, vocabulary, *optional),
        weights=variables.weights,
        mels=shapes[_CONVOLUTION][1],
        context_seconds=shapes[_POSITIONS][0] * 0.02,
        tokens=len(tokens),
        multilingual=multilingual,
        languages=_languages(special) if multilingual else ("en",),
        parameters=sum(math.prod(each.shape) for each in variables.by_name.values()),
    )


# -- model.bin ----------------------------------------------------------------------------------


def _read_model(path: Path) -> tuple[_Variables, Mapping[str, tuple[int, ...]]]:
    """Return the table of a model.bin, and the shapes that tell what the model reads and writes."""
    if not path.is_file():
        raise ModelError(f"{path.parent} has no {path.name}: take the complete folder")
    with opened(path, _KIND) as cursor:
        variables = _read(cursor)
        return variables, _shapes(cursor, variables)


def _read(cursor: Cursor) -> _Variables:
    version = cursor.number("<I", "the version")
    if version not in _VERSIONS:
        expected = f"{_VERSIONS[0]} to {_VERSIONS[-1]}"
        raise cursor.error(f"its version is {version}, expected {expected}")
    if (spec := _name(cursor, "the specification")) != _SPEC:
        raise cursor.other(f"it is a {spec!r}, expected a {_SPEC!r} (speech recognition)")
    if (revision := cursor.number("<I", "the revision")) not in _REVISIONS:
        expected = f"{_REVISIONS[0]} to {_REVISIONS[-1]}"
        raise cursor.error(f"its revision is {revision}, expected {expected}")
    variables = _Variables()
    for number in range(_count(cursor, "variables")):
        name = _name(cursor, f"the name of variable {number}")
        if name in variables.by_name:
            raise cursor.error(f"variable {name} stands there twice")
        variables.by_name[name] = _variable(cursor, name)
    _read_aliases(cursor, variables)
    if cursor.position != cursor.size:
        raise cursor.error(f"it ends at byte {cursor.position} of {cursor.size}; get it again")
    return variables


def _count(cursor: Cursor, what: str) -> int:
    count = cursor.number("<I", f"the number of {what}")
    if count > _MAX_VARIABLES:
        raise cursor.error(f"it claims {count} {what}, expected at most {_MAX_VARIABLES}")
    return count


def _name(cursor: Cursor, what: str) -> str:
    length = cursor.number("<H", what)
    name = cursor.text(length, what, limit=_MAX_NAME)
    if not name.endswith("\0") or "\0" in name[:-1]:
        raise cursor.error(f"{what} does not end where it should")
    return name[:-1]


def _variable(cursor: Cursor, name: str) -> _Variable:
    rank = cursor.number("<B", name)
    if rank > _MAX_RANK:
        raise cursor.error(f"variable {name} has {rank} dimensions, expected at most {_MAX_RANK}")
    shape = tuple(cursor.number("<I", name) for _ in range(rank))
    kind, size = cursor.number("<B", name), cursor.number("<I", name)
    if kind not in _TYPES:
        raise cursor.error(f"variable {name} is of type {kind}, which CTranslate2 does not have")
    if size != (expected := math.prod(shape) * _TYPES[kind][1]):
        raise cursor.error(f"variable {name} claims {size} bytes, expected {expected} by its shape")
    if rank or kind not in _SCALARS:
        cursor.skip(size, f"variable {name}")
        return _Variable(shape, kind, None)
    value: int = struct.unpack(_SCALARS[kind], cursor.take(size, name))[0]
    return _Variable(shape, kind, value)


def _read_aliases(cursor: Cursor, variables: _Variables) -> None:
    for number in range(_count(cursor, "aliases")):
        alias, name = (_name(cursor, f"alias {number}") for _ in range(2))
        if alias in variables.by_name or name not in variables.by_name:
            raise cursor.error(f"alias {alias} of {name} names what is taken or what is not there")
        # Only what is looked up by name needs to be known: an alias adds no weights.
        if alias in (_EMBEDDINGS, _CONVOLUTION, _POSITIONS):
            variables.by_name[alias] = variables.by_name[name]


def _shapes(cursor: Cursor, variables: _Variables) -> Mapping[str, tuple[int, ...]]:
    """Return the shapes that tell what the model reads and writes."""
    shapes = {}
    for name, rank in ((_EMBEDDINGS, 2), (_CONVOLUTION, 3), (_POSITIONS, 2)):
        variable = variables.by_name.get(name)
        if variable is None or len(variable.shape) != rank or 0 in variable.shape:
            found = "missing" if variable is None else f"of shape {list(variable.shape)}"
            raise cursor.error(f"{name} is {found}, expected {rank} dimensions")
        shapes[name] = variable.shape
    if (mels := shapes[_CONVOLUTION][1]) not in _MELS:
        raise cursor.error(f"{name} reads {mels} mel bands, expected 80 or 128")
    if not variables.decoder_layers:
        raise cursor.error("it has no decoder layers")
    return shapes


# -- the files beside it ------------------------------------------------------------------------


def _vocabulary(path: Path) -> list[str]:
    if path.suffix == ".txt":
        with opened(path, "vocabulary") as cursor:
            text = cursor.text(cursor.size, "it", limit=_MAX_VOCABULARY)
        return text.removesuffix("\n").split("\n")
    tokens = read_json(path, limit=_MAX_VOCABULARY)
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise ModelError(f"{path} is no list of tokens; take the one that came with model.bin")
    return tokens


def _special_tokens(path: Path, tokens: int) -> Mapping[str, int]:
    """Return the tokens with a role of their own, and their numbers."""
    added = json_object(path, limit=_MAX_TOKENIZER).get("added_tokens")
    special = {}
    for entry in added if isinstance(added, list) else ():
        number, content = (
            (entry.get("id"), entry.get("content")) if isinstance(entry, dict) else (None, None)
        )
        if type(number) is not int or not isinstance(content, str):
            raise ModelError(f"{path}: added_tokens is malformed, expected id and content in each")
        if not 0 <= number < tokens:
            raise ModelError(f"{path}: {content[:40]!r} is token {number} of {tokens}")
        special[content] = number
    if lacking := [token for token in _SPECIAL if token not in special]:
        raise ModelError(f"{path} has no {lacking[0]}: it is not Whisper's tokenizer")
    return special


def _languages(special: Mapping[str, int]) -> tuple[str, ...]:
    """Return the languages in the order of their tokens, which is that of their share in data."""
    ordered = sorted(special, key=special.__getitem__)
    return tuple(match[1] for token in ordered if (match := _LANGUAGE.fullmatch(token)))


def _check_config(path: Path, variables: _Variables, tokens: int) -> None:
    config = json_object(path, limit=_MAX_CONFIG)
    for key in ("lang_ids", "suppress_ids", "suppress_ids_begin"):
        if not all(_is_index(number, tokens, first=-1) for number in _list(path, config, key)):
            raise ModelError(f"{path}: {key} names tokens that are not among the {tokens}")
    layers = variables.decoder_layers
    heads = variables.by_name.get("decoder/num_heads", _Variable((), 2, None)).value or 1 << 10
    for pair in _list(path, config, "alignment_heads"):
        whole = isinstance(pair, list) and len(pair) == 2
        if not whole or not (_is_index(pair[0], layers) and _is_index(pair[1], heads)):
            limits = f"layers up to {layers - 1} and heads up to {heads - 1}"
            found = printable(repr(pair), 40)
            raise ModelError(f"{path}: alignment_heads has {found}, expected {limits}")


def _list(path: Path, config: Mapping[str, Any], key: str) -> list[Any]:
    value = config.get(key)
    if value is not None and not isinstance(value, list):
        raise ModelError(f"{path}: {key} is a {type(value).__name__}, expected a list")
    return value or []


def _is_index(value: object, count: int, *, first: int = 0) -> bool:
    return type(value) is int and first <= value < count
