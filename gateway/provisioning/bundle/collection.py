"""Collects the wheels of a bundle: Parley's, and all that it needs, in the pinned versions."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.utils import NormalizedName, canonicalize_name

from gateway.provisioning.bundle import pip
from gateway.provisioning.bundle.closure import close, read_pins
from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.target import Target
from gateway.provisioning.bundle.wheel import Wheel, read_wheel

__all__ = ["COMPILED", "EXTRAS", "Collection"]

COMPILED: Final = canonicalize_name("llama-cpp-python")
"""What is compiled for the platform: PyPI has its sources only."""
EXTRAS: Final = ("uvloop",)
"""Extras of Parley that a server has use for."""

_SOURCES_ONLY: Final = frozenset(map(canonicalize_name, ("docopt", "opuslib", COMPILED)))
"""PyPI has no wheels of these. Others are found out, too, but pip unpacks their sources first."""


class Collection:
    """Gathers wheels in a folder.

    Args:
        folder: Where they go; wheels that lie there already are used.
        lock: The text of requirements.lock.
        given: Wheels of the user's, for what cannot be had otherwise.
        host: The platform and Python that this runs on.
        announce: Is told what is being done.
    """

    def __init__(
        self,
        folder: Path,
        lock: str,
        *,
        given: Iterable[Path],
        host: Target,
        announce: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._lock = lock
        self._given = [read_wheel(path) for path in given]
        self._host = host
        self._announce = announce
        self._known: dict[Path, Wheel] = {}

    def collect(self, application: Wheel, target: Target) -> tuple[Wheel, ...]:
        """Return what an application needs on a target, itself included.

        Raises:
            BundleError: Something has no wheel for the target and cannot be made into one here,
                or is not pinned.
        """
        pins = read_pins(self._lock, target.environment)
        extras = [extra for extra in EXTRAS if extra in application.extras]
        likely = close(application.requires, extras, _installed(pins), target.environment).names
        wheels = self._get({name: pins[name] for name in likely if name in pins}, target)
        while True:
            requirements = {name: wheel.requires for name, wheel in wheels.items()}
            closure = close(application.requires, extras, requirements, target.environment)
            if not closure.unread:
                break
            unpinned = sorted(closure.unread - pins.keys())
            if unpinned:
                raise BundleError(f"requirements.lock does not pin {unpinned[0]}; run: make lock")
            wheels |= self._get({name: pins[name] for name in closure.unread}, target)
        return (application, *(wheels[name] for name in sorted(closure.names)))

    def _get(
        self, wanted: Mapping[NormalizedName, str], target: Target
    ) -> dict[NormalizedName, Wheel]:
        """Get one wheel of each package: one that is there, one from the index, one made here."""
        self._take(self._given, wanted, target)
        found = self._find(wanted, target)
        missing = {name: version for name, version in wanted.items() if name not in found}
        self._refuse_foreign(missing, target)
        ready = {name: one for name, one in missing.items() if name not in _SOURCES_ONLY}
        if ready:
            self._announce(f"fetching {', '.join(sorted(ready))}")
            pip.download(ready, target, self._folder)
            for sources in (*self._folder.glob("*.tar.gz"), *self._folder.glob("*.zip")):
                sources.unlink()
            found |= self._find(ready, target)
        if sourced := {name: one for name, one in missing.items() if name not in found}:
            self._make(sourced, target)
            found |= self._find(sourced, target)
        if failed := sorted(wanted.keys() - found.keys()):
            text = f"{failed[0]} {wanted[failed[0]]} has no wheel for {target.platform} and Python "
            raise BundleError(f"{text}{target.python}; give one with --wheels DIR")
        return found

    def _refuse_foreign(self, wanted: Mapping[NormalizedName, str], target: Target) -> None:
        """Say what cannot be done here before much is fetched for nothing."""
        if COMPILED in wanted and target.platform != self._host.platform:
            raise BundleError(
                f"{COMPILED} must be compiled on the platform that it is for: this is "
                f"{self._host.platform}; run `pip wheel --no-deps {COMPILED}=={wanted[COMPILED]}` "
                f"on {target.platform} with CMAKE_ARGS=-DGGML_NATIVE=OFF, and give the wheel's "
                "folder with --wheels DIR"
            )

    def _make(self, wanted: Mapping[NormalizedName, str], target: Target) -> None:
        if COMPILED in wanted:
            # pip keeps a cache for each version of Python; this wheel serves them all.
            self._take(map(read_wheel, pip.cached(COMPILED)), wanted, target)
            if self._find({COMPILED: wanted[COMPILED]}, target):
                wanted = {name: version for name, version in wanted.items() if name != COMPILED}
        if not wanted:
            return
        hint = " (4 to 8 minutes)" if COMPILED in wanted else ""
        self._announce(f"making wheels of {', '.join(sorted(wanted))}{hint}")
        pip.build(wanted, self._folder)

    def _take(
        self, wheels: Iterable[Wheel], wanted: Mapping[NormalizedName, str], target: Target
    ) -> None:
        for wheel in wheels:
            if wanted.get(wheel.name) == wheel.version and target.runs(wheel.path.name):
                shutil.copy(wheel.path, self._folder)

    def _find(
        self, wanted: Mapping[NormalizedName, str], target: Target
    ) -> dict[NormalizedName, Wheel]:
        found: dict[NormalizedName, Wheel] = {}
        for path in sorted(self._folder.glob("*.whl")):
            wheel = self._known.get(path) or self._known.setdefault(path, read_wheel(path))
            if wanted.get(wheel.name) == wheel.version and target.runs(path.name):
                found[wheel.name] = wheel
        return found


def _installed(pins: Mapping[NormalizedName, str]) -> dict[NormalizedName, list[str]]:
    """Return what the packages that are installed here need: a guess, so that pip runs once."""
    found = {}
    for name, version in pins.items():
        with contextlib.suppress(metadata.PackageNotFoundError):
            distribution = metadata.distribution(name)
            if distribution.version == version:
                found[name] = distribution.requires or []
    return found
