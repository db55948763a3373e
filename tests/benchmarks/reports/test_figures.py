"""Figures of results: there when there are values, absent otherwise."""

import dataclasses
import re

import pytest

from benchmarks.reports.figures import (
    capacity_figures,
    latency_figures,
    processor_cores,
    resource_figures,
    timeline_figures,
)
from benchmarks.results import Fault, ServerSample, Step
from tests.benchmarks.reports.runs import ramp, result, run_with


def titles(figures):
    return [figure.title for figure in figures]


def test_a_run_without_values_has_no_figures():
    for figures in (latency_figures, capacity_figures, resource_figures, timeline_figures):
        assert figures(result()) == []


def test_a_ramp_has_all_figures():
    run = ramp()
    assert titles(latency_figures(run)) == [
        "All measures", "Latency after the end of speech", "Latency over the run",
    ]  # fmt: skip
    assert len(capacity_figures(run)) == 6
    assert titles(resource_figures(run)) == [
        "Sessions", "Resident memory", "Loop lag, p99 not above", "Processor",
        "Jobs that wait, by engine", "Engines at work",
    ]  # fmt: skip
    assert titles(timeline_figures(run)) == ["Faults and errors"]


def test_a_single_step_is_no_capacity_curve():
    assert capacity_figures(result(steps=(Step(0, 1.0, 2.0, 2),))) == []


def test_the_capacity_curve_shows_every_step_the_knee_and_the_limit():
    curve = capacity_figures(ramp())[0].chart
    assert curve.count("<circle") == 10
    assert curve.count('class="hollow"') == 4
    assert {figure.note for figure in capacity_figures(ramp())} == {
        "Hollow points: a bound broke there."
    }
    assert ">knee: 40</text>" in curve
    assert ">p95 of the first step × 1.25</text>" in curve
    assert "80 sessions, p95 783 ms, N 40; broken: latency_ratio" in curve


def test_a_step_without_a_turn_leaves_a_gap_in_the_curve():
    first, second, *rest = ramp().steps
    empty = dataclasses.replace(second, latency_ms=Step(0, 0, 0, 1).latency_ms, turns=0)
    curve = capacity_figures(dataclasses.replace(ramp(), steps=(first, empty, *rest)))[0].chart
    assert curve.count("<circle") == 8


def test_processor_time_becomes_cores():
    samples = [
        ServerSample(at, 1, cpu, None, None, None)
        for at, cpu in ((0.0, 1.0), (2.0, 2.0), (4.0, None), (6.0, 3.0), (8.0, 2.5), (8.0, 3.0))
    ]
    assert processor_cores(samples, lambda sample: sample.cpu_s) == [
        (1.0, 0.5), (3.0, None), (5.0, None), (7.0, None), (8.0, None),
    ]  # fmt: skip


def test_metrics_that_the_server_lacks_are_left_out():
    samples = tuple(ServerSample(float(at), 1, None, None, None, None) for at in range(5))
    found = resource_figures(result(samples=samples))
    assert titles(found) == ["Sessions", "Processor"]
    assert found[1].legend is None
    assert 'class="s2"' in found[1].chart, "the client keeps its colour"


def test_a_run_of_a_week_gives_a_small_figure_that_keeps_its_peak():
    samples = tuple(
        ServerSample(float(at), 1, 0.0, (900 if at == 31_234 else 100) << 20, None, None)
        for at in range(0, 100_000, 2)
    )
    memory = resource_figures(result(samples=samples, duration_s=100_000.0))[1].chart
    assert len(memory) < 20_000
    path = next(path for path in re.findall(r' d="([^"]+)"', memory))
    heights = [float(height) for height in re.findall(r"[ML][\d.]+ ([\d.]+)", path)]
    assert heights.count(min(heights)) == 1
    assert min(heights) < max(heights) / 2
    assert ">0 h</text>" in memory


def test_the_timeline_puts_what_is_unwanted_first():
    faults = (Fault(1.0, "disconnect", 0), Fault(2.0, "turn_failed", 1, "timeout"))
    chart = timeline_figures(result(faults=faults))[0].chart
    assert chart.index("turn failed") < chart.index("disconnect")
    assert "2.00 s  timeout (session 1)" in chart
    assert "1.00 s  disconnect (session 0)" in chart


def test_latencies_are_drawn_by_their_turn_s_time():
    scatter = latency_figures(run_with([400, 500, 600]))[2].chart
    places = [float(x) for x in re.findall(r'cx="([\d.]+)"', scatter)]
    heights = [float(y) for y in re.findall(r'cy="([\d.]+)"', scatter)]
    assert places == sorted(places)
    assert heights == sorted(heights, reverse=True)
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.02)
