from hypothesis import given
from hypothesis import strategies as st

from protocol.frames import Flag, Frame, pack, parse
from protocol.replay import SentLog


def log_of(*numbers: int, max_bytes: int = 1000, max_age_s: float = 100.0) -> SentLog:
    log = SentLog(max_bytes, max_age_s)
    for at, seq in enumerate(numbers):
        log.append(seq, f"<{seq}>", 10, float(at))
    return log


def test_everything_from_a_number_on_is_sent_again():
    assert log_of(1, 2, 3, 4).since(3, 4).frames == ("<3>", "<4>")


def test_acknowledged_frames_are_forgotten_across_the_wrap():
    log = log_of(0xFFFFFFFE, 0xFFFFFFFF, 1, 2)
    log.acknowledge(1)
    assert log.since(2, 2).frames == ("<2>",)
    assert log.size == 10


def test_audio_that_is_sent_again_says_so():
    log = SentLog(1000, 10)
    log.append(1, pack(Frame(0x100, 1, 0, 0, b"x")), 17, 0.0)
    [frame] = log.since(1, 1).frames
    assert parse(frame).flags == Flag.REPLAY


def test_what_is_gone_is_named():
    log = log_of(1, 2, 3, 4, max_bytes=20)
    assert log.since(1, 4).lost == (1, 2)
    assert log.since(3, 4).lost is None
    log.acknowledge(4)
    assert log.since(2, 4).lost == (2, 4)


def test_a_frame_before_the_wrap_is_the_last_one_lost():
    log = log_of(0xFFFFFFFF, 1, max_bytes=10)
    assert log.since(0xFFFFFFFE, 1).lost == (0xFFFFFFFE, 0xFFFFFFFF)


def test_old_frames_are_forgotten():
    log = log_of(1, 2, 3, max_age_s=1.5)
    assert len(log) == 2


@given(st.lists(st.tuples(st.integers(1, 400), st.floats(0, 5)), max_size=60))
def test_the_log_keeps_to_its_bounds(steps):
    log, now, seq = SentLog(1000, 10), 0.0, 0
    for size, wait in steps:
        now, seq = now + wait, seq + 1
        log.append(seq, "x", size, now)
        assert log.size <= 1000
    replay = log.since(1, max(seq, 1))
    lost = 0 if replay.lost is None else replay.lost[1]
    assert lost + len(replay.frames) == max(seq, 1)
