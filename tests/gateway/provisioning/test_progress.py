"""What is shown of a pull, on a terminal and in a log."""

import io

import pytest
from rich.console import Console

from gateway.provisioning.progress import PullDisplay, duration, shorten, size
from gateway.provisioning.pull_events import (
    Advanced,
    Failed,
    Finished,
    Installed,
    Note,
    Planned,
    Restarted,
    Retrying,
    Started,
    Waiting,
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=80, color_system=None)


def test_a_log_has_a_line_for_each_event_and_one_now_and_then():
    screen, clock = console(terminal=False), Clock()
    with PullDisplay(screen, "all files", clock) as display:
        display.show(Planned(2, 50_000_000, 1))
        display.show(Started("a/x.bin", 10_000_000, 40_000_000))
        for _ in range(20):
            clock.now += 1
            display.show(Advanced("a/x.bin", 1_000_000))
        display.show(Retrying("a/x.bin", "the server said [503]", 2.0))
        display.show(Restarted("a/x.bin", "the file changed on the server", 30_000_000))
        display.show(Waiting("a/y.bin"))
        display.show(Finished("a/x.bin", 40_000_000, shared=False))
        display.show(Failed("a/y.bin", "told at the end"))
        display.show(Installed("a", "/models/a"))
        display.show(Note("take note"))
    assert screen.file.getvalue().splitlines() == [
        "2 files to download, 50.0 MB, 1 are here already",
        "a/x.bin: going on after 10.0 MB of 40.0 MB",
        "all files: 5.0 MB of 50.0 MB, 1.0 MB/s, 0:45 left",
        "all files: 10.0 MB of 50.0 MB, 1.0 MB/s, 0:40 left",
        "all files: 15.0 MB of 50.0 MB, 1.0 MB/s, 0:35 left",
        "all files: 20.0 MB of 50.0 MB, 1.0 MB/s, 0:30 left",
        "a/x.bin: the server said [503]; again in 2 s",
        "a/x.bin: the file changed on the server; beginning again",
        "a/y.bin: another process is downloading it; waiting for that",
        "a/x.bin: complete, its hash is right (40.0 MB)",
        "installed a: /models/a",
        "take note",
    ]


def test_a_terminal_has_a_bar_for_each_file_and_one_for_all():
    screen = console(terminal=True)
    with PullDisplay(screen, "all files") as display:
        display.show(Planned(2, 50_000_000, 0))
        display.show(Started("a/x.bin", 0, 40_000_000))
        display.show(Started("a/[y].bin", 0, None))
        display.show(Advanced("a/x.bin", 20_000_000))
    shown = screen.file.getvalue()
    for part in ("all files", "a/x.bin", "a/[y].bin", "20.0/50.0 MB", "20.0/40.0 MB"):
        assert part in shown, part


def test_a_long_name_and_large_numbers_fit_on_one_line_of_a_usual_terminal():
    screen, clock = console(terminal=True), Clock()
    with PullDisplay(screen, "all files", clock) as display:
        display.show(Planned(1, 15_000_000_000, 0))
        display.show(Started("qwen3-30b-a3b-instruct/Qwen3-30B-A3B-Q4_K_M.gguf", 0, 15 * 10**9))
        clock.now += 100
        display.show(Advanced("qwen3-30b-a3b-instruct/Qwen3-30B-A3B-Q4_K_M.gguf", 10**9))
    lines = [line for line in screen.file.getvalue().splitlines() if "GB" in line]
    assert any("Qwen3-30B-A3B-Q4_K_M.gguf" in line and "1.0/15.0 GB" in line for line in lines)


def test_nothing_to_do_is_said():
    screen = console(terminal=False)
    with PullDisplay(screen, "all files") as display:
        display.show(Planned(0, 0, 3))
    assert screen.file.getvalue() == "nothing to download: all files are here\n"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_250_000, "1.2 MB"), (15 * 10**9, "15.0 GB")],
)
def test_sizes_have_decimal_units(count, text):
    assert size(count) == text


def test_a_name_keeps_the_end_that_tells_it_apart():
    assert shorten("a/short.bin") == "a/short.bin"
    assert shorten("a-long-model-name/weights-00001.gguf") == "…del-name/weights-00001.gguf"
    assert len(shorten("x" * 100)) == 28


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3_723, "1:02:03")]
)
def test_times_are_read_as_on_a_clock(seconds, text):
    assert duration(seconds) == text
