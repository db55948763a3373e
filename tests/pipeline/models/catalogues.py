"""Catalogues for tests: a whole one, and changes to it."""

import copy
from pathlib import Path
from typing import Any

from pipeline.models import Catalogue

SHA = "0123456789abcdef" * 4

WHOLE: dict[str, Any] = {
    "schema": 2,
    "profiles": {
        "both": {
            "recognizer": "ears",
            "language_model": "brain",
            "voice": "mouth",
            "voices": {"de": "mund"},
            "languages": ["en", "de"],
        }
    },
    "models": {
        "ears": {
            "engine": "faster-whisper",
            "licence": "MIT",
            "languages": ["mul"],
            "memory_bytes": 1000,
            "source": {"repository": "a/ears", "revision": "1a"},
            "files": {
                "config.json": {"bytes": 2, "sha256": SHA},
                "model.bin": {"bytes": 70_000_000, "sha256": SHA[1:] + "0"},
                "tokenizer.json": {"bytes": 2, "sha256": SHA[2:] + "00"},
                "vocabulary.txt": {"bytes": 2, "sha256": SHA[3:] + "000"},
            },
            "settings": {"final_beam": 1},
        },
        "brain": {
            "engine": "llama.cpp",
            "licence": "LicenseRef-Llama-3.2",
            "licence_note": "Terms of its own.",
            "languages": ["en", "de"],
            "source": {"repository": "a/brain", "revision": "1b"},
            "files": {"brain.gguf": {"bytes": 5, "sha256": SHA[4:] + "0000"}},
        },
        "mouth": {
            "engine": "piper",
            "licence": "CC0-1.0",
            "languages": ["en"],
            "source": {"repository": "a/voices", "revision": "1c", "folder": "en"},
            "files": {
                "mouth.onnx": {"bytes": 5, "sha256": SHA[5:] + "00000"},
                "mouth.onnx.json": {"bytes": 2, "sha256": SHA[6:] + "000000"},
            },
        },
        "mund": {
            "engine": "piper",
            "licence": "CC-BY-NC-4.0",
            "licence_note": "Not for commercial use.",
            "languages": ["de"],
            "source": {"repository": "a/voices", "revision": "1c", "folder": "de"},
            "files": {
                "mund.onnx": {"bytes": 5, "sha256": SHA[7:] + "0000000"},
                "mund.onnx.json": {"bytes": 2, "sha256": SHA[8:] + "00000000"},
            },
        },
    },
}
SOURCE = Path("/somewhere/models.toml")


def changed(path: str = "", value: object = None) -> dict[str, Any]:
    """Return the catalogue with one value set (``models/x/licence``), or deleted: None."""
    document = copy.deepcopy(WHOLE)
    if path:
        *parents, last = path.split("/")
        table = document
        for key in parents:
            table = table[key]
        if value is None:
            del table[last]
        else:
            table[last] = value
    return document


def catalogue(path: str = "", value: object = None) -> Catalogue:
    return Catalogue(changed(path, value), SOURCE)
