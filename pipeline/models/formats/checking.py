"""Tells whether files are what an engine needs: after a download, and before an import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pipeline.errors import ModelError
from pipeline.models.formats.ctranslate2 import read_whisper
from pipeline.models.formats.description import Description
from pipeline.models.formats.gguf import read_gguf, split_of
from pipeline.models.formats.piper import read_piper

__all__ = ["check_model"]

_FULL_CONTEXT_S: Final = 30.0
"""That the engine assumes of a Whisper model which does not say otherwise."""


def check_model(engine: str, path: Path) -> Description:
    """Read the headers of a model's files; a millisecond to a second, whatever their size.

    Args:
        engine: As in models.toml.
        path: What the engine opens, or the folder where it lies alone.

    Raises:
        ModelError: If the files are not what the engine needs; what, where and expected what.
    """
    if engine not in _CHECKS:
        raise ModelError(f"engine {engine!r} is unknown, expected {' or '.join(_CHECKS)}")
    try:
        return _CHECKS[engine](path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error


def _whisper(path: Path) -> Description:
    if not path.is_dir():
        raise ModelError(f"{path} is no folder, expected that of a model with model.bin")
    model = read_whisper(path)
    settings: dict[str, object] = {}
    if abs(model.context_seconds - _FULL_CONTEXT_S) > 0.01:
        settings["full_context_seconds"] = round(model.context_seconds, 2)
    known = len(model.languages)
    heard = f"{known} languages" if model.multilingual else "English only"
    return Description(
        "faster-whisper",
        path,
        model.files,
        f"Whisper, {_millions(model.parameters)} weights, {model.weights}, {heard}",
        languages=model.languages,
        settings=settings,
    )


def _llama(path: Path) -> Description:
    path = _only(path, ".gguf") if path.is_dir() else path
    model = read_gguf(path)
    remarks = []
    if not model.rolls_back:
        remarks.append(
            f"A {model.architecture} model cannot roll back its cache: it reads the conversation "
            "again after every interruption."
        )
    if not model.has_template:
        remarks.append("It has no chat template of its own: ChatML is used.")
    return Description(
        "llama.cpp",
        path.parent,
        model.parts,
        f"{model.architecture}, {_millions(model.parameters)} weights, {model.quantisation}, "
        f"context {model.context_tokens}",
        name=model.name,
        licence=model.licence,
        remarks=tuple(remarks),
    )


def _piper(path: Path) -> Description:
    path = _only(path, ".onnx") if path.is_dir() else path
    voice = read_piper(path)
    speakers = f", {voice.speakers} speakers" if voice.speakers > 1 else ""
    vague = "It does not tell how long its phonemes last: word times are approximate."
    return Description(
        "piper",
        path.parent,
        voice.files,
        f"Piper voice, {voice.language or 'no language'}, {voice.sample_rate} Hz{speakers}",
        name=path.stem,
        languages=(voice.language.partition("-")[0].lower(),) if voice.language else (),
        remarks=() if voice.has_durations else (vague,),
    )


_CHECKS: Final[Mapping[str, Callable[[Path], Description]]] = MappingProxyType(
    {
        "faster-whisper": _whisper,
        "llama.cpp": _llama,
        "piper": _piper,
    }
)


def _only(folder: Path, suffix: str) -> Path:
    """Return the one file that is opened; of a split model, its first part."""
    found = sorted(each for each in folder.iterdir() if each.suffix == suffix)
    heads = [each for each in found if (split_of(each.name) or ("", 1, 1))[1] == 1]
    if len(heads) != 1:
        count = len(heads) or "no"
        raise ModelError(f"{folder} has {count} {suffix} files, expected one; name the file")
    return heads[0]


def _millions(count: int) -> str:
    return f"{count / 1e9:.1f} G" if count >= 1e9 else f"{count / 1e6:.3g} M"
