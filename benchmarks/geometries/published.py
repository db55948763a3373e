"""A catalogue whose models have random weights, laid out as the real ones are published.

Any static HTTP server over the folder is then a mirror that `parley models pull --mirror` takes:
files lie where ``{mirror}/{repository}/resolve/{revision}/{name}`` points.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks.geometries import llama, piper, whisper
from benchmarks.geometries.shapes import (
    GEOMETRIES,
    SMALL,
    Geometry,
    LlamaShape,
    VoiceShape,
    WhisperShape,
)

__all__ = ["write_catalogue"]

_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class _Publication:
    """Where a model of a profile is published.

    Attributes:
        id: In the catalogue.
        engine: That loads it.
        geometry: Its name in `GEOMETRIES`.
        repository: ``owner/name``.
        revision: A commit, as long as a real one.
        folder: In the repository, or "".
        file: Of engines that open one.
    """

    id: str
    engine: str
    geometry: str
    repository: str
    revision: str
    folder: str = ""
    file: str = ""


_PUBLICATIONS: Final = {
    "recognizer": _Publication(
        "whisper-base",
        "faster-whisper",
        "whisper-base",
        "Systran/faster-whisper-base",
        "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
    ),
    "language_model": _Publication(
        "qwen3-0.6b-q8_0",
        "llama.cpp",
        "llama-0.5b",
        "Qwen/Qwen3-0.6B-GGUF",
        "23749fefcc72300e3a2ad315e1317431b06b590a",
        file="Qwen3-0.6B-Q8_0.gguf",
    ),
    "voice": _Publication(
        "kristin-medium",
        "piper",
        "piper-medium",
        "rhasspy/piper-voices",
        "1162a9173d0ce503555aed757976b7a9912eae4c",
        folder="en/en_US/kristin/medium",
        file="en_US-kristin-medium.onnx",
    ),
}
"""What profile cpu-2 of models.toml names, by role."""

_HEAD: Final = """\
# Models of random weights: files of the real sizes and layout that say nothing sensible.
schema = 2

[profiles.cpu-2]
description = "Random weights in the shapes of two cores' models: for trying downloads."
recognizer = "{recognizer}"
language_model = "{language_model}"
voice = "{voice}"
languages = ["en"]
warning = "These models have random weights: they understand nothing and speak noise."
"""


def write_catalogue(
    folder: Path, *, quick: bool = False, report: Callable[[str], None] = lambda _: None
) -> Path:
    """Write models.toml and all files of its profile ``cpu-2``.

    Args:
        folder: Where.
        quick: Small shapes: some hundred kilobytes instead of 850 MB.
        report: Told of each model before it is written.

    Returns:
        Path of models.toml.
    """
    shapes = SMALL if quick else GEOMETRIES
    ids = {role: publication.id for role, publication in _PUBLICATIONS.items()}
    parts = [_HEAD.format(**ids)]
    for publication in _PUBLICATIONS.values():
        report(publication.id)
        parts.append(_publish(folder, publication, shapes))
    path = folder / "models.toml"
    path.write_text("\n".join(parts), encoding="utf-8")
    return path


def _publish(folder: Path, publication: _Publication, shapes: Mapping[str, Geometry]) -> str:
    base = folder / publication.repository / "resolve" / publication.revision / publication.folder
    files = _write(base, publication, shapes[publication.geometry])
    lines = [
        f'[models."{publication.id}"]',
        f'engine = "{publication.engine}"',
        'licence = "CC0-1.0"',
        'note = "Random weights."',
        'languages = ["mul"]',
        f'geometry = "{publication.geometry}"',
        "",
        f'[models."{publication.id}".source]',
        f'repository = "{publication.repository}"',
        f'revision = "{publication.revision}"',
        *([f'folder = "{publication.folder}"'] if publication.folder else []),
        "",
        f'[models."{publication.id}".files]',
        *(
            f'"{path.name}" = {{ bytes = {path.stat().st_size}, sha256 = "{_digest(path)}" }}'
            for path in files
        ),
        "",
    ]
    return "\n".join(lines)


def _write(base: Path, publication: _Publication, shape: Geometry) -> list[Path]:
    match shape:
        case WhisperShape():
            # As published: the engine turns them into 8 bits when it loads them.
            whisper.write(base, replace(shape, quantization="float16"))
        case LlamaShape():
            llama.write(base / publication.file, shape)
        case VoiceShape():
            piper.write(base / publication.file, shape)
    return sorted(base.iterdir())


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
