"""What is known of a model from its files alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Description"]


@dataclass(frozen=True, slots=True)
class Description:
    """A model whose files are what its engine needs, as far as their headers tell.

    Attributes:
        engine: As in models.toml.
        folder: Where the names of the files start.
        files: What the engine reads, relative to the folder; the one that it opens comes first.
        summary: For people, in a few words.
        name: What the files call the model, or "".
        languages: BCP 47 primary tags; empty: the files do not say.
        licence: As the files spell it, or "".
        settings: That the engine needs with exactly this model; mostly none.
        remarks: What whoever uses it should know, a sentence each.
    """

    engine: str
    folder: Path
    files: tuple[str, ...]
    summary: str
    name: str = ""
    languages: tuple[str, ...] = ()
    licence: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
