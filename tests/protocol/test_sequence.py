from hypothesis import given
from hypothesis import strategies as st

from protocol.sequence import AckCadence, Receipt, ReceiveCounter, difference, is_after, successor

LAST = 0xFFFFFFFF
positions = st.integers(0, LAST)


def test_numbers_begin_with_one_and_skip_zero_when_they_wrap():
    assert successor(0) == 1
    assert successor(LAST) == 1


@given(positions, st.integers(-(2**31), 2**31 - 1))
def test_a_distance_of_less_than_half_the_circle_is_told_exactly(start, distance):
    assert difference((start + distance) % 2**32, start) == distance


def test_after_the_wrap_comes_later_than_before_it():
    assert is_after(1, LAST)
    assert not is_after(LAST, 1)


def test_frames_are_accepted_across_the_wrap():
    counter = ReceiveCounter(recv=LAST - 1)
    counter.decide(counting=True)
    assert [counter.admit(seq) for seq in (LAST, 1, 2)] == [Receipt.ACCEPT] * 3
    assert counter.admit(LAST) is Receipt.DUPLICATE
    assert counter.recv == 2


def test_a_hole_is_reported_once_and_what_follows_is_discarded():
    counter = ReceiveCounter()
    counter.admit(1)
    assert counter.admit(3) is Receipt.GAP
    assert counter.admit(4) is Receipt.DISCARD
    assert counter.recv == 1
    assert [counter.admit(seq) for seq in (2, 3, 4)] == [Receipt.ACCEPT] * 3
    assert counter.admit(6) is Receipt.GAP


def test_a_hole_that_cannot_be_filled_is_skipped():
    counter = ReceiveCounter()
    counter.admit(1)
    counter.admit(5)
    counter.skip_to(5)
    assert counter.admit(6) is Receipt.ACCEPT
    counter.skip_to(2)
    assert counter.recv == 6


def test_unreadable_frames_count_once_the_peer_counts():
    counter = ReceiveCounter()
    counter.admit(1)
    counter.consume_unreadable()
    assert counter.admit(3) is Receipt.ACCEPT


def test_unreadable_frames_before_the_first_number_may_have_been_counted_or_not():
    for first in (1, 2):
        counter = ReceiveCounter()
        counter.consume_unreadable()
        assert counter.admit(first) is Receipt.ACCEPT
        assert counter.recv == first


def test_a_peer_that_does_not_count_never_begins_to():
    counter = ReceiveCounter()
    counter.decide(counting=False)
    counter.consume_unreadable()
    assert not counter.consume(1)
    assert counter.recv == 0


def test_an_acknowledgement_is_due_after_32_frames():
    cadence = AckCadence()
    assert [cadence.received(0.0) for _ in range(32)] == [False] * 31 + [True]


def test_an_acknowledgement_is_due_a_second_after_the_oldest_open_frame():
    cadence = AckCadence()
    assert cadence.deadline is None
    cadence.received(10.0)
    cadence.received(10.9)
    assert cadence.deadline == 11.0
    cadence.acknowledged()
    assert not cadence.pending
    assert cadence.deadline is None
