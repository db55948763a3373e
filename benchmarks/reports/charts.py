"""Charts as pure functions: values in, one SVG element out.

Colours, fonts and both colour schemes come from the page's style sheet by class: ``s1`` to ``s6``
are the series in fixed order. Sizes are in user units; an image scales to the width that it gets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from benchmarks.reports.scales import Axis, Point
from benchmarks.reports.svg import Content, Markup, tag

__all__ = [
    "Event",
    "Frame",
    "Lane",
    "Limit",
    "Mark",
    "Range",
    "Series",
    "SpanRow",
    "legend",
    "line_chart",
    "range_chart",
    "span_chart",
    "timeline_chart",
]

_CHARACTER: Final = 6.4
"""Width of a character at the charts' 12 units, about; for margins that hold labels."""
_LABEL_WIDTH: Final = 90
"""Room that one label of the horizontal axis gets, at least about."""
_TICK_PIXELS: Final = 4
"""Events closer than this on the timeline become one mark that counts them."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Size of an image and its margins."""

    width: float = 480
    height: float = 220
    left: float = 48
    right: float = 16
    top: float = 22
    bottom: float = 28

    @property
    def right_edge(self) -> float:
        """Where the plot ends."""
        return self.width - self.right

    @property
    def floor(self) -> float:
        """Where the plot stands on its horizontal axis."""
        return self.height - self.bottom


@dataclass(frozen=True, slots=True)
class Series:
    """A line.

    Attributes:
        name: For the legend.
        points: Sorted by x; a y of None interrupts the line.
        slot: Its colour, 1 to 6.
        kind: A line, a line with its points, steps (for cumulative shares), or points alone.
        hollow: Indices of points that are drawn hollow: a bound was broken there.
        notes: Texts of the points, for pointers that rest on them.
    """

    name: str
    points: Sequence[tuple[float, float | None]]
    slot: int = 1
    kind: str = "line"
    hollow: frozenset[int] = frozenset()
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Limit:
    """A value that must not be exceeded, as a dashed horizontal line."""

    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on the horizontal axis, as a vertical line; a text of "" is a faint one."""

    at: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """A distribution in one row: smallest to largest, p50 to p95, and p99.

    Attributes:
        name: Of the row.
        note: What the values are, for pointers that rest on the row.
        low: Smallest.
        middle: p50.
        most: p95.
        rare: p99.
        high: Largest.
        text: At the right end.
        slot: Its colour.
    """

    name: str
    note: str
    low: float
    middle: float
    most: float
    rare: float
    high: float
    text: str
    slot: int = 1


@dataclass(frozen=True, slots=True)
class SpanRow:
    """A row of a waterfall.

    Attributes:
        name: Of the row.
        begin: Of its bar.
        end: Of its bar; equal to the begin for a moment.
        text: Beside the bar.
        slot: Its colour.
    """

    name: str
    begin: float
    end: float
    text: str
    slot: int = 1


@dataclass(frozen=True, slots=True)
class Event:
    """Something on the timeline, and its text for pointers that rest on it."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Lane:
    """All events of one kind."""

    name: str
    events: Sequence[Event]
    slot: int = 1


def legend(series: Iterable[tuple[str, int]]) -> Markup:
    """Names and colours of several series, for above a chart."""
    return tag(
        "div",
        *(
            tag("span", tag("i", class_=f"s{slot}"), name, class_="key")
            for name, slot in dict(series).items()
        ),
        class_="legend",
    )


def line_chart(
    series: Sequence[Series],
    x: Axis,
    y: Axis,
    *,
    title: str,
    frame: Frame = Frame(),
    limits: Sequence[Limit] = (),
    marks: Sequence[Mark] = (),
) -> Markup:
    """Lines over a common horizontal axis."""
    return _image(
        frame,
        title,
        _grid(x, y, frame),
        [_mark(mark, x, frame) for mark in marks],
        [_limit(limit, y, frame) for limit in limits],
        [_series(one, x, y, frame) for one in series],
    )


def range_chart(rows: Sequence[Range], x: Axis, *, title: str, width: float = 960) -> Markup:
    """Distributions below each other."""
    frame = _row_frame([row.name for row in rows], [row.text for row in rows], width, 26)
    body = [_range(row, x, frame, _row_middle(frame, index, 26)) for index, row in enumerate(rows)]
    return _image(frame, title, _columns(x, frame), body)


