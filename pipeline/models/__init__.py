"""The models that Parley knows: what models.toml says of them, what lies on disk."""

from __future__ import annotations

from pipeline.models.catalogue import Catalogue, default_catalogue
from pipeline.models.model import (
    ENGINES,
    MANY,
    ROLES,
    Model,
    ModelFile,
    Profile,
    Role,
    Source,
    Verification,
)

__all__ = [
    "ENGINES",
    "MANY",
    "ROLES",
    "Catalogue",
    "Model",
    "ModelFile",
    "Profile",
    "Role",
    "Source",
    "Verification",
    "default_catalogue",
]
