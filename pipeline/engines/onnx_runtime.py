"""onnxruntime, without its telemetry: it reports to nobody that it is used."""

from __future__ import annotations

import importlib
import os
from typing import Any

__all__ = ["SWITCH", "import_onnxruntime"]

SWITCH = "ORT_DISABLE_TELEMETRY"
"""Read by onnxruntime when it is imported. Left unset, 1.31 writes a device id and a database of
events to the user's cache folder on Linux, and asks for Microsoft's collector within minutes
(seen with strace). A user who sets it to something else means that."""


def import_onnxruntime() -> Any:  # noqa: ANN401 - it ships no types
    """Return the package.

    Raises:
        ImportError: If it is not installed, or cannot be loaded.
    """
    os.environ.setdefault(SWITCH, "1")
    return importlib.import_module("onnxruntime")
