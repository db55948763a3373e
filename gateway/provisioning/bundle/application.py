"""Parley's own wheel and its pinned versions, from a checkout or from an installation."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Final

from gateway.provisioning.bundle import pip
from gateway.provisioning.bundle.errors import BundleError
from gateway.version import VERSION

__all__ = ["build_wheel", "lock_file", "repack"]

_ROOT: Final = Path(__file__).parents[3]
_LOCK: Final = "requirements.lock"
_MADE_BY_PIP: Final = frozenset(("RECORD", "INSTALLER", "REQUESTED", "direct_url.json"))
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def lock_file() -> Path:
    """Return the file that pins the versions: the checkout's, or the one in the wheel.

    Raises:
        BundleError: There is none.
    """
    for path in (_ROOT / _LOCK, Path(__file__).parent / _LOCK):
        if path.is_file():
            return path
    raise BundleError(f"{_LOCK} is missing; bundles are made by a checkout or a wheel of Parley")


def build_wheel(folder: Path) -> Path:
    """Make the wheel of the Parley that is running, and return it.

    Raises:
        BundleError: It cannot be built.
    """
    if (_ROOT / "pyproject.toml").is_file():
        pip.build_project(_ROOT, folder)
        return next(folder.glob("parley-*.whl"))
    try:
        return repack(metadata.distribution("parley"), folder)
    except metadata.PackageNotFoundError as error:
        message = f"{_ROOT} is neither a checkout nor an installation of Parley"
        raise BundleError(message) from error


def repack(distribution: metadata.Distribution, folder: Path) -> Path:
    """Make a pure wheel of an installed distribution, from the files that RECORD lists.

    Raises:
        BundleError: It was installed without its files (editable), or one of them is gone.
    """
    contents: dict[str, bytes] = {}
    for file in distribution.files or ():
        outside = ".." in file.parts or file.suffix == ".pyc" or "__pycache__" in file.parts
        info = file.parent.name.endswith(".dist-info")
        if outside or (info and file.name in _MADE_BY_PIP):
            continue
        try:
            contents[file.as_posix()] = Path(str(file.locate())).read_bytes()
        except OSError as error:
            raise BundleError(f"the installation of Parley lacks {file}; repair it") from error
    record = f"parley-{VERSION}.dist-info/RECORD"
    if not any(name.startswith("gateway/") for name in contents):
        raise BundleError("Parley is installed as editable; make the bundle in its checkout")
    wheel = folder / f"parley-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(contents):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), contents[name], zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo(record, _EPOCH), _record(contents, record))
    return wheel


def _record(contents: dict[str, bytes], record: str) -> str:
    """Return the list of a wheel's files with their hashes."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for name in sorted(contents):
        digest = hashlib.sha256(contents[name]).digest()
        encoded = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        rows.writerow((name, f"sha256={encoded}", len(contents[name])))
    rows.writerow((record, "", ""))
    return text.getvalue()