def span_chart(
    rows: Sequence[SpanRow],
    x: Axis,
    *,
    title: str,
    marks: Sequence[Mark] = (),
    width: float = 960,
) -> Markup:
    """A waterfall: one bar per row; bars are cut where the axis ends."""
    frame = _row_frame([row.name for row in rows], ["" for _ in rows], width, 24, top=34)
    body = [_span(row, x, frame, _row_middle(frame, index, 24)) for index, row in enumerate(rows)]
    lines = [_mark(mark, x, frame) for mark in marks]
    return _image(frame, title, _columns(x, frame), lines, body)


def timeline_chart(
    lanes: Sequence[Lane],
    x: Axis,
    *,
    title: str,
    marks: Sequence[Mark] = (),
    width: float = 960,
) -> Markup:
    """Events by kind over time; those that would cover each other are one mark that counts them."""
    counts = [f"{len(lane.events):,}" for lane in lanes]
    frame = _row_frame([lane.name for lane in lanes], counts, width, 24)
    body = [
        _lane(lane, count, x, frame, _row_middle(frame, index, 24))
        for index, (lane, count) in enumerate(zip(lanes, counts, strict=True))
    ]
    return _image(frame, title, _columns(x, frame), [_mark(mark, x, frame) for mark in marks], body)


def _image(frame: Frame, title: str, *content: Content) -> Markup:
    return tag(
        "svg",
        tag("title", title),
        *content,
        viewBox=f"0 0 {frame.width:g} {frame.height:g}",
        role="img",
        aria_label=title,
        xmlns="http://www.w3.org/2000/svg",
    )


def _text(text: str, x: float, y: float, kind: str, anchor: str = "start") -> Markup:
    return tag("text", text, x=x, y=y, class_=kind, text_anchor=anchor)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def _grid(x: Axis, y: Axis, frame: Frame) -> list[Content]:
    """Horizontal lines with their labels, the base line, and the labels below it."""
    rows: list[Content] = [_text(y.unit, frame.left - 6, 12, "unit", "end")]
    for value, text in y.labels():
        height = y.place(value, frame.floor, frame.top)
        rows.append(_line(frame.left, height, frame.right_edge, height, "grid"))
        rows.append(_text(text, frame.left - 6, height + 4, "tick", "end"))
    rows.append(_line(frame.left, frame.floor, frame.right_edge, frame.floor, "base"))
    return [*rows, _below(x, frame)]


def _columns(x: Axis, frame: Frame) -> list[Content]:
    """Vertical lines with their labels, for charts that have rows."""
    lines: list[Content] = []
    for value, _ in x.labels(_label_count(frame)):
        place = x.place(value, frame.left, frame.right_edge)
        lines.append(_line(place, frame.top, place, frame.floor, "grid"))
    return [*lines, _below(x, frame)]


def _below(x: Axis, frame: Frame) -> list[Content]:
    """Labels of the horizontal axis; the first one, which has room around it, carries the unit."""
    labels = x.labels(_label_count(frame))
    return [
        _text(
            f"{text} {x.unit}".strip() if index == 0 else text,
            x.place(value, frame.left, frame.right_edge),
            frame.floor + 17,
            "tick",
            "middle",
        )
        for index, (value, text) in enumerate(labels)
    ]


def _label_count(frame: Frame) -> int:
    return max(2, round(frame.width / _LABEL_WIDTH))


def _mark(mark: Mark, x: Axis, frame: Frame) -> Content:
    place = x.place(mark.at, frame.left, frame.right_edge)
    line = _line(place, frame.top - 4, place, frame.floor, "mark" if mark.text else "faint")
    if not mark.text:
        return line
    late = place > (frame.left + frame.right_edge) / 2
    anchor, shift = ("end", -4) if late else ("start", 4)
    return [line, _text(mark.text, place + shift, frame.top - 6, "note", anchor)]


def _limit(limit: Limit, y: Axis, frame: Frame) -> Content:
    height = y.place(limit.value, frame.floor, frame.top)
    return [
        _line(frame.left, height, frame.right_edge, height, "limit"),
        _text(limit.text, frame.left + 4, height - 5, "note"),
    ]


def _series(series: Series, x: Axis, y: Axis, frame: Frame) -> Content:
    placed = [
        None
        if height is None
        else (x.place(at, frame.left, frame.right_edge), y.place(height, frame.floor, frame.top))
        for at, height in series.points
    ]
    drawn: list[Content] = []
    if series.kind != "points":
        drawn = [_path(run, series) for run in _runs(placed)]
    if series.kind in ("points", "marked"):
        drawn.append(_dots(placed, series))
    return tag("g", drawn, class_=f"s{series.slot}")


def _runs(points: Iterable[Point | None]) -> list[list[Point]]:
    """Pieces between the gaps."""
    pieces = groupby(points, key=lambda point: point is not None)
    return [[point for point in piece if point is not None] for there, piece in pieces if there]


