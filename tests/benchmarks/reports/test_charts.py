"""Charts by their values: what is where, and that texts stay texts."""

import re
from xml.etree import ElementTree

import pytest

from benchmarks.reports.charts import (
    Event,
    Frame,
    Lane,
    Limit,
    Mark,
    Range,
    Series,
    SpanRow,
    legend,
    line_chart,
    range_chart,
    span_chart,
    timeline_chart,
)
from benchmarks.reports.scales import Axis

EVIL = "<script>&\"'"
PLAIN = Frame(width=100, height=120, left=0, right=0, top=0, bottom=20)
"""Plots x of 0 to 10 at 0 to 100, and y of 0 to 1 at 100 to 0."""
X, Y = Axis(0, 10, "s"), Axis(0, 1, "ms")


def parse(chart):
    return ElementTree.fromstring(re.sub(r' xmlns="[^"]*"', "", chart, count=1))


def draw(*series, **more):
    return parse(line_chart(series, X, Y, title="t", frame=PLAIN, **more))


def texts(chart):
    return [each.text for each in chart.iter("text")]


def test_a_line_goes_through_its_points():
    chart = draw(Series("a", [(0, 0.0), (5, 0.5), (10, 1.0)], 2))
    (path,) = chart.iter("path")
    assert path.get("d") == "M0.0 100.0L50.0 50.0L100.0 0.0"
    assert path.find("title").text == "a"
    assert [group.get("class") for group in chart.iter("g")] == ["s2"]


def test_a_value_that_is_missing_interrupts_the_line():
    chart = draw(Series("a", [(0, 0.0), (1, 0.0), (5, None), (8, 1.0)]))
    assert [each.get("d") for each in chart.iter("path")] == [
        "M0.0 100.0L10.0 100.0", "M80.0 0.0h0.01",
    ]  # fmt: skip


def test_steps_rise_where_the_value_is_reached():
    chart = draw(Series("a", [(2, 0.0), (2, 0.5), (4, 1.0)], kind="steps"))
    assert next(chart.iter("path")).get("d") == "M20.0 100.0H20.0V50.0H40.0V0.0"


def test_points_carry_notes_and_broken_ones_are_hollow():
    chart = draw(
        Series("a", [(0, 1.0), (10, 0.0)], 1, "marked", frozenset({1}), ["first", EVIL]),
    )
    found = [
        (dot.get("class"), dot.get("cx"), dot.find("title").text) for dot in chart.iter("circle")
    ]
    assert found == [("dot", "0", "first"), ("hollow", "100", EVIL)]
    assert not list(draw(Series("a", [(0, 1.0)], kind="points")).iter("path"))


def test_axes_are_labelled_with_round_values_and_their_unit_once():
    shown = texts(draw())
    assert shown[:7] == ["ms", "0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert shown[7:] == ["0 s", "5", "10"]


def test_limits_and_marks_stand_at_their_values():
    chart = draw(limits=[Limit(0.25, EVIL)], marks=[Mark(4, "knee"), Mark(9)])
    lines = {each.get("class"): each for each in chart.iter("line")}
    assert (lines["limit"].get("y1"), lines["limit"].get("y2")) == ("75", "75")
    assert (lines["mark"].get("x1"), lines["faint"].get("x1")) == ("40", "90")
    assert {EVIL, "knee"} <= set(texts(chart))


def test_a_range_shows_p50_to_p95_between_its_ends():
    row = Range("name", EVIL, 1, 2, 6, 8, 10, "N 7", 3)
    chart = parse(range_chart([row], X, title=EVIL, width=200))
    bar, dot = next(chart.iter("rect")), next(chart.iter("circle"))
    thin = [each for each in chart.iter("line") if each.get("class") == "thin"]
    left, width = float(bar.get("x")), float(bar.get("width"))
    unit = width / 4
    assert float(dot.get("cx")) == pytest.approx(left, abs=0.02)
    assert float(thin[0].get("x1")) == pytest.approx(left - unit, abs=0.02)
    assert float(thin[0].get("x2")) == pytest.approx(left + 8 * unit, abs=0.02)
    assert float(thin[1].get("x1")) == pytest.approx(left + 6 * unit, abs=0.02)
    assert chart.find("title").text == EVIL
    assert {"name", "N 7", "0 s"} <= set(texts(chart))


def test_spans_lie_below_each_other_and_are_cut_at_the_axis():
    rows = [SpanRow("a", 0, 5, "5 ms"), SpanRow("b", 5, 99, "94 ms", 2), SpanRow("c", 5, 5, "0 ms")]
    chart = parse(span_chart(rows, X, title="t", marks=[Mark(0, "end of speech")]))
    first, second, third = chart.iter("rect")
    assert float(first.get("width")) == pytest.approx(float(second.get("width")), abs=0.02)
    assert float(second.get("x")) == pytest.approx(
        float(first.get("x")) + float(first.get("width")), abs=0.02
    )
    assert float(third.get("width")) == 2
    assert [float(each.get("y")) for each in (first, second, third)] == [39, 63, 87]
    width = float(chart.get("viewBox").split()[2])
    for text in chart.iter("text"):
        assert 0 <= float(text.get("x")) <= width


def test_events_that_would_cover_each_other_are_one_mark_that_counts():
    events = [Event(1.0, "cut"), *(Event(5.01 + number / 1e5, EVIL) for number in range(30))]
    chart = parse(timeline_chart([Lane("faults", events), Lane("none", [])], X, title="t"))
    marks = [each.find("title").text for each in chart.iter("rect")]
    assert marks == ["1.00 s  cut", f"5.01 s  30 events: 30 × {EVIL}"]
    assert {"faults", "31", "none"} <= set(texts(chart))


def test_a_legend_names_colours_once():
    made = legend([("p50", 1), (EVIL, 2), ("p50", 1)])
    found = ElementTree.fromstring(made)
    assert [(key.find("i").get("class"), key.find("i").tail) for key in found] == [
        ("s1", "p50"), ("s2", EVIL),
    ]  # fmt: skip


def test_charts_without_values_are_drawn_all_the_same():
    assert parse(range_chart([], X, title="t")) is not None
    assert parse(timeline_chart([], X, title="t")) is not None
    assert not list(draw(Series("a", [])).iter("path"))
