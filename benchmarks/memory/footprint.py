"""How much memory a process holds, as Linux tells it in ``/proc``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.client.errors import ClientError

__all__ = ["Footprint", "footprint", "parse_rollup"]

_FIELD: Final = re.compile(r"^(?P<name>\w+):\s+(?P<kibibytes>\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory of a process, in bytes.

    Attributes:
        resident: All pages that are in memory (RSS), those of files and libraries included.
        anonymous: Those that belong to no file: what the process itself has written. Pages of
            files come and go as they are touched, so that a leak shows better here.
    """

    resident: int
    anonymous: int


def footprint(pid: int) -> Footprint:
    """Read a process's ``smaps_rollup`` (Linux 4.14; proc(5)).

    Raises:
        ClientError: There is no such process, or no such file on this system.
    """
    path = Path(f"/proc/{pid}/smaps_rollup")
    try:
        return parse_rollup(path.read_text(encoding="ascii"))
    except OSError as error:
        raise ClientError(
            f"cannot read {path} ({error.strerror}); memory is measured on Linux only, "
            "and of processes that are still there"
        ) from error


def parse_rollup(text: str) -> Footprint:
    """The two sums of a ``smaps_rollup``.

    Raises:
        ClientError: It does not hold them.
    """
    kibibytes = {match["name"]: int(match["kibibytes"]) for match in _FIELD.finditer(text)}
    try:
        return Footprint(kibibytes["Rss"] * 1024, kibibytes["Anonymous"] * 1024)
    except KeyError as error:
        raise ClientError(f"smaps_rollup has no field {error}; expected Linux's") from None
