"""Whether the files of a model are there, of their size, and unchanged."""

from __future__ import annotations

import hashlib
import logging
import re
from pathlib import Path
from typing import Final

from pipeline.errors import ModelError
from pipeline.models.model import Model, ModelFile, Verification

__all__ = ["verify_model"]

log = logging.getLogger(__name__)

SMALL: Final = 64 << 20
"""Bytes up to which a file is hashed at every start; 64 MiB take about 50 ms."""

_CHUNK: Final = 1 << 20
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def verify_model(model: Model, how: Verification, profile: str, source: Path) -> None:
    """Check a model's files.

    Args:
        model: Which.
        how: How much is read.
        profile: That it is loaded for; a command in a message names it.
        source: The file that names it.

    Raises:
        ModelError: For the first file that is missing, cut or changed.
    """
    if not model.path.exists():
        if model.source is not None:
            message = f"model {model.id} is not installed; run: parley models pull {profile}"
            raise ModelError(message)
        message = f"model {model.id}: {model.path} does not exist; correct its path in {source}"
        raise ModelError(message)
    if not model.files:
        log.warning("model %s lists no files: it is used unverified", model.id)
    for part in model.files:
        _verify(model, part, how)


def _verify(model: Model, part: ModelFile, how: Verification) -> None:
    path = model.file(part)
    try:
        size = path.stat().st_size
        if part.bytes is not None and size != part.bytes:
            found = f"has {size} bytes, expected {part.bytes}; get the file again"
            raise ModelError(f"model {model.id}: {path} {found}")
        if not _is_intact(path, part.sha256 or _noted(path), size, how):
            raise ModelError(f"model {model.id}: {path} was changed or damaged; get it again")
    except OSError as error:
        message = f"model {model.id}: {path} cannot be read: {error.strerror}; get it again"
        raise ModelError(message) from error


def _noted(path: Path) -> str:
    """Return the digest after which a store named a file, or "" for a file outside of one."""
    name = path.resolve().name
    return name if path.is_symlink() and _SHA256.fullmatch(name) else ""


def _is_intact(path: Path, sha256: str, size: int, how: Verification) -> bool:
    if not sha256:
        return True
    if _noted(path) not in ("", sha256):
        return False
    return (how is Verification.SIZE and size > SMALL) or _digest(path) == sha256


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
