"""Where everything of an installation lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Layout", "lay_out"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of an installation.

    Attributes:
        prefix: The folder of it all.
        config: The configuration file.
        unit: The file of the systemd service.
        command: Where a link to the command is made; None: nowhere.
        for_all: Whether it is the system's, not one user's.
    """

    prefix: Path
    config: Path
    unit: Path
    command: Path | None
    for_all: bool

    @property
    def releases(self) -> Path:
        """One folder per installed release."""
        return self.prefix / "releases"

    @property
    def current(self) -> Path:
        """Link to the release in use."""
        return self.prefix / "current"

    @property
    def previous(self) -> Path:
        """Link to the release that was in use before."""
        return self.prefix / "previous"

    @property
    def models(self) -> Path:
        """The store of models, which all releases share."""
        return self.prefix / "models"

    @property
    def launcher(self) -> Path:
        """The command; it knows where models and configuration lie."""
        return self.prefix / "bin" / "parley"


def lay_out(
    prefix: Path | None, *, for_all: bool, home: Path, environment: Mapping[str, str]
) -> Layout:
    """Return where an installation lies.

    Args:
        prefix: Absolute; a folder that holds it all, the configuration too. None: the usual
            places of the system, or of the user (XDG base directories).
        for_all: For the system or for one user.
        home: The user's.
        environment: Of the process; read for ``XDG_*``.
    """
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local/share")
    settings = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    units = Path("/etc/systemd/system") if for_all else settings / "systemd/user"
    unit = units / "parley.service"
    if prefix is not None:
        return Layout(prefix, prefix / "etc/parley.toml", unit, None, for_all)
    if for_all:
        usual = Path("/usr/local/bin/parley")
        return Layout(Path("/opt/parley"), Path("/etc/parley/parley.toml"), unit, usual, for_all)
    command = home / ".local/bin/parley"
    return Layout(data / "parley", settings / "parley/parley.toml", unit, command, for_all)
