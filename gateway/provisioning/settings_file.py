"""Sets settings in a configuration file and leaves the rest of it, comments included, as it was."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from gateway.errors import ConfigError

__all__ = ["changed_text", "write_settings"]


def changed_text(text: str, values: Mapping[str, str | None]) -> str:
    """Return a configuration file with other values.

    Args:
        text: TOML.
        values: ``section.key`` to a string; None takes the key away.

    Raises:
        ConfigError: If the text is not TOML, or has something else where a section should be.
    """
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise ConfigError(f"is not valid TOML: {error}") from error
    for name, value in values.items():
        section, _, key = name.partition(".")
        table = document.get(section)
        if table is None:
            if value is None:
                continue
            table = document.setdefault(section, tomlkit.table())
        if not isinstance(table, dict):
            raise ConfigError(f"{section} is not a section; write [{section}]")
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value
    return tomlkit.dumps(document)


def write_settings(path: Path, values: Mapping[str, str | None]) -> None:
    """Change a configuration file at once: nobody ever reads half of it.

    The file is made if there is none; one that a link leads to is changed where it lies, and keeps
    its permissions.

    Raises:
        ConfigError: If it cannot be read or written, or is not a configuration file.
    """
    path = path.resolve()
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        _replace(path, changed_text(text, values))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        message = f"{path} cannot be changed: {error.strerror}; name another file with --config"
        raise ConfigError(message) from error


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode if path.exists() else None
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    fresh = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.chmod(0o644 if mode is None else mode & 0o7777)
        fresh.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
