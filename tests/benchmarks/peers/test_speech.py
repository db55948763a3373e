import numpy as np
import pytest

from benchmarks.peers.speech import MicrophoneTrack, utterances
from benchmarks.peers.terms import FRAME_BYTES, TERMS


def test_the_terms_add_up_to_a_reply_for_a_third_of_the_time():
    assert TERMS.reply == "This is a scripted answer, which is long"
    assert TERMS.reply_s == pytest.approx(2.4)
    assert TERMS.reply_samples == 38_400
    assert TERMS.cycle_s == 8.0
    assert TERMS.stated_s == 0.7


def test_an_utterance_is_whole_frames_with_its_speech_inside():
    for each in utterances():
        assert {len(frame) for frame in each.frames} == {FRAME_BYTES}
        assert 0 < each.onset < each.end <= len(each.frames) * 320
        samples = np.frombuffer(b"".join(each.frames), "<i2")
        assert np.abs(samples[: each.onset]).max() <= 104  # -50 dBFS


def test_a_microphone_hears_silence_between_utterances():
    [name] = utterances(("name",))
    track = MicrophoneTrack(100.0)
    assert track.take() == bytes(FRAME_BYTES)
    spoken = track.say(name)
    assert spoken.onset_at == pytest.approx(100.02 + name.onset / 16_000)
    assert spoken.end_at - spoken.onset_at == pytest.approx(name.speech_s)
    assert tuple(track.take() for _ in name.frames) == name.frames
    assert track.take() == bytes(FRAME_BYTES)


def test_a_frame_is_due_when_its_last_sample_is_captured():
    track = MicrophoneTrack(100.0)
    dues = []
    for _ in range(3):
        dues.append(track.due_at)
        track.take()
    assert dues == pytest.approx([100.02, 100.04, 100.06])


def test_an_utterance_waits_for_the_one_before_it():
    [stop] = utterances(("stop",))
    track = MicrophoneTrack(0.0)
    first, second = track.say(stop), track.say(stop)
    assert second.onset_at - first.onset_at == pytest.approx(len(stop.frames) * 0.02)
