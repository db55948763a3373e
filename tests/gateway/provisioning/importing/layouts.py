"""Makes the folders that other programs keep models in, out of small models."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from gateway.provisioning.importing.command import add_arguments, run

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CARD = "---\nlicense: apache-2.0\nlanguage: en\n---\n# A model\n"
VOICE_CARD = """# Model card for tiny (medium)

* Language: en_GB (English, Great Britain)
* Quality: medium

## Dataset

* URL: https://example.org/voices
* License: CC0

## Training

Finetuned from the lessac voice.
"""


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def hugging_face(
    hub: Path, repository: str, files: dict[str, Path], *, commit: str = COMMIT, card: str = CARD
) -> Path:
    """Lay files out as Hugging Face's tools do; return the repository's folder."""
    root = hub / f"models--{repository.replace('/', '--')}"
    snapshot = root / "snapshots" / commit
    (root / "blobs").mkdir(parents=True, exist_ok=True)
    (root / "refs").mkdir(exist_ok=True)
    (root / "refs" / "main").write_text(commit)
    contents = {name: path.read_bytes() for name, path in files.items()}
    for name, content in {**contents, "README.md": card.encode()}.items():
        # Large files have their SHA-256, the others git's hash.
        git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        large = len(content) > 100_000
        blob = root / "blobs" / (hashlib.sha256(content).hexdigest() if large else git)
        blob.write_bytes(content)
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        depth = len(Path(name).parts) + 1
        (snapshot / name).symlink_to(Path(*[".."] * depth) / "blobs" / blob.name)
    return root


def ollama(store: Path, name: str, gguf: Path, **layers: str) -> Path:
    """Lay a model out as Ollama does; return its manifest."""
    (store / "blobs").mkdir(parents=True, exist_ok=True)
    kinds = {"model": gguf.read_bytes(), **{kind: text.encode() for kind, text in layers.items()}}
    entries = []
    for kind, content in kinds.items():
        digest = hashlib.sha256(content).hexdigest()
        (store / "blobs" / f"sha256-{digest}").write_bytes(content)
        media = f"application/vnd.ollama.image.{kind}"
        entries.append({"mediaType": media, "digest": f"sha256:{digest}", "size": len(content)})
    model, _, tag = name.partition(":")
    owned = model if "/" in model else f"library/{model}"
    manifest = store / "manifests" / "registry.ollama.ai" / owned / tag
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "config": {}, "layers": entries}))
    return manifest


def contents(root: Path) -> dict[str, str]:
    """Return everything that counts in a store, or in any folder: names and what they hold."""
    if not root.exists():
        return {}
    return {
        str(path.relative_to(root)): (
            f"-> {path.readlink()}" if path.is_symlink() else sha256(path)
        )
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".lock"
    }


def copy(files: Iterable[Path], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        shutil.copy(path, folder / path.name)
    return folder


def parley_import(store: Path, *arguments: object) -> int:
    """Run `parley models import` on a store, without a configuration file of this machine."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    empty = store.parent / "empty.toml"
    empty.parent.mkdir(parents=True, exist_ok=True)
    empty.write_text("")
    return run(
        parser.parse_args(["--config", str(empty), "--store", str(store), *map(str, arguments)])
    )
