"""The simulated loudspeaker, under a clock of the test's own."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.client.speaker import Speaker

STREAM = 0x0100
FRAME = 160  # 20 ms at 8 kHz


def tone(samples=FRAME, level=1000):
    return np.full(samples, level, np.int16)


def make(**settings) -> Speaker:
    speaker = Speaker(start_ms=100, report_ms=500, **settings)
    speaker.open(STREAM, response="r_1", rate=8000, audio_rate=8000, now=0.0)
    return speaker


def feed(speaker, frames, *, now, first=0, stream=STREAM):
    for i in range(first, first + frames):
        speaker.play(stream, pts=i * FRAME, samples=FRAME, audio=tone(), now=now)


def states(reports):
    return [(report.state, report.pts) for report in reports]


def test_playback_starts_after_the_devices_delay_and_reports_start_and_done():
    speaker = make()
    assert speaker.next_deadline() is None
    feed(speaker, 10, now=1.0)
    speaker.end(STREAM, 1.0)
    assert speaker.next_deadline() == pytest.approx(1.1)
    assert speaker.poll(1.05) == []
    assert states(speaker.poll(1.1)) == [("start", 0)]
    assert speaker.next_deadline() == pytest.approx(1.3)
    assert states(speaker.poll(1.31)) == [("done", 1600)]
    assert speaker.is_idle
    [playback] = speaker.history
    assert playback.outcome == "done"
    assert playback.started_at == pytest.approx(1.1)
    assert playback.ended_at == pytest.approx(1.3)
    assert playback.underruns == 0


def test_progress_is_reported_every_half_second():
    speaker = make()
    feed(speaker, 100, now=0.0)
    speaker.poll(0.1)
    reports = []
    while speaker.current and speaker.current.received > speaker.current.heard:
        deadline = speaker.next_deadline()
        assert deadline is not None
        reports += states(speaker.poll(deadline))
    assert reports == [
        ("playing", 4000),
        ("playing", 8000),
        ("playing", 12000),
        ("stalled", 16000),
    ]


def test_a_flush_tells_what_was_heard_and_nothing_is_heard_afterwards():
    speaker = make()
    feed(speaker, 100, now=0.0)
    speaker.poll(0.1)
    speaker.flush(STREAM, 0.6)
    assert states(speaker.poll(0.6)) == [("flushed", 4000)]
    feed(speaker, 5, now=0.7, first=100)
    speaker.poll(2.0)
    [playback] = speaker.history
    assert playback.outcome == "flushed"
    assert playback.heard == 4000
    assert len(playback.heard_audio()) == 4000
    assert playback.late_frames == 5
    assert playback.late_at == 0.7


def test_a_flush_ends_older_streams_too_and_spares_newer_ones():
    speaker = make()
    for stream in (STREAM + 1, STREAM + 2):
        speaker.open(stream, response="r_2", rate=8000, audio_rate=8000, now=0.0)
        feed(speaker, 5, now=0.0, stream=stream)
    feed(speaker, 5, now=0.0)
    speaker.flush(STREAM + 1, 0.15)
    assert [playback.outcome for playback in speaker.history] == ["flushed", "flushed", None]
    assert [(report.stream, report.state) for report in speaker.poll(0.15)] == [
        (STREAM, "start"),
        (STREAM + 1, "flushed"),
        (STREAM + 2, "start"),
    ]


def test_ids_wrap_at_16_bits():
    speaker = Speaker()
    for stream in (0xFFFF, 0x0100):
        speaker.open(stream, response="r", rate=8000, audio_rate=8000, now=0.0)
    speaker.flush(0x0100, 1.0)
    assert speaker.is_idle


def test_an_underrun_is_counted_when_the_sound_goes_on():
    speaker = make()
    feed(speaker, 5, now=0.0)  # 100 ms
    speaker.poll(0.1)
    assert states(speaker.poll(0.25)) == [("stalled", 800)]
    feed(speaker, 5, now=0.4, first=5)
    speaker.end(STREAM, 0.4)
    assert states(speaker.poll(0.5)) == [("playing", 800)]
    assert states(speaker.poll(0.7)) == [("done", 1600)]
    [playback] = speaker.history
    assert playback.underruns == 1
    assert playback.stalled_s == pytest.approx(0.3)


def test_an_end_that_comes_after_the_last_sample_is_no_underrun():
    speaker = make()
    feed(speaker, 5, now=0.0)
    assert states(speaker.poll(0.3)) == [("start", 0), ("stalled", 800)]
    speaker.end(STREAM, 0.31)
    assert states(speaker.poll(0.31)) == [("done", 800)]
    assert speaker.history[0].underruns == 0
    assert speaker.history[0].ended_at == pytest.approx(0.2)


def test_streams_play_one_after_the_other():
    speaker = make()
    feed(speaker, 5, now=0.0)
    speaker.end(STREAM, 0.0)
    speaker.open(STREAM + 1, response="r_2", rate=8000, audio_rate=8000, now=0.05)
    feed(speaker, 5, now=0.05, stream=STREAM + 1)
    speaker.poll(0.5)
    first, second = speaker.history
    assert first.ended_at == pytest.approx(0.2)
    assert second.started_at == pytest.approx(0.2)


def test_a_stream_without_audio_is_done_at_once():
    speaker = make()
    speaker.end(STREAM, 0.0)
    assert states(speaker.poll(0.0)) == [("done", 0)]


def test_a_gap_in_the_positions_is_heard_as_silence():
    speaker = make()
    speaker.play(STREAM, pts=0, samples=FRAME, audio=tone(), now=0.0)
    speaker.play(STREAM, pts=3 * FRAME, samples=FRAME, audio=tone(), now=0.0)
    audio = speaker.history[0].received_audio()
    assert len(audio) == 4 * FRAME
    assert not audio[FRAME : 3 * FRAME].any()


def test_first_audible_counts_the_silence_in_front():
    speaker = make()
    speaker.play(STREAM, pts=0, samples=FRAME, audio=tone(level=50), now=1.0)
    quiet_then_loud = np.concatenate([tone(80, 0), tone(80)])
    speaker.play(STREAM, pts=FRAME, samples=FRAME, audio=quiet_then_loud, now=1.001)
    [playback] = speaker.history
    assert playback.first_audio_at == 1.0
    assert playback.first_audible_at == pytest.approx(1.03)


def test_positions_scale_where_audio_is_decoded_at_another_rate():
    speaker = Speaker(start_ms=0)
    speaker.open(STREAM, response="r", rate=24_000, audio_rate=16_000, now=0.0)
    speaker.play(STREAM, pts=0, samples=24_000, audio=tone(16_000), now=0.0)
    speaker.poll(0.0)
    speaker.flush(STREAM, 0.5)
    [playback] = speaker.history
    assert playback.heard == 12_000
    assert len(playback.heard_audio()) == 8_000


def test_a_load_client_keeps_no_audio():
    speaker = make(keep_audio=False)
    feed(speaker, 5, now=0.0)
    assert speaker.history[0].received == 800
    assert len(speaker.history[0].received_audio()) == 0


def test_frames_of_an_unknown_stream_are_dropped():
    speaker = Speaker()
    feed(speaker, 1, now=0.0)
    assert speaker.is_idle


def test_a_listener_learns_of_start_and_end():
    told = []
    speaker = make(listen=lambda playback: told.append(playback.outcome))
    feed(speaker, 5, now=0.0)
    speaker.end(STREAM, 0.0)
    speaker.poll(0.1)
    speaker.poll(0.5)
    assert told == [None, "done"]


def test_the_longest_time_between_two_frames_is_noted():
    speaker = make()
    for first, now in enumerate((0.0, 0.02, 0.31, 0.33)):
        feed(speaker, 1, now=now, first=first)
    assert speaker.history[0].longest_gap_s == pytest.approx(0.29)


def test_samples_are_needed_until_one_is_audible_unless_they_are_kept():
    loud = np.full(320, 4000, np.int16)
    for keep_audio in (False, True):
        speaker = Speaker(keep_audio=keep_audio)
        speaker.open(256, response="r", rate=16_000, audio_rate=16_000, now=0.0)
        assert speaker.needs_samples(256)
        speaker.play(256, pts=0, samples=320, audio=np.zeros(320, np.int16), now=0.0)
        assert speaker.needs_samples(256)
        speaker.play(256, pts=320, samples=320, audio=loud, now=0.01)
        assert speaker.needs_samples(256) is keep_audio
        assert speaker.history[0].first_audible_at is not None
