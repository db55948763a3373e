"""Putting an exported model where Parley finds it, with its sizes and hashes in models.toml."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from rich.console import Console

from starter.errors import RecipeError
from starter.order import CHECKPOINTS, MODELS, Order
from starter.training.checkpoint import (
    Checkpoint,
    half_precision,
    load_checkpoint,
    save_checkpoint,
)

__all__ = ["LARGEST_CHECKPOINT", "LARGEST_FILE", "install", "keep_checkpoint", "record_files"]

LARGEST_FILE = 16_000_000
"""Bytes of a model's file: more has no place in a repository of code."""
LARGEST_CHECKPOINT = 24_000_000


def install(
    order: Order,
    console: Console,
    *,
    catalogue: Path = MODELS.parents[1] / "models.toml",
    models: Path = MODELS,
) -> None:
    """Replace a part of the starter models by its export, and write down what it consists of.

    Raises:
        RecipeError: If there is no finished export, or a file of it is too large.
    """
    files = _exported(order.export)
    target = models / order.part
    record_files(catalogue, f"starter-{order.part}", files)
    fresh = target.with_name(f".{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(order.export, fresh)
    shutil.rmtree(target, ignore_errors=True)
    fresh.replace(target)
    console.print(
        f"installed {len(files)} files in {target}; now: python -m benchmarks.models_page"
    )


def _exported(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise RecipeError(f"there is no finished model in {folder}; make it first")
    files = {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}
    for name, path in files.items():
        if (size := path.stat().st_size) > LARGEST_FILE:
            message = f"{name} has {size} bytes, more than {LARGEST_FILE}; make the network smaller"
            raise RecipeError(message)
    return files


def record_files(catalogue: Path, model: str, files: dict[str, Path]) -> None:
    """Write names, sizes and hashes of a model's files into a catalogue; all else stays as it is.

    Raises:
        RecipeError: If the catalogue does not list the model's files, one in a line.
    """
    text = catalogue.read_text(encoding="utf-8")
    table = re.compile(rf'(^\[models\.{re.escape(model)}\.files\]\n)(?:"[^\n]*\n)+', re.MULTILINE)
    lines = "".join(_entry(name, path.read_bytes()) for name, path in files.items())
    changed, found = table.subn(lambda match: match[1] + lines, text)
    if found != 1:
        raise RecipeError(f"{catalogue} has no table [models.{model}.files] with files in it")
    partial = catalogue.with_suffix(".partial")
    partial.write_text(changed, encoding="utf-8")
    partial.replace(catalogue)


def _entry(name: str, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    return f'"{name}" = {{ bytes = {len(content)}, sha256 = "{digest}" }}\n'


def keep_checkpoint(order: Order, console: Console, *, folder: Path = CHECKPOINTS) -> None:
    """Keep a training's weights for going on later: half precision, without its optimizers.

    Raises:
        RecipeError: If there is no checkpoint, or it would be larger than a repository bears.
    """
    found = load_checkpoint(order.checkpoint, kind=order.part)
    kept = Checkpoint(
        found.kind, found.build, half_precision(found.weights), found.shape, {},
        found.progress, found.lineage,
    )  # fmt: skip
    path = folder / f"{order.part}.pt"
    fresh = folder / f".{order.part}.new"
    save_checkpoint(kept, fresh)
    if (size := fresh.stat().st_size) > LARGEST_CHECKPOINT:
        fresh.unlink()
        raise RecipeError(f"the checkpoint would have {size} bytes, more than {LARGEST_CHECKPOINT}")
    fresh.replace(path)
    console.print(f"kept {path}")
