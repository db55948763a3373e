"""The summary that goes into documents."""

import dataclasses
import re

from benchmarks.reports.markdown import cell, markdown, table
from tests.benchmarks.reports.runs import ramp, result, run_with


def test_a_summary_holds_figures_machine_command_and_caveats():
    text = markdown(ramp())
    assert text.startswith("### capacity: all bounds held\n\n`parley bench capacity --serve ")
    assert "| first audio | 105 | 613 | 756 | 771 | 786 | 789 |" in text
    assert "| 80 | 40 | 1 | 729 | 783 | 6.52 | 0.8 | 230 MiB | latency\\_ratio |" in text
    assert "Knee: 40 sessions, 100 per core of the server; then latency\\_ratio broke." in text
    assert "a processor, 2 cores, 8 GiB, Linux 6.1, load before the run 0.4;" in text
    assert "106 turns, 1 failed; errors: timeout 1; 0 underruns" in text
    assert "\n- the client was the bottleneck for 2 s\n" in text


def test_tables_are_rectangular():
    for block in re.findall(r"(?:^\|.*\n)+", markdown(ramp()), re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1
    assert table(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"


def test_a_run_without_ramp_has_no_table_of_steps():
    text = markdown(run_with([500, 510]))
    assert "Knee" not in text
    assert text.count("| --- |") == 1
    assert markdown(result(incomplete="it died", passed=False)).startswith("### smoke: incomplete")
    assert "a bound was broken" in markdown(result(passed=False))


def test_texts_cannot_become_markup():
    assert cell("a|b\n# c <i>*d*</i> [e](f)") == r"a\|b \# c \<i\>\*d\*\</i\> \[e\](f)"
    text = markdown(dataclasses.replace(ramp(), command="parley `` bench", scenario="a|b"))
    assert "```parley `` bench```" in text
    assert "### a\\|b" in text


def test_a_ramp_without_a_knee_says_so_only_where_bounds_broke():
    broken = dataclasses.replace(ramp(), knee=None, steps=ramp().steps[-2:])
    assert "Not even the first step held all bounds." in markdown(broken)
    unbound = dataclasses.replace(ramp(), knee=None, steps=ramp().steps[:2])
    assert "step held" not in markdown(unbound)
