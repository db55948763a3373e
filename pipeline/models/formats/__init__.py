"""What a model's files say of themselves, read with limits and without any engine."""

from __future__ import annotations

from pipeline.models.formats.checking import check_model
from pipeline.models.formats.description import Description

__all__ = ["Description", "check_model"]
