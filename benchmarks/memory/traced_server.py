"""Runs ``parley``, and looks into it: SIGUSR1 writes a snapshot into the folder ``$PARLEY_TRACE``.

The first snapshot begins to trace: what was there before is no growth, and would make every
snapshot take half a minute. Started as ``python -m benchmarks.memory.traced_server serve ...``.
Files are numbered from 1, and appear whole, because they are renamed into place.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import tracemalloc
from pathlib import Path
from types import FrameType
from typing import Final

from gateway.cli import main

__all__ = ["FOLDER", "snapshot_path"]

FOLDER: Final = "PARLEY_TRACE"
"""Variable of the environment that names the folder."""
_FRAMES: Final = 8
"""Deep enough to reach our own code from inside a library."""


def snapshot_path(folder: Path, number: int) -> Path:
    """Where the snapshot of that number lies, counted from 1."""
    return folder / f"{number}.snapshot"


def _run(arguments: list[str]) -> int:
    folder = Path(os.environ[FOLDER])
    taken = 0

    def take(_signal: int, _frame: FrameType | None) -> None:
        nonlocal taken
        taken += 1
        gc.collect()
        if not tracemalloc.is_tracing():
            tracemalloc.start(_FRAMES)
        path, part = snapshot_path(folder, taken), folder / "part"
        tracemalloc.take_snapshot().dump(str(part))
        part.rename(path)

    signal.signal(signal.SIGUSR1, take)
    return main(arguments)


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1:]))
