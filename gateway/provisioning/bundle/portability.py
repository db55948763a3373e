"""Which instruction sets a compiled llama.cpp uses: asked of the library itself."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from gateway.provisioning.bundle.errors import BundleError

__all__ = ["flags_of", "instruction_sets", "system_info"]

_FLAGS: Final = {
    "SSE3": "pni", "SSSE3": "ssse3", "AVX": "avx", "AVX2": "avx2", "F16C": "f16c", "FMA": "fma",
    "BMI2": "bmi2", "AVX_VNNI": "avx_vnni", "AVX512": "avx512f", "AVX512_VNNI": "avx512_vnni",
    "AVX512_VBMI": "avx512vbmi", "AVX512_BF16": "avx512_bf16", "AMX_INT8": "amx_int8",
    "NEON": "asimd", "DOTPROD": "asimddp", "MATMUL_INT8": "i8mm", "SVE": "sve",
}  # fmt: skip
"""llama.cpp's name of an instruction set to the one of /proc/cpuinfo."""

_PORTABLE: Final = frozenset(("pni", "ssse3", "avx", "avx2", "f16c", "fma", "bmi2", "asimd"))
"""What a build for many machines uses."""

_ASK: Final = """\
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
library.llama_print_system_info.restype = ctypes.c_char_p
print(library.llama_print_system_info().decode())
"""
_TIMEOUT_S: Final = 60


def system_info(wheel: Path) -> str:
    """Return what the library in a wheel for this machine says that it was compiled for.

    It is loaded in a process of its own, which an illegal instruction may end.

    Raises:
        BundleError: It cannot be loaded.
    """
    with tempfile.TemporaryDirectory(prefix="parley-") as folder:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.startswith("llama_cpp/lib/")]
            archive.extractall(folder, members=names)
        library = str(Path(folder, "llama_cpp/lib/libllama.so"))
        done = subprocess.run(
            [sys.executable, "-I", "-c", _ASK, library],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"signal {-done.returncode}"])[-1]
        raise BundleError(f"{wheel.name} cannot be loaded here: {reason}")
    return done.stdout


def flags_of(info: str) -> tuple[str, ...]:
    """Return the instruction sets that `system_info` names, as /proc/cpuinfo calls them."""
    used = re.findall(r"(\w+) = 1\b", info)
    return tuple(_FLAGS[name] for name in used if name in _FLAGS)


def instruction_sets(wheel: Path) -> tuple[str, ...]:
    """Return what the processor needs for a wheel that was compiled here.

    Raises:
        BundleError: It was compiled for this very processor and would die on others.
    """
    flags = flags_of(system_info(wheel))
    beyond = sorted(set(flags) - _PORTABLE)
    if beyond:
        raise BundleError(
            f"{wheel.name} was compiled for this very processor ({', '.join(beyond)}); let pip "
            "forget it: pip cache remove llama_cpp_python"
        )
    return flags
