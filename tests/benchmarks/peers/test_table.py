import io
import json

import pytest
from rich.console import Console

from benchmarks.peers.figures import PeerResult
from benchmarks.peers.table import Comparison, document, markdown, rendered, write
from benchmarks.peers.terms import TERMS
from benchmarks.results import Machine


@pytest.fixture
def found():
    own = [{"sessions.by_cpu": 100.0, "frame.bare": 50.0}, {"sessions.by_cpu": 120.0}]
    other = [{"sessions.by_cpu": 20.0}, {"sessions.by_cpu": 12.0}]
    results = {
        "parley": PeerResult("parley", "Parley", {"python": "3.11"}, runs=own),
        "pipecat": PeerResult("pipecat", "pipecat", runs=other, notes=["2 turns failed"] * 2),
        "floor": PeerResult("floor", "echo", missing="not installed: no network"),
    }
    machine = Machine("a processor", 2, None, "Linux", None)
    return Comparison("2026-11-21T18:00Z", "command", machine, "pinned", TERMS, 2, results)


def test_the_markdown_shows_medians_and_ratios_to_parley(found):
    lines = markdown(found).splitlines()
    [row] = [line for line in lines if line.startswith("| sessions per core, by")]
    assert row.split(" | ")[1:] == ["110.0", "16.0 (0.15 ×)", "– |"]


def test_a_large_ratio_is_written_out():
    results = {
        name: PeerResult(name, name, runs=[{"memory.session": value}])
        for name, value in (("parley", 0.1), ("pipecat", 12.34))
    }
    machine = Machine("a processor", 2, None, "Linux", None)
    found = Comparison("now", "command", machine, "pinned", TERMS, 1, results)
    assert "12.340 (123 ×)" in markdown(found)


def test_what_nobody_has_measured_has_no_row(found):
    assert "| first audio, p50, ms |" not in markdown(found)


def test_who_was_not_run_and_what_went_wrong_is_said(found):
    text = markdown(found)
    assert "- floor: not installed: no network" in text
    assert "- pipecat: 2 turns failed (2 runs)" in text


def test_the_bars_are_judged(found):
    bars = {bar["title"]: bar for bar in document(found)["bars"]}
    reached = bars["– by processor time"]
    assert (reached["found"], reached["verdict"]) == ("7.50 ×", "bar")
    frames = bars["time per frame, no detector, to floor"]
    assert frames["verdict"] == "not measured"


def test_the_terminal_shows_the_same(found):
    console = Console(file=io.StringIO(), width=160)
    console.print(rendered(found))
    text = console.file.getvalue()
    assert "16.0 (0.15 ×)" in text
    assert "not run" in text
    assert "7.50 ×" in text


def test_the_files_lie_side_by_side(found, tmp_path):
    written = write(found, tmp_path / "new" / "x.json")
    assert [path.name for path in written] == ["x.json", "x.md"]
    read = json.loads(written[0].read_text())
    assert read["version"] == 1
    pipecat = read["medians"]["sessions.by_cpu"]["pipecat"]
    assert pipecat == {"median": 16.0, "to_parley": pytest.approx(0.15)}
    assert read["results"]["floor"]["missing"] == "not installed: no network"
    assert read["terms"]["silence_ms"] == 500
