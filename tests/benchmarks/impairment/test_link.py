"""When a byte arrives: delay, jitter, rate, stalls, loss, and never out of order."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.impairment.link import Cut, CutKind, Link, LinkSchedule, Stall, slices


def schedule(link: Link, *draws: float, opened: float = 0.0) -> LinkSchedule:
    numbers = itertools.cycle(draws or (0.0,))
    return LinkSchedule(link, opened=opened, draw=lambda: next(numbers))


def test_without_impairment_a_byte_arrives_at_once():
    plan = schedule(Link(), opened=5.0)
    assert [plan.arrival(100, 5.0), plan.arrival(1, 6.5)] == [5.0, 6.5]


def test_a_delay_is_added_to_every_slice_and_does_not_add_up():
    plan = schedule(Link(delay_ms=300))
    assert [plan.arrival(10, now) for now in (0.0, 0.1, 0.2)] == pytest.approx([0.3, 0.4, 0.5])


def test_a_rate_spaces_slices_by_their_size():
    plan = schedule(Link(rate_kbps=80))  # 10 bytes a millisecond
    arrivals = [plan.arrival(size, 0.0) for size in (100, 200, 100)]
    assert arrivals == pytest.approx([0.010, 0.030, 0.040])
    assert plan.arrival(100, 1.0) == pytest.approx(1.010)  # an idle link saves nothing up


def test_jitter_holds_up_what_lies_behind_and_reorders_nothing():
    plan = schedule(Link(delay_ms=10, jitter_ms=100), 0.9, 0.0, 0.1, 0.0)
    arrivals = [plan.arrival(1, now) for now in (0.0, 0.02, 0.2)]
    assert arrivals == pytest.approx([0.100, 0.100, 0.300])


def test_a_lost_slice_costs_its_recovery_to_all_behind_it():
    plan = schedule(Link(delay_ms=10, loss=0.02, recovery_ms=200), 0.5, 0.01, 0.5, 0.5)
    assert [plan.arrival(1, 0.0), plan.arrival(1, 0.02)] == pytest.approx([0.21, 0.21])
    assert plan.arrival(1, 1.0) == pytest.approx(1.21)


def test_nothing_leaves_during_a_stall_and_the_first_comes_after_one_interval():
    plan = schedule(Link(stall=Stall(every_s=2, for_ms=500)), opened=10.0)
    assert plan.arrival(1, 10.1) == 10.1
    assert plan.arrival(1, 11.9) == 11.9
    assert [plan.arrival(1, now) for now in (12.0, 12.4, 12.6)] == [12.5, 12.5, 12.6]
    assert plan.arrival(1, 18.25) == 18.5


def test_what_is_being_sent_pauses_in_a_stall_and_goes_on_after_it():
    link = Link(rate_kbps=8, stall=Stall(every_s=1, for_ms=250))  # a byte a millisecond
    assert schedule(link).arrival(900, 0.0) == pytest.approx(0.9)
    assert schedule(link).arrival(1100, 0.0) == pytest.approx(1.35)
    assert schedule(link).arrival(2600, 0.0) == pytest.approx(3.35)  # through three stalls


links = st.builds(
    Link,
    delay_ms=st.floats(0, 500),
    jitter_ms=st.floats(0, 500),
    rate_kbps=st.sampled_from([0.0, 8.0, 200.0, 1e5]),
    stall=st.none() | st.builds(Stall, every_s=st.floats(1, 5), for_ms=st.floats(1, 900)),
    loss=st.floats(0, 0.5),
    recovery_ms=st.floats(0, 500),
)
steps = st.lists(st.tuples(st.floats(0, 2), st.integers(0, 5000)), max_size=30)


@given(links, steps, st.integers())
def test_order_is_kept_and_nothing_arrives_before_it_was_sent_whatever_the_link(link, sent, seed):
    plan = LinkSchedule(link, opened=0.0, draw=random.Random(seed).random)
    now, latest, total = 0.0, 0.0, 0
    for pause, size in sent:
        now += pause
        total += size
        arrival = plan.arrival(size, now)
        assert arrival >= max(latest, now + link.delay_ms / 1000 - 1e-9)
        if link.rate_kbps:
            assert arrival >= total * 8 / (link.rate_kbps * 1000) - 1e-6
        latest = arrival


def test_the_same_seed_gives_the_same_network():
    link = Link(jitter_ms=50, loss=0.1, recovery_ms=100)
    runs = [LinkSchedule(link, opened=0.0, draw=random.Random("7/1/up").random) for _ in range(2)]
    first, second = ([plan.arrival(9, at / 10) for at in range(50)] for plan in runs)
    assert first == second
    assert len(set(first)) > 25


@given(st.binary(max_size=100), st.integers(1, 40))
def test_slices_put_together_are_what_was_cut(content, size):
    pieces = list(slices(content, size))
    assert b"".join(pieces) == content
    assert all(0 < len(piece) <= size for piece in pieces)


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda: Link(delay_ms=-1), "delay_ms is -1"),
        (lambda: Link(jitter_ms=float("nan")), "jitter_ms is nan"),
        (lambda: Link(loss=1), "loss is 1"),
        (lambda: Link(slice_bytes=0), "slice_bytes is 0"),
        (lambda: Stall(1, 1000), "leaves no time between"),
        (lambda: Cut(CutKind.FIN), "a byte or a time"),
        (lambda: Cut(CutKind.FIN, at_byte=0), "count from 1"),
        (lambda: Cut(CutKind.FIN, at_frame=0), "at frame 0 cannot be; count from 1"),
        (lambda: Cut(CutKind.RST, after_s=0), "more than 0"),
    ],
)
def test_a_link_that_cannot_be_says_why(make, part):
    with pytest.raises(ValueError, match=part):
        make()
