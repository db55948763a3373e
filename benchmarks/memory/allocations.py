"""Which lines of code hold the memory: two snapshots of tracemalloc, compared."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from dataclasses import dataclass
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
    path = PurePath(frame.filename)
    return path.is_relative_to(_TOP) and path.relative_to(_TOP).parts[0] in _OURS


def _shown(frame: tracemalloc.Frame) -> str:
    """``package/module.py:12``, from wherever it was imported."""
    path = PurePath(frame.filename)
    if path.is_relative_to(_TOP) and path.relative_to(_TOP).parts[0] in _OURS:
        return f"{path.relative_to(_TOP)}:{frame.lineno}"
    parts = path.parts
    if "site-packages" in parts:
        path = PurePath(*parts[parts.index("site-packages") + 1 :])
    else:
        path = PurePath(*parts[-2:])
    return f"{path}:{frame.lineno}"
