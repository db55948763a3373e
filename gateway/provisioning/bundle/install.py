"""Stands in every bundle: checks the unpacked files, then starts the installer in the wheel.

Standard library only, since nothing else is there yet; nothing of the bundle is imported, and
nothing is written, before every file was found to be what SHA256SUMS says.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

__all__ = ["SUMS", "DamagedBundle", "check_folder", "compare", "is_inside", "main", "read_sums"]

SUMS = "SHA256SUMS"
"""Names every other file of a bundle with its hash, as sha256sum writes it."""

_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_CHUNK = 1 << 20
_USER_ERROR = 2
_INTERRUPTED = 130
_OLDEST_PYTHON = (3, 11)


class DamagedBundle(Exception):
    """Files are missing, changed or too many; the message is one line."""


def read_sums(text: str) -> dict[str, str]:
    """Return name to hash of what SHA256SUMS says.

    Raises:
        DamagedBundle: It is malformed, or names what lies outside.
    """
    sums: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        matched = _LINE.fullmatch(line)
        if matched is None:
            raise DamagedBundle(f"line {number} of {SUMS} is not a hash and a name; get it again")
        digest, name = matched.groups()
        if not is_inside(name) or name == SUMS:
            raise DamagedBundle(f"{SUMS} names {name!r}, which leaves the bundle; do not use it")
        if name in sums:
            raise DamagedBundle(f"{SUMS} names {name!r} twice; get the bundle again")
        sums[name] = digest
    return sums


def is_inside(name: str) -> bool:
    """Return whether a name stays below the folder that it is relative to."""
    parts = PurePosixPath(name).parts
    plain = name == "/".join(parts) and "\\" not in name and name.isprintable()
    return bool(parts) and plain and not name.startswith("/") and ".." not in parts


def compare(sums: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Compare what was found with what SHA256SUMS says.

    Raises:
        DamagedBundle: For the first difference.
    """
    if missing := sorted(sums.keys() - found.keys()):
        raise DamagedBundle(f"{missing[0]} is missing{_more(missing)}; get the bundle again")
    if extra := sorted(found.keys() - sums.keys()):
        text = f"{extra[0]} does not belong to the bundle{_more(extra)}"
        raise DamagedBundle(f"{text}; unpack the archive into an empty folder")
    if changed := sorted(name for name, digest in sums.items() if found[name] != digest):
        text = f"{changed[0]} was changed or damaged{_more(changed)}"
        raise DamagedBundle(f"{text}; get the bundle again")


def check_folder(folder: Path, report: Callable[[int], None] = lambda done: None) -> dict[str, str]:
    """Check an unpacked bundle; return name to hash.

    Args:
        folder: Where SHA256SUMS lies.
        report: Is told how many bytes were read since the last time.

    Raises:
        DamagedBundle: It is not exactly what SHA256SUMS says.
    """
    try:
        sums = read_sums((folder / SUMS).read_text(encoding="utf-8"))
        paths = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
        del paths[SUMS]
        compare(dict.fromkeys(sums, ""), dict.fromkeys(paths, ""))
        compare(sums, {name: digest(path, report) for name, path in paths.items()})
    except FileNotFoundError as error:
        raise DamagedBundle(f"{error.filename} is missing; get the bundle again") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedBundle(f"the bundle cannot be read: {error}") from error
    return sums


def digest(path: Path, report: Callable[[int], None] = lambda done: None) -> str:
    """Return a file's SHA-256 in hex."""
    hashed = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            hashed.update(chunk)
            report(len(chunk))
    return hashed.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            name = path.relative_to(folder)
            raise DamagedBundle(f"{name} is a link or no plain file; get the bundle again")
        if path.is_dir():
            yield from (path / inner.relative_to(path) for inner in _files(path))
        else:
            yield path


def _more(names: Iterable[str]) -> str:
    others = len(list(names)) - 1
    return f" (and {others} more)" if others else ""


def main(arguments: list[str] | None = None) -> int:
    """Check the bundle around this file, then run its installer."""
    arguments = sys.argv[1:] if arguments is None else arguments
    bundle = Path(__file__).resolve().parent
    if sys.version_info < _OLDEST_PYTHON:
        return _complain(f"Python {sys.version.split()[0]} is too old; Parley needs 3.11 or newer")
    asks = "-h" in arguments or "--help" in arguments
    if not asks:
        sys.stdout.write("checking the bundle's files ...\n")
        sys.stdout.flush()
    try:
        sums = check_folder(bundle, _Share(bundle) if sys.stdout.isatty() else lambda done: None)
        wheels = [name for name in sums if name.startswith("wheels/parley-")]
        if len(wheels) != 1:
            raise DamagedBundle("the bundle has no wheel of Parley; get it again")
    except DamagedBundle as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        return _INTERRUPTED
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(bundle / wheels[0]))
    from gateway.provisioning.bundle.installer.command import main as install

    return install(bundle, arguments)


class _Share:
    """Shows how much of a folder was read."""

    def __init__(self, folder: Path) -> None:
        self._total = sum(path.lstat().st_size for path in folder.rglob("*")) or 1
        self._done = 0

    def __call__(self, done: int) -> None:
        self._done += done
        sys.stdout.write(f"\r  {100 * self._done // self._total} %\r")
        sys.stdout.flush()


def _complain(message: str) -> int:
    sys.stderr.write(f"install: {message}\n")
    return _USER_ERROR


if __name__ == "__main__":
    sys.exit(main())
