"""Recognises the models in a folder: faster-whisper's files, GGUF files, Piper's pairs of files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from gateway.provisioning.importing.fence import Folder
from gateway.provisioning.importing.found import Found, FoundFile, Licence, Skipped, Survey
from gateway.provisioning.importing.licences import (
    UNKNOWN,
    first_known,
    of_card,
    of_piper_card,
    of_text,
    stated,
)
from gateway.provisioning.importing.naming import model_id, without_part
from pipeline.errors import ModelError, OtherModel
from pipeline.models.formats import check_model
from pipeline.models.formats.ctranslate2 import FILES
from pipeline.models.formats.gguf import split_of
from pipeline.models.formats.piper import halves_of

__all__ = ["KIND", "described", "models_in"]

KIND: Final = "folder"

_CARD: Final = "MODEL_CARD"
_OTHERS: Final = {
    ".safetensors": "transformers' format: convert it (ct2-transformers-converter for Whisper, "
    "convert_hf_to_gguf.py for language models)",
    ".pt": "PyTorch's format, which runs code when it is loaded: take a converted model",
    ".pth": "PyTorch's format, which runs code when it is loaded: take a converted model",
    ".ckpt": "a training checkpoint: take an exported model",
    ".ggml": "GGML's format: take a GGUF file, or for Whisper one in faster-whisper's format",
}
_WHISPER_CPP: Final = re.compile(r"ggml-[\w.-]+\.bin")
_NOT_A_VOICE: Final = "an ONNX file without an .onnx.json is no Piper voice"


def models_in(folder: Folder, name: str) -> Survey:
    """Return the models whose files lie in one folder.

    Args:
        folder: Its links are resolved.
        name: What it is called where it comes from.
    """
    names = sorted({*folder.files, *folder.refused})
    all = [*_whisper(folder, name, names), *_ggufs(folder, names), *_voices(folder, names)]
    others = [each for each in all if isinstance(each, Skipped)]
    rest = _skipped(folder, names, bool(all))
    return Survey(tuple(each for each in all if isinstance(each, Found)), (*others, *rest))


def described(
    label: str,
    kind: str,
    id: str,
    engine: str,
    opens: Path,
    files: Sequence[FoundFile],
    licence: Licence,
) -> Found | Skipped:
    """Return a model after a look into its files; or why it is left out, if it is another kind.

    Args:
        label: As in `Found`.
        kind: As in `Found`.
        id: As in `Found`.
        engine: As in `Found`.
        opens: What the engine would open.
        files: That belong to it.
        licence: What lies beside it says; what its files say goes before that.
    """
    try:
        description = check_model(engine, opens)
    except OtherModel as error:
        return Skipped(label, str(error))
    except ModelError as error:
        return Found(label, kind, id, engine, tuple(files), problem=str(error))
    own = stated(description.licence, "its GGUF file") if description.licence else UNKNOWN
    return Found(
        label,
        kind,
        id,
        engine,
        tuple(files),
        description,
        licence=first_known(own, licence),
        remarks=description.remarks,
    )


def _model(
    folder: Folder, label: str, engine: str, opens: Path, names: Sequence[str], licence: Licence
) -> Found | Skipped:
    """Return a model that consists of some of a folder's files."""
    id = model_id(without_part(Path(label).stem) if Path(label).suffix else label)
    refused = [each for each in names if each in folder.refused]
    if refused:
        problem = f"{folder.path / refused[0]} {folder.refused[refused[0]]}"
        return Found(label, KIND, id, engine, problem=problem)
    return described(
        label, KIND, id, engine, opens, [_file(folder, each) for each in names], licence
    )


def _file(folder: Folder, name: str) -> FoundFile:
    path = folder.files[name]
    # What an engine opens is known by its suffix, in small letters.
    installed = f"{name[:-5]}.gguf" if name.lower().endswith(".gguf") else name
    return FoundFile(installed, path, path.stat().st_size)


def _whisper(folder: Folder, name: str, names: Sequence[str]) -> Iterator[Found | Skipped]:
    if "model.bin" not in names:
        return
    wanted = (*FILES, "vocabulary.json", "vocabulary.txt", "preprocessor_config.json")
    parts = [each for each in wanted if each in names]
    if {"vocabulary.json", "vocabulary.txt"} <= set(parts):
        parts.remove("vocabulary.txt")
    yield _model(folder, name, "faster-whisper", folder.path, parts, _licence(folder))


def _ggufs(folder: Folder, names: Sequence[str]) -> Iterator[Found | Skipped]:
    files = [each for each in names if each.lower().endswith(".gguf")]
    for name in files:
        split = split_of(name)
        if split is None:
            parts = [name]
        elif split[1] == 1:
            parts = [each for each in files if (split_of(each) or ("",))[0] == split[0]]
        elif f"{split[0]}-00001-of-{split[2]:05d}.gguf" in files:
            continue  # a part of what its first part stands for
        else:
            parts = [name]
        yield _model(folder, name, "llama.cpp", folder.path / name, parts, _licence(folder))


def _voices(folder: Folder, names: Sequence[str]) -> Iterator[Found | Skipped]:
    voices = [each for each in names if each.endswith(".onnx") and f"{each}.json" in names]
    card = folder.files.get(_CARD) if len(voices) == 1 else None
    for name in voices:
        parts = [name, f"{name}.json", *halves_of(name, names), *([_CARD] if card else [])]
        licence = of_piper_card(card) if card else UNKNOWN
        licence = first_known(licence, _licence(folder))
        yield _model(folder, name, "piper", folder.path / name, parts, licence)


def _licence(folder: Folder) -> Licence:
    """Return what a card or a licence's text in the folder says."""
    readings = []
    if "README.md" in folder.files:
        readings.append(of_card(folder.files["README.md"]))
    for name in ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE"):
        if name in folder.files:
            with folder.files[name].open(encoding="utf-8", errors="replace") as file:
                readings.append(of_text(file.read(1 << 16)))
    return first_known(*readings)


def _skipped(folder: Folder, names: Sequence[str], found: bool) -> Iterator[Skipped]:
    for name in folder.linked:
        yield Skipped(str(folder.path / name), "a link to a folder: name that folder itself")
    for name in names:
        suffix = Path(name).suffix.lower()
        if suffix in _OTHERS:
            yield Skipped(str(folder.path / name), _OTHERS[suffix])
        elif suffix == ".onnx" and f"{name}.json" not in names:
            yield Skipped(str(folder.path / name), _NOT_A_VOICE)
        elif _WHISPER_CPP.fullmatch(name):
            yield Skipped(str(folder.path / name), _OTHERS[".ggml"])
        elif name == "pytorch_model.bin" and not found:
            yield Skipped(str(folder.path / name), _OTHERS[".pt"])
