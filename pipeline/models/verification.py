"""Whether the files of a model are there, of their size, and unchanged."""

from __future__ import annotations

import hashlib
import logging
import re
from pathlib import Path
from typing import Final

from pipeline.errors import ModelError
from pipeline.models.model import Model, ModelFile, Verification

__all__ = ["noted_digest", "verify_model"]

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
    if model.program:
        return
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
    path, installed = model.file(part), model.source is not None
    noted = noted_digest(path)
    if part.sha256 and noted not in ("", part.sha256):
        message = f"model {model.id} is not the version that the catalogue has"
        raise ModelError(f"{message}; run: parley models pull {model.id}")
    repair = f"run: parley models verify --repair {model.id}" if installed else "get it again"
    try:
        size = path.stat().st_size
        if part.bytes is not None and size != part.bytes:
            found = f"has {size} bytes, expected {part.bytes}"
            raise ModelError(f"model {model.id}: {path} {found}; {repair}")
        if not _is_intact(path, part.sha256 or noted, size, how):
            raise ModelError(f"model {model.id}: {path} was changed or damaged; {repair}")
    except OSError as error:
        advice = f"run: parley models pull {model.id}" if installed else "get it again"
        message = f"model {model.id}: {path} cannot be read: {error.strerror}; {advice}"
        raise ModelError(message) from error


def noted_digest(path: Path) -> str:
    """Return the digest after which a store named a file, or "" for a file outside of one."""
    name = path.resolve().name
    return name if path.is_symlink() and _SHA256.fullmatch(name) else ""


def _is_intact(path: Path, sha256: str, size: int, how: Verification) -> bool:
    """Tell whether a file is what its digest says, as far as it is read."""
    unread = not sha256 or (how is Verification.SIZE and size > SMALL)
    return unread or _digest(path) == sha256


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
