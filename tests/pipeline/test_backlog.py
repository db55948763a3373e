import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.backlog import Backlog, RecentAudio


def samples(begin, end):
    return np.arange(begin, end).astype(np.int16)


def drained(backlog, at_most):
    """What comes out: numbers for samples, texts for marks."""
    out = []
    while (entry := backlog.take(at_most)) is not None:
        if isinstance(entry, str):
            out.append(entry)
        else:
            assert 0 < len(entry) <= at_most
            out += entry.tolist()
    return out


def test_an_empty_backlog_has_nothing():
    backlog = Backlog()
    assert backlog.take(10) is None
    assert backlog.samples == 0


def test_a_mark_is_reached_after_the_samples_before_it():
    backlog = Backlog()
    backlog.mark("first")
    backlog.offer(samples(0, 5))
    backlog.mark("middle")
    backlog.mark("also")
    backlog.offer(samples(5, 8))
    backlog.mark("last")
    assert drained(backlog, 100) == [
        "first", 0, 1, 2, 3, 4, "middle", "also", 5, 6, 7, "last",
    ]  # fmt: skip


def test_what_waits_is_counted():
    backlog = Backlog()
    backlog.offer(samples(0, 10))
    backlog.offer(samples(0, 0))
    backlog.take(4)
    assert (backlog.arrived, backlog.taken, backlog.samples) == (10, 4, 6)


@settings(max_examples=50)
@given(
    st.lists(st.one_of(st.integers(0, 50), st.sampled_from("abc")), max_size=30),
    st.integers(1, 40),
)
def test_everything_comes_out_in_the_order_in_which_it_went_in(entries, at_most):
    backlog, wanted, at = Backlog(), [], 0
    for entry in entries:
        if isinstance(entry, str):
            backlog.mark(entry)
            wanted.append(entry)
        else:
            backlog.offer(samples(at, at + entry))
            wanted += range(at, at + entry)
            at += entry
    assert drained(backlog, at_most) == wanted
    assert backlog.samples == 0


def test_the_recent_past_can_be_read_from_a_position():
    recent = RecentAudio(100)
    recent.append(samples(0, 60))
    recent.append(samples(60, 90))
    begin, audio = recent.since(50)
    assert begin == 50
    assert audio.tolist() == list(range(50, 90))


def test_what_is_too_old_begins_where_memory_begins():
    recent = RecentAudio(100)
    for at in range(0, 500, 50):
        recent.append(samples(at, at + 50))
    begin, audio = recent.since(0)
    assert begin == 400
    assert audio.tolist() == list(range(400, 500))


@pytest.mark.parametrize("position", [90, 1000])
def test_the_future_holds_nothing(position):
    recent = RecentAudio(100)
    recent.append(samples(0, 90))
    begin, audio = recent.since(position)
    assert begin == 90
    assert len(audio) == 0
    assert audio.dtype == np.int16


def test_before_the_first_sample_there_is_nothing():
    begin, audio = RecentAudio(100).since(0)
    assert (begin, len(audio)) == (0, 0)


@settings(max_examples=50)
@given(st.lists(st.integers(1, 80), max_size=20), st.integers(0, 2000))
def test_at_least_what_was_asked_for_is_kept_and_not_much_more(pieces, position):
    recent, at = RecentAudio(100), 0
    for piece in pieces:
        recent.append(samples(at, at + piece))
        at += piece
    begin, audio = recent.since(position)
    assert begin + len(audio) == recent.end == at
    assert audio.tolist() == list(range(begin, at))
    assert begin <= max(position, at - 100) or begin == at
    assert at - begin < 100 + 80
