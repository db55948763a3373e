"""Makes names for models out of what files and folders are called. Nothing here reads a file."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["LONGEST", "is_id", "model_id", "without_part"]

LONGEST: Final = 64
_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_OTHER: Final = re.compile(r"[^a-z0-9._-]+")
_PART: Final = re.compile(r"-\d{5}-of-\d{5}$")


def model_id(*words: str) -> str:
    """Return a name that models.toml allows; "model" if nothing is left of the words."""
    joined = _OTHER.sub("-", "-".join(word for word in words if word).lower())
    return joined.strip("._-")[:LONGEST].rstrip("._-") or "model"


def is_id(name: str) -> bool:
    """Whether a model may be called that."""
    return _ID.fullmatch(name) is not None


def without_part(stem: str) -> str:
    """Return what a split model is called, from its first part's name without suffix."""
    return _PART.sub("", stem)
