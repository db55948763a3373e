"""Makes a virtual environment from a bundle's wheels, and from nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from gateway.provisioning.bundle.installer.process import run

__all__ = ["build"]


def build(folder: Path, *, bundle: Path, python: str, tick: Callable[[], None]) -> Path:
    """Make the environment and return its interpreter.

    pip is Python's own (ensurepip). It is given every wheel's hash, asks no index, and resolves
    nothing: what belongs together was decided when the bundle was made.

    Args:
        folder: Where; environments cannot be moved later.
        bundle: The unpacked bundle.
        python: Version, such as "3.11".
        tick: Is called every second meanwhile.

    Raises:
        BundleError: The environment could not be made.
    """
    interpreter = folder / "bin" / "python"
    venv = [sys.executable, "-I", "-m", "venv", "--clear", folder]
    run("making the virtual environment", venv, cwd=folder.parent, tick=tick)
    pip = [interpreter, "-I", "-m", "pip", "--isolated", "--disable-pip-version-check", "install"]
    sources = ["--no-index", "--no-deps", "--find-links", bundle / "wheels"]
    wanted = ["--require-hashes", "-r", bundle / "requirements" / f"{python}.txt"]
    quietly = ["--no-cache-dir", "--no-input", "--no-warn-script-location", "--quiet"]
    run("installing the wheels", [*pip, *sources, *quietly, *wanted], cwd=folder.parent, tick=tick)
    return interpreter
