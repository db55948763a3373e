"""What the machine has, as far as a bundle asks for it."""

from __future__ import annotations

import ctypes
import importlib.util
import platform
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Machine", "read_machine"]


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine, its Python, and the disk to install on.

    Attributes:
        platform: Such as "linux-x86_64".
        python: Version of the interpreter, such as "3.11".
        implementation: Such as "CPython".
        has_venv: Whether virtual environments with pip can be made.
        glibc: Version of the C library; None where it is another one.
        cpu: Instruction sets, as /proc/cpuinfo names them; None where nobody says.
        missing_libraries: Those of the wanted shared libraries that cannot be loaded.
        free_bytes: On the disk to install on.
    """

    platform: str
    python: str
    implementation: str
    has_venv: bool
    glibc: tuple[int, int] | None
    cpu: frozenset[str] | None
    missing_libraries: tuple[str, ...]
    free_bytes: int


def read_machine(folder: Path, libraries: Sequence[str]) -> Machine:
    """Look at this machine; ``folder`` is where to install, and need not exist."""
    modules = ("venv", "ensurepip")
    return Machine(
        platform=f"{platform.system().lower()}-{platform.machine().lower()}",
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        implementation=platform.python_implementation(),
        has_venv=all(importlib.util.find_spec(name) is not None for name in modules),
        glibc=_glibc(),
        cpu=_cpu(Path("/proc/cpuinfo")),
        missing_libraries=tuple(name for name in libraries if not _loads(name)),
        free_bytes=shutil.disk_usage(_existing(folder)).free,
    )


def _glibc() -> tuple[int, int] | None:
    """Ask the C library itself: gnu_get_libc_version(3)."""
    try:
        function = ctypes.CDLL(None).gnu_get_libc_version
    except (OSError, AttributeError):
        return None
    function.restype = ctypes.c_char_p
    major, minor = function().decode().split(".")[:2]
    return int(major), int(minor)


def _cpu(source: Path) -> frozenset[str] | None:
    try:
        lines = source.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return None


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
