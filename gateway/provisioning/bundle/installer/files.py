"""Writes the small files around a release: configuration, command, service."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.installer.layout import Layout
from gateway.provisioning.bundle.installer.service import unit

__all__ = ["configuration", "launcher", "remove_link", "write_command", "write_configuration",
           "write_unit"]  # fmt: skip

_CONFIGURATION: Final = """\
# Parley's settings; the service and {launcher} read this file.
# `parley config` shows all that are in effect, `parley config --table` what each one means.
# Written once by the installer, which never changes it again.

[models]
profile = "{profile}"

# To be reached from other machines, Parley wants a key and TLS:
#
# [server]
# host = "0.0.0.0"
#
# [security]
# tls_certificate = "/etc/parley/certificate.pem"
# tls_key = "/etc/parley/key.pem"
#
# The key is best kept out of this file: PARLEY_KEY=... in the service's environment{environment}.
"""

_LAUNCHER: Final = """\
#!/bin/sh
# Written by Parley's installer: the command, with this installation's models and settings.
: "${{PARLEY_MODELS:={models}}}" "${{PARLEY_CONFIG:={config}}}"
export PARLEY_MODELS PARLEY_CONFIG
exec {python} -m gateway "$@"
"""


def configuration(layout: Layout, profile: str) -> str:
    """Return the first configuration file."""
    environment = " (/etc/parley/environment)" if layout.for_all else ""
    return _CONFIGURATION.format(launcher=layout.launcher, profile=profile, environment=environment)


def launcher(layout: Layout) -> str:
    """Return the text of the command."""
    return _LAUNCHER.format(
        models=_inside_braces(layout.models),
        config=_inside_braces(layout.config),
        python=shlex.quote(str(layout.current / "venv/bin/python")),
    )


def write_configuration(layout: Layout, profile: str) -> bool:
    """Write a configuration file where there is none; return whether there was none.

    Raises:
        BundleError: It cannot be written.
    """
    if layout.config.exists():
        return False
    try:
        layout.config.parent.mkdir(parents=True, exist_ok=True)
        with layout.config.open("x", encoding="utf-8") as file:
            file.write(configuration(layout, profile))
    except OSError as error:
        raise _unwritable(layout.config, error) from error
    return True


def write_command(layout: Layout) -> Path:
    """Write the command, link to it where users look for one, and return where to call it.

    Raises:
        BundleError: It cannot be written.
    """
    _write(layout.launcher, launcher(layout), mode=0o755)
    link = layout.command
    if link is None:
        return layout.launcher
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_symlink() and link.readlink() == layout.launcher:
            return link
        link.symlink_to(layout.launcher)
    except OSError:  # somebody else's, or not to be written to: the command has its own place
        return layout.launcher
    return link


def remove_link(layout: Layout) -> None:
    """Take away the link to the command, if it is ours."""
    link = layout.command
    if link is not None and link.is_symlink() and link.readlink() == layout.launcher:
        link.unlink()


def write_unit(layout: Layout) -> bool:
    """Write the service's unit; return whether it is another one than before.

    Raises:
        BundleError: It cannot be written.
    """
    text = unit(layout)
    try:
        if layout.unit.read_text(encoding="utf-8") == text:
            return False
    except OSError:
        pass
    _write(layout.unit, text, mode=0o644)
    return True


def _write(path: Path, text: str, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.chmod(mode)
        temporary.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> BundleError:
    return BundleError(f"{path} cannot be written: {error.strerror or error}")


def _inside_braces(path: Path) -> str:
    """Quote for the default of a parameter inside double quotes (POSIX shell)."""
    return "".join(f"\\{letter}" if letter in '\\"$`}' else letter for letter in str(path))
