"""Runs a program of the installation, and makes one line of its failure."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.provisioning.bundle.errors import BundleError

__all__ = ["clean_environment", "run"]

_SPOILING = ("PYTHON", "PIP_", "VIRTUAL_ENV", "PARLEY_", "LD_PRELOAD")


def run(
    what: str,
    command: Sequence[object],
    *,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    show: bool = False,
) -> None:
    """Run a program to its end, without this shell's settings for Python and pip.

    Args:
        what: For the message, such as "the check".
        command: The program and its arguments.
        cwd: Where to run it; no configuration file should lie there.
        environment: More variables for it.
        show: Let it write to the terminal; else its last line is told if it fails.

    Raises:
        BundleError: It could not be started, or failed.
    """
    try:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=cwd,
            env={**clean_environment(os.environ), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=None if show else subprocess.PIPE,
            stderr=None if show else subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise BundleError(f"{what} could not be started: {error}") from error
    if done.returncode:
        lines = (done.stdout or "").strip().splitlines()
        reason = f": {lines[-1]}" if lines else ""
        raise BundleError(f"{what} failed (exit code {done.returncode}){reason}")


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what would lead Python, pip or Parley elsewhere."""
    return {name: value for name, value in environment.items() if not name.startswith(_SPOILING)}
