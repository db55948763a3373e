"""What a machine says of itself, as texts."""

import os
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from gateway.provisioning import hardware
from gateway.provisioning.hardware import (
    Hardware,
    cgroup_folders,
    parse_cpu_quota,
    parse_gpus,
    parse_memory_limit,
    parse_memory_total,
    parse_processor,
    read_cores,
    read_hardware,
)
from pipeline.devices import Gpu

X86 = """\
processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz
flags\t\t: fpu sse4_2 avx f16c fma avx2 avx512f avx512_vnni amx_int8

processor\t: 1
model name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz
flags\t\t: fpu sse4_2 avx f16c fma avx2 avx512f avx512_vnni amx_int8
"""
RASPBERRY = """\
processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm aes crc32 cpuid asimdrdm asimddp
CPU implementer\t: 0x41

processor\t: 1
Features\t: fp asimd evtstrm aes crc32 cpuid asimdrdm asimddp

Revision\t: c04170
Model\t\t: Raspberry Pi 5 Model B Rev 1.0
"""


def test_an_x86_processor_is_read():
    found = parse_processor(X86)
    assert found.name.startswith("Intel(R) Xeon(R)")
    assert {"avx2", "amx_int8"} <= found.flags
    assert found.count == 2


def test_an_arm_processor_is_read():
    found = parse_processor(RASPBERRY)
    assert found.name == "Raspberry Pi 5 Model B Rev 1.0"
    assert "asimddp" in found.flags
    assert found.count == 2


@pytest.mark.parametrize("text", ["", "\n\n", "processor", ":::", "\x00\xff: \x01"])
def test_a_processor_that_says_nothing_is_nameless(text):
    found = parse_processor(text)
    assert (found.flags, found.count) == (frozenset(), 0)


@pytest.mark.parametrize(
    ("text", "period", "cores"),
    [
        ("max 100000\n", "", None),
        ("150000 100000\n", "", 1.5),
        ("-1\n", "100000\n", None),
        ("200000\n", "100000\n", 2.0),
        ("", "", None),
        ("0 100000", "", None),
        ("100000 0", "", None),
        ("nonsense 1", "", None),
    ],
)
def test_a_quota_of_either_version_is_read(text, period, cores):
    assert parse_cpu_quota(text, period) == cores


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("max\n", None),
        ("2147483648\n", 2147483648),
        ("9223372036854771712\n", None),
        ("", None),
    ],
)
def test_a_memory_limit_of_either_version_is_read(text, limit):
    assert parse_memory_limit(text) == limit


def test_the_total_memory_is_read():
    assert parse_memory_total("MemTotal:       16384 kB\nMemFree: 1 kB\n") == 16384 * 1024
    assert parse_memory_total("nothing") == 0


def test_limits_are_looked_for_from_the_own_group_up():
    folders = cgroup_folders("0::/user.slice/parley.service\n")
    assert folders == (
        PurePosixPath("user.slice/parley.service"),
        PurePosixPath("user.slice"),
        PurePosixPath(),
    )
    old = cgroup_folders("4:memory:/box\n3:cpu,cpuacct:/\n2:pids:/x\n1:name=systemd:/\n")
    assert old == (
        PurePosixPath("memory/box"),
        PurePosixPath("memory"),
        PurePosixPath("cpu,cpuacct"),
    )


def test_graphics_processors_are_read():
    text = (
        "NVIDIA GeForce RTX 3060 Ti, 8192, 8.6, 535.183.01\n"
        "NVIDIA H100 80GB HBM3, 81559, 9.0, 550.54\n"
        "Odd, name, 4096, [N/A], 390.1\n"
    )
    assert parse_gpus(text) == (
        Gpu("NVIDIA GeForce RTX 3060 Ti", 8192 << 20, (8, 6), "535.183.01"),
        Gpu("NVIDIA H100 80GB HBM3", 81559 << 20, (9, 0), "550.54"),
        Gpu("Odd, name", 4096 << 20, None, "390.1"),
    )


@pytest.mark.parametrize("text", ["", "No devices were found\n", "a, [N/A], 8.6, 1\n", ",,,\n"])
def test_no_graphics_processor_is_none(text):
    assert parse_gpus(text) == ()


# -- readers --------------------------------------------------------------------------------------


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def sixteen_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)


def test_a_container_s_limits_count(tmp_path, monkeypatch, sixteen_cores):
    monkeypatch.setattr(hardware.shutil, "which", lambda _: None)
    root = machine(
        tmp_path,
        {
            "proc/cpuinfo": X86,
            "proc/meminfo": "MemTotal: 33554432 kB\n",
            "proc/self/cgroup": "0::/box\n",
            "sys/fs/cgroup/box/cpu.max": "max 100000\n",
            "sys/fs/cgroup/box/memory.max": "2147483648\n",
            "sys/fs/cgroup/cpu.max": "400000 100000\n",
            "sys/fs/cgroup/memory.max": "max\n",
        },
    )
    found = read_hardware(root)
    assert found.cores == 4
    assert found.memory_bytes == 2147483648
    assert found.gpus == ()
    lines = "\n".join(found.describe())
    assert "AVX-512 VNNI" in lines
    assert "2.1 GB" in lines


def test_the_old_control_groups_count_too(tmp_path, sixteen_cores):
    root = machine(
        tmp_path,
        {
            "proc/self/cgroup": "3:cpu:/box\n",
            "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "150000\n",
            "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000\n",
        },
    )
    assert read_cores(root) == 1


def test_half_a_core_is_one(tmp_path, sixteen_cores):
    assert read_cores(machine(tmp_path, {"sys/fs/cgroup/cpu.max": "50000 100000"})) == 1


def test_without_limits_the_affinity_counts(tmp_path, sixteen_cores):
    assert read_cores(tmp_path) == 16


def test_a_driver_that_hangs_is_no_gpu(tmp_path, monkeypatch):
    def hang(command, **_):
        raise subprocess.TimeoutExpired(command, 10)

    monkeypatch.setattr(hardware.shutil, "which", lambda _: "/bin/nvidia-smi")
    monkeypatch.setattr(hardware.subprocess, "run", hang)
    assert read_hardware(tmp_path).gpus == ()


def test_this_machine_can_be_read():
    found = read_hardware()
    assert 1 <= found.cores <= found.installed_cores
    assert all(line for line in found.describe())


def test_an_old_processor_is_noticed():
    old = Hardware("Core 2", "x86_64", 2, 2, frozenset({"sse4_1"}))
    assert old.lacks_avx2
    assert not Hardware("Core i5", "x86_64", 2, 2, frozenset({"avx2"})).lacks_avx2
    assert not Hardware("unknown", "x86_64", 2, 2).lacks_avx2
    assert not Hardware("Cortex", "aarch64", 2, 2, frozenset({"asimd"})).lacks_avx2


def test_the_gpu_that_counts_is_the_one_with_the_most_memory():
    small, large = Gpu("small", 1), Gpu("large", 2)
    assert Hardware("x", "x86_64", 1, 1, gpus=(small, large)).gpu is large
    assert Hardware("x", "x86_64", 1, 1).gpu is None
