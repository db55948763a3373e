"""NVIDIA's run-time libraries: found, loaded ahead of the engine that needs them, or named.

CTranslate2's Linux wheels (4.8) open ``libcublas.so.12`` at their first computation, and nothing
else of CUDA's. It comes with the CUDA toolkit, or as a package from PyPI that puts it where no
loader looks; a library that the process has loaded already is found by its name, so loading it
first is enough. A driver does not bring it.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Final

__all__ = ["CUBLAS", "Library", "load_library"]


@dataclass(frozen=True, slots=True)
class Library:
    """A shared library, and where it comes from.

    Attributes:
        files: Names to load, in order; the last one is what the engine asks for.
        module: Python module whose folder ``lib`` the package fills.
        package: Its name on PyPI.
    """

    files: tuple[str, ...]
    module: str
    package: str


CUBLAS: Final = Library(
    ("libcublasLt.so.12", "libcublas.so.12"), "nvidia.cublas", "nvidia-cublas-cu12"
)


def load_library(
    library: Library,
    *,
    opener: Callable[[str], object] | None = None,
    folders: Sequence[Path] | None = None,
) -> str:
    """Make a library known to this process.

    Args:
        library: Which.
        opener: Opens one by name or path and raises OSError where it cannot.
        folders: Where else to look than the system does; by default where its package puts it.

    Returns:
        "", or what is missing and which package brings it.
    """
    if sys.platform != "linux":  # elsewhere the engines come without CUDA, or find it themselves
        return ""
    opener = _open if opener is None else opener
    folders = _folders(library.module) if folders is None else folders
    for folder in (None, *folders):
        try:
            for name in library.files:
                opener(name if folder is None else str(folder / name))
        except OSError:
            continue
        return ""
    wanted = library.files[-1]
    return f"{wanted} is missing; it comes with CUDA 12, or: pip install {library.package}"


def _open(name: str) -> object:
    return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)


def _folders(module: str) -> list[Path]:
    try:
        found = util.find_spec(module)
    except (ImportError, ValueError):
        return []
    places = found.submodule_search_locations if found is not None else None
    return [Path(place) / "lib" for place in places or ()]
