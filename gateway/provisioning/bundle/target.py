"""Which machine a bundle is for: platform and Python, in the words of pip and of markers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

from gateway.provisioning.bundle.errors import BundleError

__all__ = ["GLIBC", "PLATFORMS", "Target", "name_platform"]

GLIBC: Final = (2, 28)
"""The oldest C library that bundles are made for: Debian 10, Ubuntu 20.04, RHEL 8 and newer."""

PLATFORMS: Final = {"linux-x86_64": "x86_64", "linux-aarch64": "aarch64"}
"""Name to machine, as ``uname -m`` says it."""

_OLDEST_GLIBC: Final = {"x86_64": 5, "aarch64": 17}
"""Minor version of the oldest manylinux profile (PEP 513, PEP 599)."""
_NAMED: Final = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
"""What profiles were called before PEP 600 numbered them."""
_OLDEST_PYTHON: Final = (3, 11)


@dataclass(frozen=True, slots=True)
class Target:
    """One platform with one version of CPython.

    Attributes:
        platform: One of `PLATFORMS`.
        python: Such as "3.11".

    Raises:
        BundleError: Bundles are not made for it.
    """

    platform: str
    python: str

    def __post_init__(self) -> None:
        if self.platform not in PLATFORMS:
            known = ", ".join(PLATFORMS)
            raise BundleError(f"bundles for {self.platform} are not made; there are: {known}")
        if not re.fullmatch(r"3\.\d{1,2}", self.python) or self.version < _OLDEST_PYTHON:
            raise BundleError(f"--python {self.python} is not a version such as 3.11 or newer")

    @property
    def machine(self) -> str:
        """The processor's architecture."""
        return PLATFORMS[self.platform]

    @property
    def version(self) -> tuple[int, int]:
        """The version of Python."""
        major, minor = self.python.split(".")
        return int(major), int(minor)

    @property
    def platform_tags(self) -> tuple[str, ...]:
        """Platform tags of wheels that run there (PEP 600), the most specific first."""
        tags = []
        for minor in range(GLIBC[1], _OLDEST_GLIBC[self.machine] - 1, -1):
            tags.append(f"manylinux_2_{minor}_{self.machine}")
            if minor in _NAMED:
                tags.append(f"{_NAMED[minor]}_{self.machine}")
        return (*tags, f"linux_{self.machine}")

    @property
    def tags(self) -> frozenset[Tag]:
        """All tags of wheels that run there (PEP 425)."""
        platforms = list(self.platform_tags)
        compiled = cpython_tags(self.version, platforms=platforms)
        interpreter = f"cp{self.version[0]}{self.version[1]}"
        return frozenset((*compiled, *compatible_tags(self.version, interpreter, platforms)))

    @property
    def environment(self) -> dict[str, str]:
        """What markers of requirements are evaluated in (PEP 508)."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
        }

    def runs(self, wheel: str) -> bool:
        """Return whether a wheel of this file name can be installed there."""
        return not self.tags.isdisjoint(parse_wheel_filename(wheel)[3])


def name_platform(system: str, machine: str) -> str:
    """Return the platform's name for what `platform.system` and `platform.machine` say."""
    architecture = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine.lower(), machine.lower())
    return f"{system.lower()}-{architecture}"
