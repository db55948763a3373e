import math

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.playout import STALL_PATIENCE_S, Playout, PlayoutSettings, PlayoutState

RATE = 16_000
BLIND = PlayoutSettings(RATE, reports=False, buffer_ms=2000, start_ms=100, estimated_window_ms=600)
REPORTS = PlayoutSettings(RATE, reports=True, buffer_ms=2000, start_ms=100)


def sent(device, *ends, at=0.0, round_trip=0.0):
    playout = Playout(device)
    for end in ends:
        playout.on_sent(end, at, round_trip)
    return playout


def test_before_anything_was_sent_nothing_is_heard_and_nothing_remains():
    playout = Playout(REPORTS)
    assert playout.heard(1e9) == playout.sent == 0
    assert playout.remaining(5.0) == 0.0


def test_the_first_frame_sounds_after_half_a_round_trip_and_the_devices_buffering():
    playout = sent(BLIND, RATE, at=10.0, round_trip=0.2)
    assert playout.heard(10.2) == 0
    assert playout.heard(10.3) == 1600
    assert playout.heard(11.2) == RATE
    assert playout.heard(99.0) == RATE


def test_a_later_frame_does_not_move_what_is_playing():
    playout = sent(BLIND, RATE)
    playout.on_sent(2 * RATE, 0.5)
    assert playout.heard(1.1) == RATE


def test_time_in_which_the_device_had_nothing_to_play_is_not_heard():
    playout = sent(BLIND, RATE)  # over at 1.1 s
    playout.on_sent(2 * RATE, 3.0)
    assert playout.heard(3.0) == RATE
    assert playout.heard(3.25) == RATE + RATE // 4
    assert playout.remaining(3.25) == 0.75


