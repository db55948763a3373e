"""Turns as waterfalls: bars that add up, whatever the order of events."""

import re
from itertools import pairwise

import pytest

from benchmarks.reports.waterfall import (
    median_turn,
    server_stages,
    stages,
    waterfall,
    worst_turn,
)
from tests.benchmarks.reports.runs import failed_turn, turn


def test_stages_follow_each_other_without_gap_or_overlap():
    speech, *waits = stages(turn(500.0))
    assert (speech.name, speech.begin_ms, speech.end_ms) == ("speech", pytest.approx(-1200), 0)
    assert waits[0].begin_ms == 0
    for before, after in pairwise(waits):
        assert after.begin_ms == before.end_ms
    assert [each.name for each in waits] == [
        "hang-over", "final transcript", "response started", "first text of the reply",
        "first audio", "first audible", "device begins to play", "playback ended",
    ]  # fmt: skip
    ends = {each.name: each.end_ms for each in waits}
    assert ends["first audio"] == pytest.approx(500)


def test_events_in_another_order_still_add_up():
    swapped = turn(500.0, final_s=2.1, detected_stop_s=2.3)
    names = [each.name for each in stages(swapped)]
    assert names.index("final transcript") < names.index("hang-over")
    assert sum(each.end_ms - each.begin_ms for each in stages(swapped)[1:]) == pytest.approx(3000)


def test_an_event_before_the_end_of_speech_takes_nothing_of_the_wait():
    early = stages(turn(500.0, detected_stop_s=1.9))
    assert (early[1].name, early[1].end_ms) == ("hang-over", pytest.approx(-100))
    assert early[2].begin_ms == 0


def test_what_did_not_happen_has_no_bar():
    assert [each.name for each in stages(failed_turn())][-1] == "playback ended"
    assert "first audio" not in [each.name for each in stages(failed_turn())]
    assert stages(turn(end_of_speech_s=None)) == ()


def test_the_median_and_the_worst_turn_are_of_those_that_were_answered():
    turns = [turn(700), turn(500), failed_turn(), turn(600), turn(400)]
    assert median_turn(turns) is turns[1]
    assert worst_turn(turns) is turns[0]
    assert median_turn([failed_turn()]) is None
    assert worst_turn([]) is None


def test_a_long_playback_does_not_squeeze_the_wait():
    chart = waterfall(turn(500.0, reply_end_s=60.0), title="t")
    texts = re.findall(r'text-anchor="\w+">([^<]+)</text>', chart)
    assert "\N{LEFTWARDS ARROW} 1,200 ms" in texts
    assert "57,380 ms \N{RIGHTWARDS ARROW}" in texts
    bars = [float(width) for width in re.findall(r'width="([\d.]+)" height="14"', chart)]
    assert bars[1] > 150, "the hang-over, which is half of the wait"


def test_text_turns_begin_where_they_were_sent():
    made = waterfall(turn(80.0, kind="text", onset_s=None), title="t")
    assert ">sent</text>" in made
    assert ">speech</text>" not in made


def test_the_server_s_own_figures_are_one_line():
    assert server_stages(turn()) == "stop to final 12 ms, llm ttft 101 ms"
    assert server_stages(turn(stages_ms={})) == ""
