"""Takes over models that are on a machine already, from wherever other programs keep them."""

from __future__ import annotations

from gateway.provisioning.importing.discovery import discover, survey
from gateway.provisioning.importing.found import Found, FoundFile, Survey
from gateway.provisioning.importing.importer import import_models
from gateway.provisioning.importing.transfer import How

__all__ = ["Found", "FoundFile", "How", "Survey", "discover", "import_models", "survey"]
