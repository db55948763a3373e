"""What is compared of a server's side, and how a difference is told."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.recording.story import Story, differences


def told(*messages: dict[str, object]) -> Story:
    story = Story()
    for message in messages:
        story.take(json.dumps(message))
    return story


def reply(response: str, stream: int, *deltas: str, status: str = "completed"):
    yield {"type": "response.started", "response": response}
    for delta in deltas[:1]:
        yield {"type": "response.text", "response": response, "delta": delta}
    yield {"type": "audio.start", "stream": stream, "response": response, "codec": "opus"}
    yield {"type": "audio.mark", "stream": stream, "pts": 0, "text": "a", "i": 0}
    for delta in deltas[1:]:
        yield {"type": "response.text", "response": response, "delta": delta}
    yield {"type": "response.done", "response": response, "status": status, "text": "x"}


def test_ids_become_names_and_pieces_one_text():
    first = told(*reply("r_x", 300, "It is", " noon."), *reply("r_y", 301, "Yes."))
    second = told(*reply("r_1", 256, "It", " is", " no", "on."), *reply("r_2", 257, "Yes."))
    assert first.lines() == second.lines()
    assert first.lines()[:5] == [
        "response.started response=response-1",
        'response.text response=response-1 text="It is noon."',
        "audio.start stream=stream-1 response=response-1 codec=opus",
        'audio.mark stream=stream-1 segments=["a"]',
        "response.done response=response-1 status=completed",
    ]
    assert first.name("response", "r_y") == "response-2"
    assert second.raw("response-2") == "r_2"
    assert second.raw("response-3") is None


def test_of_a_reply_that_was_cut_short_the_text_is_not_compared():
    cut = [told(*reply("r", 256, text, status="cancelled")).lines() for text in ("a", "b")]
    assert cut[0] == cut[1]
    assert "response.text response=response-1" in cut[0]


@pytest.mark.parametrize("kind", ["ack", "ping", "pong", "nack", "latency", "transcript.partial"])
def test_what_differs_each_time_is_left_out(kind):
    assert told({"type": kind, "turn": "t_1", "text": "so far"}).lines() == []


def test_numbers_and_clocks_are_left_out_and_everything_else_of_an_unknown_type_stays():
    story = told({"type": "news", "seq": 7, "ts": 9, "ack": 3, "re": "c", "stream": 3, "x": [1]})
    assert story.lines() == ["news stream=3 x=[1]"]
    assert story.take("[1]") == {}
    assert story.take("[" * 100_000) == {}
    story.close(1000)
    assert story.lines()[1:] == ["no JSON object", "no JSON object", "close code=1000"]
    assert story.length == 4


def test_equal_stories_have_no_differences():
    assert differences(["a", "b"], ["a", "b"]) == []
    assert differences([], []) == []


def test_a_difference_is_told_with_what_is_around():
    expected = list("abcdefgh")
    assert differences(expected, list("abcdXfgh")) == [
        "@ event 3", "  c", "  d", "- e", "+ X", "  f", "  g",
    ]  # fmt: skip
    assert differences(expected, expected[:-1]) == ["@ event 6", "  f", "  g", "- h"]


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_differences_are_empty_only_for_equal_stories_and_hold_every_change(expected, found):
    lines = differences(expected, found)
    assert (lines == []) == (expected == found)
    removed = sum(line[0] == "-" for line in lines)
    added = sum(line[0] == "+" for line in lines)
    assert len(expected) - removed == len(found) - added
