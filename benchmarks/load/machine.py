"""Where a run took place: the machine and the versions of what ran."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

from benchmarks.results import Machine

__all__ = ["machine", "versions"]

_PACKAGES: Final = (
    "parley",
    "websockets",
    "uvloop",
    "numpy",
    "orjson",
    "opuslib",
    "soxr",
    "webrtcvad-wheels",
    "onnxruntime",
    "ctranslate2",
    "faster-whisper",
    "llama-cpp-python",
    "piper-tts",
)


def machine() -> Machine:
    """This machine, as far as it tells about itself."""
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_bytes=_memory(),
        system=f"{platform.system()} {platform.release()}",
        load_average=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    )


def versions() -> Mapping[str, str]:
    """Python's version, and those of the packages that matter; what is missing is left out."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
