"""What a pull reports while it runs; `progress` shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "Advanced",
    "Failed",
    "Finished",
    "Installed",
    "Note",
    "Planned",
    "PullEvent",
    "Restarted",
    "Retrying",
    "Started",
    "Waiting",
]


@dataclass(frozen=True, slots=True)
class Planned:
    """What has to be done.

    Attributes:
        files: That have to be fetched.
        bytes: Of these that are not on the disk yet, as far as sizes are known.
        present: Files that the store has already.
    """

    files: int
    bytes: int
    present: int


@dataclass(frozen=True, slots=True)
class Started:
    """A file's transfer began, or goes on after an interruption.

    Attributes:
        file: ``<model>/<name>``, as in all of these.
        have: Bytes that are on the disk.
        size: Of the file, if it is known.
    """

    file: str
    have: int
    size: int | None


@dataclass(frozen=True, slots=True)
class Advanced:
    """Bytes of a file came."""

    file: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Restarted:
    """A file begins again from its first byte; `lost` bytes were in vain."""

    file: str
    reason: str
    lost: int


@dataclass(frozen=True, slots=True)
class Retrying:
    """A transfer broke and goes on after a pause."""

    file: str
    reason: str
    wait_s: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """Another process is fetching the file: its result will be used."""

    file: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A file is in the store.

    Attributes:
        file: Which.
        bytes: Its size.
        shared: Whether another process fetched it.
    """

    file: str
    bytes: int
    shared: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """A file could not be had; `message` is the whole line."""

    file: str
    message: str


@dataclass(frozen=True, slots=True)
class Installed:
    """All files of a model are in its folder."""

    model: str
    path: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the user should know."""

    message: str


PullEvent: TypeAlias = (
    Planned
    | Started
    | Advanced
    | Restarted
    | Retrying
    | Waiting
    | Finished
    | Failed
    | Installed
    | Note
)
