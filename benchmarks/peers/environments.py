"""Virtual environments of the peers: one each, made when it is needed, with pinned packages."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["FOLDER", "STAMP", "NotInstalled", "fingerprint", "python_of"]

FOLDER: Final = Path(".venv-peers")
"""Holds them, in the current folder."""
STAMP: Final = "requirements.sha256"
"""File in an environment that is complete; holds its `fingerprint`."""
_INSTALL_S: Final = 900.0


class NotInstalled(Exception):
    """A peer has no environment; the message is one line that says why."""


async def python_of(
    name: str,
    requirements: Path,
    *,
    folder: Path = FOLDER,
    install: bool = True,
    base: str = sys.executable,
    report: Callable[[str], None] = lambda line: None,
) -> Path:
    """The interpreter of a peer's environment, which is made if it is not there or has changed.

    Args:
        name: Of the peer.
        requirements: Pinned packages, as pip reads them.
        folder: Holds the environments.
        install: Whether one may be made.
        base: The interpreter to make it with.
        report: Is told what takes long.

    Raises:
        NotInstalled: It could not be made, or must not be.
    """
    home = folder.absolute() / name
    python = home / "bin" / "python"
    wanted = fingerprint(base, requirements)
    stamp = home / STAMP
    if python.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return python
    if not install:
        raise NotInstalled(f"{home} is missing or out of date; leave --no-install out")
    report(f"installing {name} into {home} (once, up to two minutes)")
    home.parent.mkdir(parents=True, exist_ok=True)
    await _run(name, [base, "-m", "venv", "--clear", str(home)])
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    await _run(name, [*pip, "--requirement", str(requirements)])
    stamp.write_text(wanted, encoding="ascii")
    return python


def fingerprint(base: str, requirements: Path) -> str:
    """What an environment depends on: of another one it is out of date."""
    return hashlib.sha256(base.encode() + requirements.read_bytes()).hexdigest()


async def _run(name: str, command: Sequence[str]) -> None:
    """Run a step; its last complaint becomes the error."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches it through the finally below
        )
    except OSError as error:
        raise NotInstalled(f"cannot run {command[0]}: {error.strerror or error}") from error
    try:
        async with asyncio.timeout(_INSTALL_S):
            output, _ = await process.communicate()
    except TimeoutError:
        raise NotInstalled(f"installing {name} took longer than {_INSTALL_S:g} s") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and what it has started
            await process.wait()
    if process.returncode:
        raise NotInstalled(_complaint(output.decode(errors="replace"), process.returncode))


def _complaint(output: str, code: int) -> str:
    """The line that says most: pip's last error, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    last = (errors or lines or [f"exit code {code}, and not a word"])[-1]
    return last.removeprefix("ERROR:").strip()
