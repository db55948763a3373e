"""How the work on large files is shown: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from gateway.provisioning.pull_events import (
    Advanced,
    Failed,
    Finished,
    Installed,
    Note,
    Planned,
    PullEvent,
    Restarted,
    Retrying,
    Started,
    Waiting,
)

__all__ = ["Display", "PullDisplay", "duration", "shorten", "size"]

_LINE_EVERY_S: Final = 5.0
"""Between lines where no bars can be drawn."""
_NAME, _BAR = 28, 14
"""Characters of a bar's name and of the bar, so that all of it fits into 80."""


class Display:
    """Shows how far some work has got: one bar for each part of it, and one for all of it.

    A context manager. Where the console is no terminal, it prints a line every few seconds.

    Args:
        console: Where to.
        total: What the whole is called.
        clock: Monotonic seconds.
    """

    def __init__(
        self, console: Console, total: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._clock = clock
        self._name = total
        self._live = console.is_terminal
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=_BAR),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            get_time=clock,
            disable=not self._live,
        )
        self._parts: dict[str, TaskID] = {}
        self._total: TaskID | None = None
        self._expected = self._done = 0
        self._began = self._said = clock()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def say(self, text: str, style: str = "") -> None:
        """Print a line above the bars."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True, style=style)

    def expect(self, count: int) -> None:
        """Say how many bytes all of the work has; more may be added later."""
        self._expected += count
        if self._total is None:
            self._total = self._bars.add_task(self._name, total=self._expected)
            self._began = self._said = self._clock()
        self._bars.update(self._total, total=self._expected)

    def begin(self, part: str, have: int, count: int | None) -> None:
        """Add a bar for a part of which some bytes are done already."""
        if self._live:
            self._parts[part] = self._bars.add_task(shorten(part), total=count, completed=have)

    def advance(self, part: str, count: int) -> None:
        """Note bytes that are done; fewer than 0 if they were in vain."""
        self._done += count
        if part in self._parts:
            self._bars.advance(self._parts[part], count)
        if self._total is not None:
            self._bars.advance(self._total, count)
        if not self._live and self._clock() - self._said >= _LINE_EVERY_S:
            self._said = self._clock()
            self.say(self.summary())

    def end(self, part: str) -> None:
        """Take a part's bar away."""
        if part in self._parts:
            self._bars.remove_task(self._parts.pop(part))

    def summary(self) -> str:
        """Return how far the work has got, in one line."""
        seconds = self._clock() - self._began
        rate = self._done / seconds if seconds > 0 else 0.0
        whole = max(self._expected, self._done)  # sizes of some files are not known at first
        parts = [f"{size(self._done)} of {size(whole)}"]
        if rate > 0:
            left = (whole - self._done) / rate
            parts += [f"{size(round(rate))}/s", f"{duration(left)} left"]
        return f"{self._name}: {', '.join(parts)}"


class PullDisplay(Display):
    """Shows a pull; `show` takes its events."""

    def show(self, event: PullEvent) -> None:
        """Show what happened."""
        match event:
            case Planned(files=0):
                self.say("nothing to download: all files are here")
            case Planned(files, count, present):
                here = f", {present} are here already" if present else ""
                many = "1 file" if files == 1 else f"{files} files"
                self.say(f"{many} to download, {size(count)}{here}")
                self.expect(count)
            case Advanced(file, count):
                self.advance(file, count)
            case Started() | Restarted() | Finished():
                self._show_file(event)
            case Retrying(file, reason, wait_s):
                self.say(f"{file}: {reason}; again in {wait_s:.0f} s", style="yellow")
            case Waiting(file):
                self.say(f"{file}: another process is downloading it; waiting for that")
            case Failed(file):
                self.end(file)
            case Installed(model, path):
                self.say(f"installed {model}: {path}")
            case Note(message):
                self.say(message)

    def _show_file(self, event: Started | Restarted | Finished) -> None:
        match event:
            case Started(file, have, count):
                self.begin(file, have, count)
                if have:
                    whole = f" of {size(count)}" if count is not None else ""
                    self.say(f"{file}: going on after {size(have)}{whole}")
                if count is None:
                    self.say(f"{file}: how large it is will be seen")
            case Restarted(file, reason, lost):
                self.say(f"{file}: {reason}; beginning again", style="yellow")
                self.expect(lost)
                if file in self._parts:
                    self._bars.update(self._parts[file], completed=0)
            case Finished(file, count, shared):
                self.end(file)
                how = "another process downloaded it" if shared else "complete, its hash is right"
                self.say(f"{file}: {how} ({size(count)})")


def size(count: int) -> str:
    """Return a number of bytes as people read it, with decimal units."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if abs(count) >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


def shorten(name: str) -> str:
    """Return a name that fits beside a bar: its end tells files apart, so the beginning goes."""
    return name if len(name) <= _NAME else "…" + name[1 - _NAME :]


def duration(seconds: float) -> str:
    """Return a time as h:mm:ss or m:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