def _path(run: Sequence[Point], series: Series) -> Markup:
    begin, *rest = run
    words = [f"M{begin[0]:.1f} {begin[1]:.1f}"]
    for x, y in rest:
        words.append(f"H{x:.1f}V{y:.1f}" if series.kind == "steps" else f"L{x:.1f} {y:.1f}")
    if not rest:
        words.append("h0.01")  # a piece of one point is a dot: the line has round ends
    return tag("path", tag("title", series.name), d="".join(words), class_="line")


def _dots(points: Iterable[Point | None], series: Series) -> list[Content]:
    size = 4.0 if series.kind == "marked" else 2.5
    return [
        tag(
            "circle",
            tag("title", series.notes[index]) if index < len(series.notes) else None,
            cx=point[0],
            cy=point[1],
            r=size,
            class_="hollow" if index in series.hollow else "dot",
        )
        for index, point in enumerate(points)
        if point is not None
    ]


def _row_frame(
    names: Sequence[str], texts: Sequence[str], width: float, row: float, *, top: float = 16
) -> Frame:
    """Room for so many rows, their names at the left and their texts at the right."""
    left = max((len(name) for name in names), default=0) * _CHARACTER + 16
    right = max((len(text) for text in texts), default=0) * _CHARACTER + 20
    return Frame(width, top + row * len(names) + 28, left, right, top, 28)


def _row_middle(frame: Frame, index: int, row: float) -> float:
    return frame.top + row * (index + 0.5)


def _range(row: Range, x: Axis, frame: Frame, middle: float) -> Markup:
    low, p50, p95, p99, high = (
        x.place(value, frame.left, frame.right_edge)
        for value in (row.low, row.middle, row.most, row.rare, row.high)
    )
    return tag(
        "g",
        tag("title", row.note),
        _text(row.name, frame.left - 10, middle + 4, "name", "end"),
        _line(low, middle, high, middle, "thin"),
        tag(
            "rect",
            x=p50,
            y=middle - 5,
            width=max(2.0, p95 - p50),
            height=10.0,
            rx=2,
            class_="bar",
        ),
        _line(p99, middle - 6, p99, middle + 6, "thin"),
        tag("circle", cx=p50, cy=middle, r=5.0, class_="dot"),
        _text(row.text, frame.width - 4, middle + 4, "value", "end"),
        class_=f"s{row.slot}",
    )


def _span(row: SpanRow, x: Axis, frame: Frame, middle: float) -> Markup:
    begin, end = (x.place(at, frame.left, frame.right_edge) for at in (row.begin, row.end))
    room = len(row.text) * _CHARACTER + 10
    inside_end = end + room > frame.width
    text_at, anchor = (begin - 6, "end") if inside_end else (end + 6, "start")
    if inside_end and begin - room < frame.left:
        text_at, anchor = frame.right_edge - 6, "end"
    kind = "value" if text_at <= begin or text_at >= end else "value inside"
    return tag(
        "g",
        tag("title", f"{row.name}: {row.text}"),
        _text(row.name, frame.left - 10, middle + 4, "name", "end"),
        tag(
            "rect",
            x=begin,
            y=middle - 7,
            width=max(2.0, end - begin),
            height=14.0,
            rx=2,
            class_="bar",
        ),
        _text(row.text, text_at, middle + 4, kind, anchor),
        class_=f"s{row.slot}",
    )


def _lane(lane: Lane, count: str, x: Axis, frame: Frame, middle: float) -> Markup:
    columns: dict[int, list[Event]] = {}
    for event in lane.events:
        place = x.place(event.at, frame.left, frame.right_edge)
        columns.setdefault(int(place / _TICK_PIXELS), []).append(event)
    return tag(
        "g",
        _text(lane.name, frame.left - 10, middle + 4, "name", "end"),
        _line(frame.left, middle, frame.right_edge, middle, "grid"),
        [
            tag(
                "rect",
                tag("title", _together(events)),
                x=column * _TICK_PIXELS,
                y=middle - 8,
                width=_TICK_PIXELS - 1.0,
                height=16.0,
                rx=1,
                class_="dot",
            )
            for column, events in sorted(columns.items())
        ],
        _text(count, frame.width - 4, middle + 4, "value", "end"),
        class_=f"s{lane.slot}",
    )


def _together(events: Sequence[Event]) -> str:
    """The text of one mark: its event, or the commonest texts of several."""
    if len(events) == 1:
        return f"{events[0].at:.2f} s  {events[0].text}"
    texts = Counter(event.text for event in events).most_common(3)
    listed = "; ".join(f"{count} × {text}" for text, count in texts)
    return f"{events[0].at:.2f} s  {len(events)} events: {listed}"
