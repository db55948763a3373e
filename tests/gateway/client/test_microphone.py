"""What the simulated microphone captures, and when."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from gateway.client.errors import ClientError
from gateway.client.microphone import Microphone, open_live, resample
from gateway.client.wav import Recording


def ramp(length, start=1000):
    return Recording(np.arange(start, start + length, dtype=np.int16), 16_000)


def test_it_is_silent_until_it_is_spoken_to():
    microphone = Microphone(rate=16_000, frame_samples=320)
    assert not microphone.next_frame().any()
    assert microphone.position == 320


def test_a_recording_begins_with_the_next_frame_and_knows_when_it_was_spoken():
    microphone = Microphone(rate=16_000, frame_samples=320)
    microphone.open(100.0)
    microphone.next_frame()
    silence = np.zeros(160, np.int16)
    recording = Recording(np.concatenate([silence, ramp(320).samples, silence]), 16_000)
    utterance = microphone.say(recording, "hello")
    assert utterance.onset_at is None
    assert microphone.is_speaking
    frames = [microphone.next_frame() for _ in range(3)]
    assert np.concatenate(frames)[:640].tolist() == recording.samples.tolist()
    assert not microphone.is_speaking
    assert (utterance.begin, utterance.end) == (320, 960)
    assert utterance.onset_at == pytest.approx(100.0 + 480 / 16_000)
    assert utterance.end_of_speech_at == pytest.approx(100.0 + 800 / 16_000)


def test_recordings_follow_each_other_without_a_gap():
    microphone = Microphone(rate=16_000, frame_samples=320)
    first, second = microphone.say(ramp(100)), microphone.say(ramp(50, 5000))
    frame = microphone.next_frame()
    assert (first.begin, second.begin) == (0, 100)
    assert frame[100] == 5000
    assert not frame[150:].any()


def test_frames_are_due_when_their_last_sample_was_captured():
    microphone = Microphone(rate=16_000, frame_samples=320)
    microphone.open(5.0)
    assert microphone.next_due() == pytest.approx(5.02)
    microphone.next_frame()
    assert microphone.next_due() == pytest.approx(5.04)


def test_live_audio_is_played_where_no_recording_is_and_the_oldest_gives_way():
    microphone = Microphone(rate=1000, frame_samples=100, live_limit_s=0.2)
    for level in range(1, 6):
        microphone.hear_live(np.full(60, level, np.int16))
    frame = microphone.next_frame()
    assert frame.tolist() == [3] * 60 + [4] * 40


def test_a_recording_of_another_rate_keeps_its_duration():
    microphone = Microphone(rate=8000, frame_samples=160)
    utterance = microphone.say(Recording(np.full(44_100, 3000, np.int16), 44_100))
    assert utterance.samples == 8000
    assert len(resample(np.zeros(441, np.int16), 44_100, 16_000)) == 160


async def test_without_sounddevice_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with (
        pytest.raises(ClientError, match=r"pip install 'parley\[microphone\]'"),
        open_live(Microphone(rate=16_000, frame_samples=320)),
    ):
        pass


def spoken(microphone, count):
    return [microphone.next_cut() for _ in range(count)]


def test_frames_that_others_have_too_are_named_and_not_copied():
    microphone = Microphone(rate=16_000, frame_samples=320)
    assert spoken(microphone, 1)[0].recording is None
    recording = ramp(700)
    utterance = microphone.say(recording)
    cuts = spoken(microphone, 5)
    assert all(cut.samples is None for cut in cuts)
    assert [(cut.recording is recording, cut.index) for cut in cuts] == [
        (True, index) for index in range(5)
    ]
    assert (utterance.begin, utterance.end) == (320, 1020)
    assert microphone.position == 6 * 320


def test_what_nobody_else_has_is_handed_over_as_samples():
    microphone = Microphone(rate=16_000, frame_samples=320)
    first, second = microphone.say(ramp(400)), microphone.say(ramp(500, 5000))
    named, mixed, own = spoken(microphone, 3)
    assert named.samples is None
    assert mixed.samples.tolist() == [*range(1320, 1400), *range(5000, 5240)]
    assert own.samples.tolist() == [*range(5240, 5500)] + [0] * 60
    assert (first.begin, second.begin) == (0, 400)
    microphone.hear_live(np.full(320, 7, np.int16))
    assert spoken(microphone, 1)[0].samples.tolist() == [7] * 320
    assert spoken(microphone, 1)[0].recording is None


def test_a_recording_of_another_rate_is_nothing_that_others_share():
    microphone = Microphone(rate=8000, frame_samples=160)
    microphone.say(ramp(1600))
    assert spoken(microphone, 1)[0].samples is not None
