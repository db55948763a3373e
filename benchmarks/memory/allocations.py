"""Which lines of code hold the memory: two snapshots of tracemalloc, compared."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath
from typing import Final

__all__ = ["Site", "growth", "sites"]

_OURS: Final = ("gateway", "pipeline", "protocol")
_TOP: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Site:
    """A line that allocated, and what is left of it.

    Attributes:
        where: File and line of the allocation.
        through: The innermost line of Parley's own that led there; "" if it is the same.
        size: Bytes more in the later snapshot.
        blocks: Allocations more.
    """

    where: str
    through: str
    size: int
    blocks: int


def growth(before: tracemalloc.Snapshot, after: tracemalloc.Snapshot) -> tuple[Site, ...]:
    """What the later snapshot has more, site by site; the largest come first."""
    found: dict[tuple[str, str], list[int]] = {}
    for snapshot, sign in ((before, -1), (after, 1)):
        for site in sites(snapshot.traces):
            sums = found.setdefault((site.where, site.through), [0, 0])
            sums[0] += sign * site.size
            sums[1] += sign * site.blocks
    grown = (Site(*places, *sums) for places, sums in found.items() if any(sums))
    return tuple(sorted(grown, key=lambda each: -each.size))


def sites(traces: Iterable[tracemalloc.Trace]) -> Iterable[Site]:
    """Each allocation of a snapshot as a site of one block."""
    for trace in traces:
        frames = list(reversed(trace.traceback))  # the innermost first
        where = _shown(frames[0])
        ours = next((_shown(frame) for frame in frames if _is_ours(frame)), "")
        yield Site(where, "" if ours == where else ours, trace.size, 1)


def _is_ours(frame: tracemalloc.Frame) -> bool:
    return _place(frame.filename)[1]


def _shown(frame: tracemalloc.Frame) -> str:
    """``package/module.py:12``, from wherever it was imported."""
    return f"{_place(frame.filename)[0]}:{frame.lineno}"


@cache
def _place(filename: str) -> tuple[str, bool]:
    """A file's short name, and whether it is Parley's own. A snapshot asks a million times."""
    path = PurePath(filename)
    if path.is_relative_to(_TOP) and path.relative_to(_TOP).parts[0] in _OURS:
        return str(path.relative_to(_TOP)), True
    parts = path.parts
    if "site-packages" in parts:
        return str(PurePath(*parts[parts.index("site-packages") + 1 :])), False
    return str(PurePath(*parts[-2:])), False
