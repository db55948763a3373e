"""Makes a bundle: wheels, models, bill of materials and installer, all in one archive."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

from gateway.provisioning.bundle import application, archive
from gateway.provisioning.bundle.archive import Member
from gateway.provisioning.bundle.collection import COMPILED, Collection
from gateway.provisioning.bundle.documents import install_script, readme, requirements
from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.manifest import Manifest, serialize
from gateway.provisioning.bundle.portability import instruction_sets
from gateway.provisioning.bundle.progress import Steps
from gateway.provisioning.bundle.sbom import NAME, bill
from gateway.provisioning.bundle.selection import Selection
from gateway.provisioning.bundle.target import GLIBC, Target, name_platform
from gateway.provisioning.bundle.wheel import Wheel, glibc_of, libraries_of, read_wheel
from gateway.version import VERSION

__all__ = ["Collect", "Order", "create", "created_now", "describe", "host", "members"]

_WHEELS_BYTES: Final = 300_000_000
"""Room for the wheels of one Python (190 MB in November 2026) and what pip unpacks beside them."""
_PORTABLE_CPU: Final = {"x86_64": ("avx", "avx2", "bmi2", "f16c", "fma"), "aarch64": ("asimd",)}
"""What portable builds of llama.cpp use, for wheels that cannot be loaded here."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for.

    Attributes:
        targets: The same platform, with one version of Python each.
        profile: Of the models file.
        models: What was selected for it, and more.
        given: Wheels of the user's.
        output: The archive; compressed unless its name ends in ``.tar``.
    """

    targets: tuple[Target, ...]
    profile: str
    models: tuple[Selection, ...]
    given: tuple[Path, ...]
    output: Path


Collect: TypeAlias = Callable[[Order, Path, Steps], dict[Target, tuple[Wheel, ...]]]


def host() -> Target:
    """Return the platform and Python that this runs on.

    Raises:
        BundleError: Bundles are not made for it.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Target(name_platform(platform.system(), platform.machine()), version)


def created_now() -> str:
    """Return the time that a bundle is made, or ``SOURCE_DATE_EPOCH``; RFC 3339, UTC."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdigit() else datetime.now(UTC)
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def create(order: Order, steps: Steps, collect: Collect | None = None) -> Path:
    """Make a bundle and return it; whatever goes wrong, nothing half-made is left.

    Args:
        order: What is asked for.
        steps: Is told what is being done.
        collect: Gathers the wheels in a folder; None: from pip.

    Raises:
        BundleError: It cannot be made; the message says what to do.
    """
    output = order.output
    if not output.parent.is_dir():
        raise BundleError(f"{output.parent} is no folder; name another with -o")
    models = sum(path.stat().st_size for one in order.models for path in one.sources.values())
    _check_room(output.parent, 2 * _WHEELS_BYTES * len(order.targets) + models)
    try:
        with tempfile.TemporaryDirectory(prefix=".parley-bundle-", dir=output.parent) as folder:
            wheels = (collect or _collect)(order, Path(folder), steps)
            manifest = describe(order, wheels)
            parts = members(order, manifest, wheels)
            _write(order, parts, Path(folder) / "archive", steps)
    except OSError as error:
        raise BundleError(f"{output} cannot be written: {error.strerror or error}") from error
    return output


def _collect(order: Order, folder: Path, steps: Steps) -> dict[Target, tuple[Wheel, ...]]:
    lock = application.lock_file().read_text(encoding="utf-8")
    own = folder / "own"
    own.mkdir()
    with steps.step("building Parley's own wheel"):
        wheel = read_wheel(application.build_wheel(own))
    wheels = {}
    for target in order.targets:
        with steps.step(f"collecting wheels for {target.platform}, Python {target.python}") as now:
            gathered = folder / "wheels"
            gathered.mkdir(exist_ok=True)
            collection = Collection(gathered, lock, given=order.given, host=host(), announce=now)
            wheels[target] = collection.collect(wheel, target)
    return wheels


def describe(order: Order, wheels: dict[Target, tuple[Wheel, ...]]) -> Manifest:
    """Return the manifest.

    Raises:
        BundleError: A wheel was compiled for this very processor.
    """
    every = _unique(wheels)
    models = sum(path.stat().st_size for one in order.models for path in one.sources.values())
    unpacked = max(sum(one.unpacked_bytes for one in some) for some in wheels.values())
    return Manifest(
        parley=VERSION,
        created=created_now(),
        platform=order.targets[0].platform,
        platform_tags=tuple(sorted({tag for one in every for tag in one.platforms} - {"any"})),
        pythons=tuple(target.python for target in order.targets),
        glibc=max(GLIBC if not all(one.is_pure for one in every) else (2, 0),
                  *(glibc_of(one) for one in every)),
        cpu=_cpu(order.targets[0], every),
        libraries=tuple(sorted({name for one in every for name in libraries_of(one)})),
        installed_bytes=unpacked + models,
        profile=order.profile,
        models=tuple(one.model for one in order.models),
    )  # fmt: skip


def members(
    order: Order, manifest: Manifest, wheels: dict[Target, tuple[Wheel, ...]]
) -> list[Member]:
    """Return all files of the archive but SHA256SUMS."""
    every = _unique(wheels)
    installer = Path(__file__).with_name("install.py")
    parts = [
        Member("README.md", readme(manifest, NAME).encode()),
        Member("install.py", installer),
        Member("install.sh", install_script(manifest.pythons).encode(), executable=True),
        Member("manifest.json", serialize(manifest).encode()),
        Member(NAME, bill(manifest, every).encode()),
    ]
    parts += [Member(f"wheels/{one.path.name}", one.path) for one in every]
    for target, some in wheels.items():
        parts.append(Member(f"requirements/{target.python}.txt", requirements(some).encode()))
    for one in order.models:
        folder = f"models/{one.model.id}"
        parts += [Member(f"{folder}/{name}", path) for name, path in one.sources.items()]
    return parts


def _write(order: Order, parts: Sequence[Member], aside: Path, steps: Steps) -> None:
    """Write the archive aside, and give it its name when it is whole."""
    output, total = order.output, sum(member.bytes for member in parts)
    _check_room(output.parent, total)
    compress = not output.name.endswith(".tar")
    with steps.bar("writing the archive", total) as report, aside.open("wb") as file:
        archive.write(file, _folder_name(output), parts, compress=compress, report=report)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(output)


def _folder_name(output: Path) -> str:
    """Return what the archive unpacks into: its own name, without the endings."""
    name = output.name
    for ending in (".tgz", ".tar.gz", ".tar"):
        name = name.removesuffix(ending)
    return name


def _cpu(target: Target, wheels: Sequence[Wheel]) -> tuple[str, ...]:
    compiled = [one for one in wheels if one.name == COMPILED]
    if not compiled:
        return ()
    if target.platform != host().platform:
        return _PORTABLE_CPU[target.machine]
    return instruction_sets(compiled[0].path)


def _unique(wheels: dict[Target, tuple[Wheel, ...]]) -> list[Wheel]:
    named = {one.path.name: one for some in wheels.values() for one in some}
    return [named[name] for name in sorted(named)]


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BundleError(
            f"{folder} has {free / 1e6:.0f} MB free, the bundle takes {needed / 1e6:.0f} MB "
            "while it is made; name another disk with -o"
        )
