"""Processor time by thread (Linux): what the event loop's thread took, and what the others did."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["thread_seconds"]


def thread_seconds(pid: int) -> Mapping[int, float]:
    """Processor seconds of a process by thread; the main thread has the process's number.

    Threads that have ended are not in it. Empty where the system does not tell (proc(5)).
    """
    found: dict[int, float] = {}
    try:
        ticks = os.sysconf("SC_CLK_TCK")
        for thread in Path(f"/proc/{pid}/task").iterdir():
            # The name in parentheses may hold anything; utime and stime are fields 14 and 15.
            fields = (thread / "stat").read_text(encoding="ascii", errors="replace")
            numbers = fields.rpartition(")")[2].split()
            found[int(thread.name)] = (int(numbers[11]) + int(numbers[12])) / ticks
    except (AttributeError, OSError, ValueError, IndexError):
        return {}
    return found