def test_several_underruns_add_up():
    playout = Playout(BLIND)
    for number in range(5):
        playout.on_sent((number + 1) * RATE // 10, number * 1.0)
    assert abs(playout.heard(4.05) - (4 * RATE // 10 + 800)) <= 1


def test_a_report_is_taken_as_it_is_and_extrapolated():
    playout = sent(REPORTS, 2 * RATE)
    playout.on_report(1000, PlayoutState.PLAYING, 5.0)
    assert playout.heard(5.0) == 1000
    assert playout.heard(5.5) == 9000
    assert playout.heard(50.0) == 2 * RATE


def test_a_report_cannot_claim_more_than_was_sent_nor_less_than_nothing():
    playout = sent(REPORTS, RATE)
    playout.on_report(10 * RATE, PlayoutState.PLAYING, 0.0)
    assert playout.heard(0.0) == RATE
    playout.on_report(-5, PlayoutState.PLAYING, 0.0)
    assert playout.heard(0.0) == 0


def test_a_stalled_device_stays_where_it_is_for_a_while_and_goes_on_from_there():
    playout = sent(REPORTS, RATE)
    playout.on_report(4000, PlayoutState.STALLED, 1.0)
    assert playout.heard(1.0 + STALL_PATIENCE_S) == 4000
    assert playout.heard(1.5 + STALL_PATIENCE_S) == 12_000
    playout.on_report(4000, PlayoutState.PLAYING, 2.0)
    assert playout.heard(2.5) == 12_000


def test_frames_that_reach_a_stalled_device_do_not_make_it_play():
    playout = sent(REPORTS, RATE)
    playout.on_report(0, PlayoutState.STALLED, 0.5)
    playout.on_sent(RATE + 320, 3.0)
    assert playout.heard(3.0) == playout.heard(9.0) == 0


def test_done_is_about_what_had_been_sent_by_then():
    playout = sent(REPORTS, RATE)
    playout.on_report(RATE, PlayoutState.DONE, 1.0)
    assert playout.remaining(1.0) == 0.0
    playout.on_sent(2 * RATE, 2.0)
    assert playout.heard(2.0) == RATE
    assert playout.remaining(2.0) == 1.0


def test_flushed_is_final():
    playout = sent(REPORTS, RATE)
    playout.on_report(3000, PlayoutState.FLUSHED, 0.3)
    playout.on_sent(2 * RATE, 0.4)
    assert playout.flushed
    assert playout.heard(99.0) == 3000
    assert playout.remaining(0.4) == 0.0


def test_a_window_lets_frames_out_as_earlier_ones_are_heard():
    playout = sent(BLIND, 9600)  # 600 ms, the window
    assert playout.wait_before(9600, 9920, 0.0) == 0.1 + 0.02
    assert playout.wait_before(9600, 9920, 0.1201) == 0.0
    assert playout.wait_before(0, 320, 0.0) == 0.0


def test_the_window_is_the_devices_buffer_or_the_servers_cap():
    assert PlayoutSettings(RATE, True, 800).window == 12_800
    assert PlayoutSettings(RATE, True, 60_000).window == 32_000
    assert PlayoutSettings(RATE, False, 60_000).window == 9_600
    assert PlayoutSettings(8000, False, 100).window == 800


def test_a_frame_larger_than_the_window_goes_when_all_before_it_was_heard():
    playout = sent(PlayoutSettings(RATE, True, buffer_ms=10, start_ms=0), 960)
    assert playout.wait_before(960, 1920, 0.0) == 0.06
    assert playout.wait_before(960, 1920, 0.06) == 0.0


def test_frames_that_nobody_has_taken_yet_hold_back_the_next():
    assert Playout(REPORTS).wait_before(RATE, 3 * RATE, 0.0) == math.inf


def test_a_device_that_says_done_or_flushed_too_early_cannot_hold_up_its_reply():
    for state in (PlayoutState.DONE, PlayoutState.FLUSHED):
        playout = sent(REPORTS, 2 * RATE)
        playout.on_report(0, state, 1.0)
        wait = playout.wait_before(2 * RATE, 3 * RATE, 1.0)
        assert 0 < wait <= 1.0
        assert playout.wait_before(2 * RATE, 3 * RATE, 1.0 + wait) == 0.0


STEPS = st.lists(
    st.tuples(
        st.floats(0, 3, allow_nan=False),  # seconds that pass
        st.integers(0, 40_000),  # samples sent
        st.floats(0, 0.5),  # round trip
        st.sampled_from([None, None, *PlayoutState]),
        st.integers(-1000, 200_000),  # what the device says
    ),
    max_size=30,
)


@settings(max_examples=50)
@given(STEPS, st.booleans())
def test_what_was_heard_lies_between_nothing_and_what_was_sent(steps, reports):
    playout, now, end = Playout(PlayoutSettings(RATE, reports)), 0.0, 0
    for seconds, samples, round_trip, state, pts in steps:
        now += seconds
        end += samples
        playout.on_sent(end, now, round_trip)
        if state is not None:
            playout.on_report(pts, state, now)
        for later in (now, now + 0.1, now + 100):
            assert 0 <= playout.heard(later) <= playout.sent == end
            assert playout.remaining(later) >= 0


@settings(max_examples=50)
@given(STEPS)
def test_without_reports_what_was_heard_never_shrinks(steps):
    playout, now, end, heard = Playout(BLIND), 0.0, 0, 0
    for seconds, samples, round_trip, _, _ in steps:
        now += seconds
        assert playout.heard(now) >= heard
        end += samples
        playout.on_sent(end, now, round_trip)
        assert playout.heard(now) >= heard
        heard = playout.heard(now)


@settings(max_examples=50)
@given(STEPS)
def test_a_wait_is_never_too_short_and_always_ends(steps):
    playout, now, end = Playout(BLIND), 0.0, 0
    for seconds, samples, round_trip, state, pts in steps:
        now += seconds
        wait = playout.wait_before(end, end + samples, now)
        assert wait >= 0
        if end and samples:
            assert wait < 60 + STALL_PATIENCE_S
            # The moment it names is the moment (to a sample).
            assert playout.wait_before(end, end + samples, now + wait + 1e-6) <= 2 / RATE
        end += samples
        playout.on_sent(end, now, round_trip)
        if state is not None:
            playout.on_report(pts, state, now)


@settings(max_examples=50)
@given(st.floats(0, 5), st.integers(1, 100_000))
def test_what_remains_is_exactly_until_all_was_heard(seconds, samples):
    playout = sent(BLIND, samples)
    left = playout.remaining(seconds)
    assert playout.heard(seconds + left + 1 / RATE) == samples
    if left > 2 / RATE:
        assert playout.heard(seconds + left - 2 / RATE) < samples
