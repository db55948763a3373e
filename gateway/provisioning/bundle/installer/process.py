"""Runs a program of the installation, and makes one line of its failure."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
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
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Run a program to its end, without this shell's settings for Python and pip.

    Args:
        what: For the message, such as "the check".
        command: The program and its arguments.
        cwd: Where to run it; no configuration file should lie there.
        environment: More variables for it.
        show: Let it write to the terminal; else its last line is told if it fails.
        tick: Is called every second while it runs.

    Raises:
        BundleError: It could not be started, or failed.
    """
    try:
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            env={**clean_environment(os.environ), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=None if show else subprocess.PIPE,
            stderr=None if show else subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise BundleError(f"{what} could not be started: {error}") from error
    output = _wait(process, tick)
    if process.returncode:
        lines = output.strip().splitlines()
        reason = f": {lines[-1]}" if lines else ""
        raise BundleError(f"{what} failed (exit code {process.returncode}){reason}")


def _wait(process: subprocess.Popen[str], tick: Callable[[], None]) -> str:
    """Wait for a program's end and return what it wrote; whatever interrupts that ends it."""
    with process:
        try:
            while True:
                try:
                    return process.communicate(timeout=1)[0] or ""
                except subprocess.TimeoutExpired:
                    tick()
        except BaseException:
            process.kill()
            raise


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what would lead Python, pip or Parley elsewhere."""
    return {name: value for name, value in environment.items() if not name.startswith(_SPOILING)}
