"""Shows what a long command is doing: steps with a clock, and bars over bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["Steps"]


class Steps:
    """Tells one step after the other; off a terminal, one line each."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        shown = console.is_terminal
        self._settings: dict[str, Any] = {
            "console": console,
            "transient": True,
            "disable": not shown,
        }

    def say(self, line: str) -> None:
        """Write one line."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, what: str) -> Iterator[Callable[[str], None]]:
        """Show a clock while the body runs; it may say what it is doing now."""
        began = time.monotonic()
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, **self._settings) as progress:
            task = progress.add_task(what, total=None)

            def now(text: str) -> None:
                self.say(f"  {text}")
                progress.update(task, description=text if len(text) < 50 else f"{text[:47]}...")

            yield now
        self.say(f"{what}: {time.monotonic() - began:.1f} s")

    @contextmanager
    def bar(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a bar while the body reports bytes."""
        began = time.monotonic()
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        with Progress(*columns, TimeRemainingColumn(), **self._settings) as progress:
            task = progress.add_task(what, total=total)
            yield lambda done: progress.advance(task, done)
        self.say(f"{what}: {total / 1e6:.1f} MB, {time.monotonic() - began:.1f} s")

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began
