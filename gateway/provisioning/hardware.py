"""What this machine is: cores, instruction sets, memory and GPUs, as far as a process may use them.

Containers lie in /proc: the cores and the memory that count are those of the process's CPU affinity
and of its control group. Parsers take texts and are pure; `read_hardware` fetches the texts. Facts:
proc(5), and the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
"""

from __future__ import annotations

import logging
import math
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from pipeline.devices import Gpu

__all__ = [
    "Hardware",
    "Processor",
    "cgroup_folders",
    "parse_cpu_quota",
    "parse_gpus",
    "parse_memory_limit",
    "parse_memory_total",
    "parse_processor",
    "read_cores",
    "read_hardware",
]

log = logging.getLogger(__name__)

_GPU_QUERY: Final = (
    "--query-gpu=name,memory.total,compute_cap,driver_version",
    "--format=csv,noheader,nounits",
)
_GPU_PATIENCE_S: Final = 10.0
_MEBIBYTE: Final = 1 << 20
_NO_LIMIT: Final = 1 << 60
"""Control groups of version 1 write a number near 2**63 where there is no limit."""

_FEATURES: Final[Mapping[str, str]] = {
    "avx": "AVX",
    "avx2": "AVX2",
    "fma": "FMA",
    "f16c": "F16C",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX-512 VNNI",
    "avx_vnni": "AVX-VNNI",
    "avx512_bf16": "AVX-512 BF16",
    "amx_int8": "AMX-INT8",
    "neon": "NEON",
    "asimd": "NEON",
    "asimddp": "dot product",
    "i8mm": "I8MM",
    "bf16": "BF16",
    "sve": "SVE",
}
"""Flags of /proc/cpuinfo that engines profit from, and their names for people."""


@dataclass(frozen=True, slots=True)
class Processor:
    """What /proc/cpuinfo says.

    Attributes:
        name: Its maker's name for it, or "".
        flags: All flags of the first core, in lower case.
        count: Cores that are listed.
    """

    name: str
    flags: frozenset[str]
    count: int


@dataclass(frozen=True, slots=True)
class Hardware:
    """What a process may use here.

    Attributes:
        processor: The maker's name, or the architecture's.
        architecture: As `platform.machine` says, e.g. "x86_64", "aarch64".
        cores: Whole cores, at least 1.
        installed_cores: Cores of the machine, as far as visible.
        flags: Of /proc/cpuinfo; empty where there is none.
        memory_bytes: At most this much, be it the machine's or the control group's; 0 if unknown.
        gpus: NVIDIA's, in the order of their numbers.
    """

    processor: str
    architecture: str
    cores: int
    installed_cores: int
    flags: frozenset[str] = frozenset()
    memory_bytes: int = 0
    gpus: tuple[Gpu, ...] = ()

    @property
    def is_x86(self) -> bool:
        """Whether it runs code for 64-bit Intel and AMD processors."""
        return self.architecture.lower() in {"x86_64", "amd64"}

    @property
    def lacks_avx2(self) -> bool:
        """Whether usual builds of the engines would not run, or crawl, on this processor."""
        return self.is_x86 and bool(self.flags) and "avx2" not in self.flags

    @property
    def instruction_sets(self) -> tuple[str, ...]:
        """Those that engines profit from, by the names that people use."""
        return tuple(dict.fromkeys(name for flag, name in _FEATURES.items() if flag in self.flags))

    @property
    def gpu(self) -> Gpu | None:
        """The GPU with the most memory, which is what one profile runs on."""
        return max(self.gpus, key=lambda gpu: gpu.memory_bytes, default=None)

    def describe(self) -> Iterator[str]:
        """Yield lines that tell what was found."""
        limited = f" of {self.installed_cores}" if self.installed_cores > self.cores else ""
        sets = ", ".join(self.instruction_sets) or "no known instruction sets"
        yield f"processor  {self.processor}: {self.cores}{limited} cores; {sets}"
        size = f"{self.memory_bytes / 1e9:.1f} GB" if self.memory_bytes else "unknown"
        yield f"memory     {size}"
        for gpu in self.gpus:
            capability = ".".join(map(str, gpu.capability)) if gpu.capability else "unknown"
            yield (
                f"GPU        {gpu.name}: {gpu.memory_bytes / 1e9:.1f} GB, compute capability "
                f"{capability}, driver {gpu.driver or 'unknown'}"
            )
        if not self.gpus:
            yield "GPU        none found (NVIDIA's are looked for with nvidia-smi)"


# -- parsers --------------------------------------------------------------------------------------


