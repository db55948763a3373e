"""What a bundle asks for, against what a machine has."""

from dataclasses import replace

import pytest

from gateway.provisioning.bundle.installer.demands import complaints
from gateway.provisioning.bundle.installer.machine import Machine, read_machine
from tests.gateway.provisioning.bundle.making import manifest

MANIFEST = manifest(
    platform="linux-x86_64",
    pythons=("3.11", "3.12"),
    glibc=(2, 28),
    cpu=("avx2", "fma"),
    installed_bytes=600_000_000,
)
MACHINE = Machine(
    platform="linux-x86_64",
    python="3.12",
    implementation="CPython",
    has_venv=True,
    glibc=(2, 28),
    cpu=frozenset(("avx2", "fma", "sse2")),
    missing_libraries=(),
    free_bytes=700_000_000,
)


def test_a_machine_that_just_has_it_all_will_do():
    assert complaints(MANIFEST, MACHINE) == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"platform": "linux-aarch64"}, "is for linux-x86_64, this machine is linux-aarch64"),
        ({"implementation": "PyPy"}, "this Python is PyPy; the bundle needs CPython 3.11 or 3.12"),
        ({"python": "3.13"}, "needs Python 3.11 or 3.12, this is 3.13; name another: PYTHON="),
        ({"has_venv": False}, "install the package python3.12-venv"),
        ({"glibc": None}, "not glibc (musl?); the bundle needs glibc 2.28"),
        ({"glibc": (2, 27)}, "is glibc 2.27, the bundle needs 2.28"),
        ({"cpu": frozenset(("sse2", "fma"))}, "the processor lacks avx2"),
        ({"missing_libraries": ("libgomp.so.1",)}, "install the package libgomp1 (Debian"),
        ({"free_bytes": 600_000_000}, "the disk has 600 MB free, the installation takes 667 MB"),
    ],
)
def test_each_thing_that_is_missing_is_one_line(change, line):
    [found] = complaints(MANIFEST, replace(MACHINE, **change))
    assert line in found
    assert "\n" not in found


def test_the_wrong_platform_is_said_and_not_what_follows_from_it():
    other = replace(MACHINE, platform="darwin-arm64", glibc=None, cpu=None, free_bytes=0)
    assert len(complaints(MANIFEST, other)) == 1


def test_several_things_are_told_at_once():
    poor = replace(MACHINE, glibc=(2, 17), cpu=frozenset(), free_bytes=0)
    assert len(complaints(MANIFEST, poor)) == 3


def test_a_processor_that_tells_nothing_is_given_the_chance():
    assert complaints(MANIFEST, replace(MACHINE, cpu=None)) == []


def test_this_machine_is_read(tmp_path):
    machine = read_machine(tmp_path / "not" / "there", ("libc.so.6", "libnothing.so.99"))
    assert machine.platform.startswith(("linux-", "darwin-"))
    assert machine.has_venv
    assert machine.free_bytes > 0
    assert "libnothing.so.99" in machine.missing_libraries
    if machine.glibc is not None:
        assert machine.glibc >= (2, 17)
        assert machine.missing_libraries == ("libnothing.so.99",)
