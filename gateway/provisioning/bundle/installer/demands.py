"""Compares what a bundle asks for with what a machine has; decides only, reads nothing."""

from __future__ import annotations

from typing import Final

from gateway.provisioning.bundle.installer.machine import Machine
from gateway.provisioning.bundle.manifest import Manifest

__all__ = ["complaints"]

_SPARE_BYTES: Final = 64 << 20
"""On top of what is installed: logs, compiled modules of other Pythons, rounding up to blocks."""

_PACKAGES: Final = {
    "libgomp.so.1": "libgomp1 (Debian, Ubuntu) or libgomp (Fedora, RHEL)",
    "libstdc++.so.6": "libstdc++6 (Debian, Ubuntu) or libstdc++ (Fedora, RHEL)",
}


def complaints(manifest: Manifest, machine: Machine) -> list[str]:
    """Return why the bundle cannot be installed, one line each; empty if it can."""
    found = [*_platform(manifest, machine), *_python(manifest, machine)]
    if found:
        return found  # the rest would only repeat that this is the wrong bundle
    return [
        *_glibc(manifest, machine),
        *_processor(manifest, machine),
        *_libraries(machine),
        *_disk(manifest, machine),
    ]


def _platform(manifest: Manifest, machine: Machine) -> list[str]:
    if machine.platform == manifest.platform:
        return []
    return [f"the bundle is for {manifest.platform}, this machine is {machine.platform}"]


def _python(manifest: Manifest, machine: Machine) -> list[str]:
    wanted = " or ".join(manifest.pythons)
    if machine.implementation != "CPython":
        return [f"this Python is {machine.implementation}; the bundle needs CPython {wanted}"]
    if machine.python not in manifest.pythons:
        return [
            f"the bundle needs Python {wanted}, this is {machine.python}; "
            f"name another: PYTHON=/path/to/python{manifest.pythons[0]} ./install.sh"
        ]
    if not machine.has_venv:
        return [
            "this Python cannot make virtual environments; install the package "
            f"python{machine.python}-venv (Debian, Ubuntu)"
        ]
    return []


def _glibc(manifest: Manifest, machine: Machine) -> list[str]:
    wanted = ".".join(map(str, manifest.glibc))
    if machine.glibc is None:
        return [f"the C library is not glibc (musl?); the bundle needs glibc {wanted}"]
    if machine.glibc < manifest.glibc:
        has = ".".join(map(str, machine.glibc))
        return [
            f"the C library is glibc {has}, the bundle needs {wanted}; make one on a system as "
            "old as this, or give `parley bundle create` --wheels that were compiled on one"
        ]
    return []


def _processor(manifest: Manifest, machine: Machine) -> list[str]:
    if machine.cpu is None:
        return []
    missing = sorted(set(manifest.cpu) - machine.cpu)
    if not missing:
        return []
    return [f"the processor lacks {', '.join(missing)}, which the language model's engine needs"]


def _libraries(machine: Machine) -> list[str]:
    return [
        f"{name} is missing; install the package {_PACKAGES.get(name, 'that brings it')}"
        for name in machine.missing_libraries
    ]


def _disk(manifest: Manifest, machine: Machine) -> list[str]:
    needed = manifest.installed_bytes + _SPARE_BYTES
    if machine.free_bytes >= needed:
        return []
    free = machine.free_bytes / 1e6
    return [f"the disk has {free:.0f} MB free, the installation takes {needed / 1e6:.0f} MB"]
