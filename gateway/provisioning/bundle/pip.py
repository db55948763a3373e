"""Runs pip for wheels of other machines, and for those that must be compiled on this one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from packaging.utils import NormalizedName

from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.target import Target

__all__ = ["build", "build_project", "cached", "download"]

_COMMAND: Final = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")

_PORTABLE: Final = {"CMAKE_ARGS": "-DGGML_NATIVE=OFF -DLLAVA_BUILD=OFF"}
"""llama.cpp for every CPU with AVX2, not for this one; without what Parley does not use."""


def download(wanted: Mapping[NormalizedName, str], target: Target, folder: Path) -> None:
    """Fetch a wheel of each package, or its sources if it has none for the target.

    Args:
        wanted: Name to version.
        target: The machine that they are for.
        folder: Where they go.

    Raises:
        BundleError: pip failed; the message has its last complaint.
    """
    major, minor = target.version
    abis = [f"cp{major}{minor}", "abi3", "none"]
    flags = [word for tag in target.platform_tags for word in ("--platform", tag)]
    flags += ["--implementation", "cp", "--python-version", target.python]
    flags += [word for abi in abis for word in ("--abi", abi)]
    _run(["download", "--no-deps", *flags, "--dest", str(folder), *_pinned(wanted)], {})


def build(wanted: Mapping[NormalizedName, str], folder: Path) -> None:
    """Make wheels for this machine from sources, or take those that pip made before.

    Raises:
        BundleError: One cannot be compiled.
    """
    _run(["wheel", "--no-deps", "--wheel-dir", str(folder), *_pinned(wanted)], _PORTABLE)


def cached(name: NormalizedName) -> list[Path]:
    """Return the wheels of a package that pip compiled before, for whichever Python."""
    pattern = name.replace("-", "_")
    command = [*_COMMAND, "cache", "list", "--format=abspath", pattern]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [] if done.returncode else done.stdout.splitlines()
    return [Path(line) for line in lines if line.endswith(".whl") and Path(line).is_file()]


def build_project(source: Path, folder: Path) -> None:
    """Make the wheel of a checkout.

    Raises:
        BundleError: It cannot be built.
    """
    _run(["wheel", "--no-deps", *_isolation(), "--wheel-dir", str(folder), str(source)], {})


def _isolation() -> list[str]:
    """Spare pip an environment of its own where the build backend is at hand."""
    from importlib.util import find_spec

    return ["--no-build-isolation"] if find_spec("hatchling") else []


def _pinned(wanted: Mapping[NormalizedName, str]) -> list[str]:
    return [f"{name}=={version}" for name, version in sorted(wanted.items())]


def _run(arguments: Sequence[str], more: Mapping[str, str]) -> None:
    # With SOURCE_DATE_EPOCH set, ggml's build leaves out AVX2, too.
    kept = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    done = subprocess.run(
        [*_COMMAND, *arguments],
        env={**kept, **more},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise BundleError(f"pip {arguments[0]} failed: {_complaint(done.stdout)}")


def _complaint(output: str) -> str:
    lines = [" ".join(line.split()) for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    if "No module named pip" in output:
        return f"{sys.executable} has no pip; run: {sys.executable} -m ensurepip"
    return (errors or lines or ["it said nothing"])[-1]
