"""The models that Parley knows: what models.toml says of them, what lies on disk."""

from __future__ import annotations

from pipeline.models.catalogue import Catalogue, default_catalogue
from pipeline.models.model import ENGINES, ROLES, Model, ModelFile, Profile, Source, Verification

__all__ = [
    "ENGINES",
    "ROLES",
    "Catalogue",
    "Model",
    "ModelFile",
    "Profile",
    "Source",
    "Verification",
    "default_catalogue",
]
