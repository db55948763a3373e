"""The command weighs a server of its own; bars are judged by what was weighed."""

import json

import pytest

from benchmarks.memory.calls import Call, Calls
from benchmarks.memory.command import Bar, Report, main
from benchmarks.memory.idle import Activity, Idle

MEGABYTE = 1_000_000


def calls(*resident):
    counts = tuple(range(0, 1000 * len(resident), 1000))
    return Calls(Call.SILENT, 1000, counts, resident, resident)


def test_a_session_s_price_is_the_slope_of_what_was_weighed():
    weights = tuple(90 * MEGABYTE + count * 200_000 for count in (0, 25, 50))
    report = Report((Idle(Activity.TALKED, (0, 25, 50), weights, weights),), ())
    [bar] = report.bars()
    assert (bar.measured, bar.limit, bar.stretch) == (pytest.approx(0.2), 0.5, 0.16)
    assert bar.held
    assert str(bar).endswith("bar 0.5, stretch 0.16: held")


def test_memory_that_grows_with_every_call_misses_the_bar():
    [bar] = Report((), (calls(*(90 * MEGABYTE + step * 700_000 for step in range(6))),)).bars()
    assert bar.measured == pytest.approx(0.7)
    assert not bar.held
    assert str(bar).endswith("missed")


def test_memory_that_stays_reaches_the_stretch():
    [bar] = Report((), (calls(*([90 * MEGABYTE] * 6)),)).bars()
    assert bar.measured == 0
    assert str(bar).endswith("stretch reached")


def test_a_bar_says_how_sure_its_verdict_is():
    assert str(Bar("x", 0.7, -0.1, 1.5, 0.5, 0.0, "KB")).endswith("missed, by less than its error")
    assert str(Bar("x", 0.4, 0.2, 0.6, 0.5, 0.0, "KB")).endswith("held")
    assert str(Bar("x", 0.1, -0.2, 0.3, 0.5, 0.0, "KB")).endswith("stretch reached")
    assert "[-0.200, 0.300]" in str(Bar("x", 0.1, -0.2, 0.3, 0.5, 0.0, "KB"))


def test_a_server_is_weighed(capsys, tmp_path):
    file = tmp_path / "memory.json"
    sessions = ["--sessions", "4", "--activity", "connected"]
    some = ["--calls", "12", "--warm-up", "2", "--every", "4", "--call", "written"]
    code = main([*sessions, *some, "--settle", "0.05", "--json", str(file)])
    printed = capsys.readouterr().out
    assert code in (0, 1)  # so few sessions say nothing about the bars
    assert "per idle session that only connected" in printed
    assert "left by a written call" in printed
    written = json.loads(file.read_text())
    assert written["idle"][0]["sessions"] == [0, 1, 2, 3, 4]
    assert written["calls"][0]["calls"] == [0, 4, 8, 12]
    assert min(written["idle"][0]["resident"]) > 20 * MEGABYTE


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--sessions", "3"], "--sessions 3 is too few"),
        (["--calls", "10", "--every", "9"], "--every 9 leaves too few"),
        (["--sessions", "0", "--calls", "0"], "nothing to measure"),
    ],
)
def test_a_wrong_size_is_told_in_one_line(capsys, arguments, named):
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert named in told
    assert told.count("\n") == 1


def test_a_setting_that_the_server_does_not_know_is_told_in_one_line(capsys):
    assert main(["--server", "turn.nonsense=1", "--calls", "0", "--sessions", "4"]) == 2
    told = capsys.readouterr().err
    assert "turn.nonsense" in told
    assert told.count("\n") == 1