def parse_processor(text: str) -> Processor:
    """Read /proc/cpuinfo of an x86 or ARM machine."""
    entries = [
        (key.strip().lower(), value.strip())
        for key, colon, value in (line.partition(":") for line in text.splitlines())
        if colon
    ]
    first = dict(reversed(entries))
    flags = first.get("flags") or first.get("features") or ""
    name = first.get("model name") or first.get("model") or first.get("hardware") or ""
    count = sum(key == "processor" and value.isdigit() for key, value in entries)
    return Processor(name if not name.isdigit() else "", frozenset(flags.lower().split()), count)


def parse_memory_total(text: str) -> int:
    """Return the bytes of memory that /proc/meminfo states; 0 if it does not."""
    found = re.search(r"^MemTotal:\s*(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def parse_memory_limit(text: str) -> int | None:
    """Return a control group's limit in bytes, from memory.max or memory.limit_in_bytes."""
    value = text.strip()
    if not value.isdigit():
        return None
    return int(value) if int(value) < _NO_LIMIT else None


def parse_cpu_quota(text: str, period: str = "") -> float | None:
    """Return a control group's quota in cores.

    Args:
        text: Content of cpu.max ("150000 100000"), or of cpu.cfs_quota_us (then with ``period``).
        period: Content of cpu.cfs_period_us.
    """
    numbers = f"{text} {period}".split()
    if len(numbers) < 2 or not all(re.fullmatch(r"\d+", number) for number in numbers[:2]):
        return None  # "max", or -1: no quota
    quota, per = int(numbers[0]), int(numbers[1])
    return quota / per if per and quota else None


def cgroup_folders(text: str) -> tuple[PurePosixPath, ...]:
    """Return where the limits of a process stand, from /proc/self/cgroup.

    Returns:
        Folders below /sys/fs/cgroup, from the process's own group up to the root of each
        hierarchy: a limit holds for all groups below it.
    """
    folders: list[PurePosixPath] = []
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0":
            base = PurePosixPath()
        elif {"cpu", "memory"} & set(controllers.split(",")):
            base = PurePosixPath(controllers)
        else:
            continue
        own = base / path.lstrip("/")
        folders += [own, *(parent for parent in own.parents if parent.is_relative_to(base))]
    return tuple(dict.fromkeys(folders))


def parse_gpus(text: str) -> tuple[Gpu, ...]:
    """Read what nvidia-smi prints when it is asked for name, memory in MiB, capability, driver."""
    gpus = []
    for line in text.splitlines():
        parts = [part.strip() for part in line.rsplit(",", 3)]
        if len(parts) != 4 or not parts[1].isdigit():
            continue  # "No devices were found", or a GPU that does not answer
        capability = re.fullmatch(r"(\d+)\.(\d+)", parts[2])
        numbers = (int(capability[1]), int(capability[2])) if capability else None
        gpus.append(Gpu(parts[0], int(parts[1]) * _MEBIBYTE, numbers, parts[3]))
    return tuple(gpus)


# -- readers --------------------------------------------------------------------------------------


def read_hardware(root: Path = Path("/")) -> Hardware:
    """Look at this machine.

    Args:
        root: Where /proc and /sys are mounted.
    """
    processor = parse_processor(_text(root / "proc/cpuinfo"))
    installed = processor.count or os.cpu_count() or 1
    return Hardware(
        processor.name or platform.machine() or "unknown",
        platform.machine(),
        read_cores(root),
        installed,
        processor.flags,
        _memory(root),
        _gpus(),
    )


def read_cores(root: Path = Path("/")) -> int:
    """Return how many cores this process may keep busy: affinity and quota; at least 1."""
    cores = float(_affinity())
    for folder in _limits(root):
        quota = parse_cpu_quota(_text(folder / "cpu.max"))
        if quota is None:
            period = _text(folder / "cpu.cfs_period_us")
            quota = parse_cpu_quota(_text(folder / "cpu.cfs_quota_us"), period)
        if quota is not None:
            cores = min(cores, quota)
    return max(1, math.floor(cores + 0.25))


def _affinity() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def _memory(root: Path) -> int:
    total = parse_memory_total(_text(root / "proc/meminfo")) or _memory_of_the_system()
    for folder in _limits(root):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limit = parse_memory_limit(_text(folder / name))
            if limit is not None:
                total = min(total or limit, limit)
    return total


def _memory_of_the_system() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 0


def _limits(root: Path) -> Iterable[Path]:
    base = root / "sys/fs/cgroup"
    folders = cgroup_folders(_text(root / "proc/self/cgroup"))
    # A container may see its own group as the root whatever /proc/self/cgroup says.
    return (base / folder for folder in (*folders, PurePosixPath()))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _gpus() -> tuple[Gpu, ...]:
    command = shutil.which("nvidia-smi")
    if command is None:
        return ()
    try:
        answer = subprocess.run(
            [command, *_GPU_QUERY], capture_output=True, text=True, timeout=_GPU_PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("nvidia-smi gave no answer (%s); no GPU is used", error)
        return ()
    return parse_gpus(answer.stdout)
