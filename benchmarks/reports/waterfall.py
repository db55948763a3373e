"""Where the time of one turn went: each stage ends with the event that it is named after.

Every bar begins where the one before ended, so the bars add up to the whole wait and overlap
nowhere, whatever order the events came in. All times are the client's; what the server measured
itself stands beside them as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.reports.charts import Mark, SpanRow, span_chart
from benchmarks.reports.percentiles import nearest_rank
from benchmarks.reports.quantities import ms_text
from benchmarks.reports.scales import Axis
from benchmarks.reports.svg import Markup
from benchmarks.results import TurnRecord

__all__ = [
    "SLOT_NAMES",
    "Stage",
    "median_turn",
    "server_stages",
    "stages",
    "waterfall",
    "worst_turn",
]

_SHOWN_SPEECH: Final = 0.4
"""Of the speech before the wait, at most so much of the wait's length is drawn."""
_MARGIN: Final = 0.18
"""Room behind the last event, by the wait's length: for its text, and for the playback's begin."""


SLOT_NAMES: Final = (
    ("speech", 1),
    ("listening", 2),
    ("thinking", 3),
    ("speaking", 4),
    ("device", 5),
)
"""What the colours of stages mean."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a turn, in ms after the end of speech (of a text turn: after it was sent).

    Attributes:
        name: What happened at its end.
        begin_ms: Its begin.
        end_ms: Its end.
        slot: Colour, see `SLOT_NAMES`.
    """

    name: str
    begin_ms: float
    end_ms: float
    slot: int


_EVENTS: Final = (
    ("hang-over", "detected_stop_s", 2),
    ("final transcript", "final_s", 2),
    ("response started", "response_s", 3),
    ("first text of the reply", "first_text_s", 3),
    ("first audio", "first_audio_s", 4),
    ("first audible", "first_audible_s", 4),
    ("device begins to play", "play_start_s", 5),
    ("playback ended", "reply_end_s", 5),
)


def stages(turn: TurnRecord) -> tuple[Stage, ...]:
    """The turn from its onset to the end of playback; () if speech never ended."""
    zero = turn.end_of_speech_s
    if zero is None:
        return ()
    found = []
    if turn.onset_s is not None:
        found.append(Stage("speech", (turn.onset_s - zero) * 1000, 0.0, 1))
    ends = [
        ((at - zero) * 1000, name, slot)
        for name, field, slot in _EVENTS
        if (at := getattr(turn, field)) is not None
    ]
    before = 0.0
    for end, name, slot in sorted(ends, key=lambda each: each[0]):
        found.append(Stage(name, min(before, end), end, slot))
        before = max(before, end)
    return tuple(found)


def median_turn(turns: Sequence[TurnRecord]) -> TurnRecord | None:
    """The turn of median latency, of those that did not fail and were answered."""
    ranked = _answered(turns)
    return ranked[nearest_rank(len(ranked), 50) - 1] if ranked else None


def worst_turn(turns: Sequence[TurnRecord]) -> TurnRecord | None:
    """The slowest turn, of those that did not fail and were answered."""
    ranked = _answered(turns)
    return ranked[-1] if ranked else None


def waterfall(turn: TurnRecord, *, title: str) -> Markup:
    """The turn as a chart; long speech and playback are cut at its edges."""
    parts = stages(turn)
    axis = _window(parts)
    rows = [
        SpanRow(each.name, each.begin_ms, each.end_ms, _length(each, axis), each.slot)
        for each in parts
    ]
    marks = [Mark(0.0, "end of speech" if turn.onset_s is not None else "sent")]
    return span_chart(rows, axis, title=title, marks=marks)


def server_stages(turn: TurnRecord) -> str:
    """What the server says of the turn's stages, in one line; "" if it says nothing."""
    return ", ".join(
        f"{name.removesuffix('_ms').replace('_', ' ')} {ms_text(value)} ms"
        for name, value in turn.stages_ms.items()
    )


def _answered(turns: Sequence[TurnRecord]) -> list[TurnRecord]:
    timed = [
        (latency, index)
        for index, turn in enumerate(turns)
        if not turn.failed and (latency := turn.first_audio_ms) is not None
    ]
    return [turns[index] for _, index in sorted(timed)]


def _window(parts: Sequence[Stage]) -> Axis:
    """From a part of the speech to a little after the playback began."""
    wait = max((each.end_ms for each in parts if each.name != "playback ended"), default=0.0)
    wait = max(wait, 1.0)
    begin = min((each.begin_ms for each in parts), default=0.0)
    return Axis(max(begin, -_SHOWN_SPEECH * wait), wait * (1 + _MARGIN), "ms")


def _length(part: Stage, axis: Axis) -> str:
    """The whole length; an arrow says at which side the bar is cut."""
    text = f"{ms_text(part.end_ms - part.begin_ms)} ms"
    before = "\N{LEFTWARDS ARROW} " if part.begin_ms < axis.low else ""
    after = " \N{RIGHTWARDS ARROW}" if part.end_ms > axis.high else ""
    return f"{before}{text}{after}"
