from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.sessions.timeline import MOST_ANCHORS, Timeline

RATES = [8000, 12_000, 16_000, 24_000, 48_000]


def test_before_any_stream_a_position_is_the_start_of_stream_1():
    assert Timeline().locate(500) == (1, 0)
    assert Timeline().position(500) == 500


def test_positions_and_pts_run_at_their_own_rates():
    timeline = Timeline()
    timeline.anchor(1000, 3, 0, 48_000)
    assert timeline.locate(1000) == (3, 0)
    assert timeline.locate(1160) == (3, 480)
    assert timeline.position(480) == 1160
    assert timeline.locate(0) == (3, 0)


def test_each_stretch_belongs_to_its_stream():
    timeline = Timeline()
    timeline.anchor(0, 1, 0, 16_000)
    timeline.anchor(8000, 2, 0, 8000)
    assert timeline.locate(7999) == (1, 7999)
    assert timeline.locate(8000) == (2, 0)
    assert timeline.locate(8010) == (2, 5)


def test_behind_a_gap_pts_goes_on_where_the_client_says():
    timeline = Timeline()
    timeline.anchor(0, 1, 0, 16_000)
    timeline.anchor(16_000, 1, 80_000, 16_000)
    assert timeline.locate(15_999) == (1, 15_999)
    assert timeline.locate(16_001) == (1, 80_001)
    assert timeline.position(80_001) == 16_001


def test_a_stream_that_starts_over_at_once_replaces_its_anchor():
    timeline = Timeline()
    timeline.anchor(100, 1, 0, 16_000)
    timeline.anchor(100, 2, 0, 8000)
    assert timeline.locate(102) == (2, 1)


def test_a_pts_may_lie_in_the_past_or_the_future_of_its_stretch():
    timeline = Timeline()
    timeline.anchor(16_000, 1, 16_000, 16_000)
    assert timeline.position(8000) == 8000
    assert timeline.position(160_000) == 160_000
    timeline.anchor(20_000, 2, 0, 16_000)
    assert timeline.position(2**32 - 8000) == 12_000  # half a second before the stretch
    assert timeline.position(2**32 - 80_000) == 0


def test_pts_wraps_at_32_bits_as_on_the_wire():
    timeline = Timeline()
    timeline.anchor(0, 1, 2**32 - 100, 16_000)
    assert timeline.locate(99) == (1, 2**32 - 1)
    assert timeline.locate(150) == (1, 50)
    assert timeline.position(50) == 150


def test_old_stretches_are_forgotten():
    timeline = Timeline()
    for number in range(10 * MOST_ANCHORS):
        timeline.anchor(number * 100, 1 + number % 200, 0, 16_000)
    assert timeline.locate(0) == (timeline.locate(0)[0], 0)
    assert timeline.locate(10 * MOST_ANCHORS * 100 - 1)[1] == 99


@settings(max_examples=50)
@given(
    st.integers(0, 10**9),
    st.integers(0, 2**33),
    st.sampled_from(RATES),
    st.integers(0, 2**30),
)
def test_there_and_back_is_the_same_place_to_a_sample_of_the_slower_clock(
    begin, pts, rate, further
):
    timeline = Timeline()
    timeline.anchor(begin, 1, pts, rate)
    stream, at = timeline.locate(begin + further)
    assert stream == 1
    assert 0 <= at < 2**32
    if further * rate // 16_000 < 2**31:
        assert abs(timeline.position(at) - (begin + further)) <= 2
