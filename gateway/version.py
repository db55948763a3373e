"""Parley's version, as `parley --version`, `welcome` and the metrics say it."""

from __future__ import annotations

from typing import Final

__all__ = ["VERSION"]

VERSION: Final = "0.1.0"
