import numpy as np
import pytest

from gateway.sessions.microphone import Microphone
from gateway.sessions.timeline import Timeline
from pipeline.errors import AudioError
from protocol.audio import AudioFormat, Encoding
from protocol.events import AudioOpen, AudioReceived

PCM = AudioFormat(Encoding.PCM_S16LE, 16_000, 20)


def microphone(default=PCM):
    timeline = Timeline()
    return Microphone(default, timeline), timeline


def frame(payload, *, stream=1, pts=0, silence=0, dtx=False):
    return AudioReceived(stream, payload, pts, start=False, end=False, dtx=dtx, silence=silence)


def pcm(*samples):
    return np.array(samples, "<i2").tobytes()


def heard(mic, received):
    return np.concatenate([np.zeros(0, np.int16), *mic.decode(received)]).tolist()


def announced(stream, codec, rate):
    return AudioOpen(stream, codec, rate, 20, "mic")


def test_frames_become_samples_at_16_khz():
    mic, timeline = microphone()
    mic.begin(1, 500)
    assert mic.stream == 1
    assert heard(mic, frame(pcm(1, -2, 3))) == [1, -2, 3]
    assert timeline.locate(502) == (1, 2)


def test_silence_that_is_missing_comes_before_the_frame():
    mic, _ = microphone()
    mic.begin(1, 0)
    assert heard(mic, frame(pcm(7), silence=3)) == [0, 0, 0, 7]


def test_an_empty_packet_is_a_frame_of_silence():
    mic, _ = microphone()
    mic.begin(1, 0)
    assert heard(mic, frame(b"", dtx=True)) == [0] * 320


def test_an_announced_stream_has_its_own_format():
    mic, timeline = microphone()
    mic.announce(announced(2, "pcmu", 8000))
    mic.begin(2, 1000)
    samples = heard(mic, frame(bytes(800), stream=2))
    assert 0 < len(samples) <= 1600  # twice as many, but for what the resampler holds back
    rest = mic.end()
    assert len(samples) + len(rest) == 1600
    assert timeline.locate(1160) == (2, 80)


def test_an_announcement_is_for_one_life_of_the_stream():
    mic, _ = microphone()
    mic.announce(announced(1, "pcmu", 8000))
    mic.begin(1, 0)
    mic.forget(1)
    mic.end()
    mic.begin(1, 0)
    assert heard(mic, frame(pcm(1, 2))) == [1, 2]


def test_a_stream_that_is_started_anew_keeps_its_format():
    mic, _ = microphone()
    mic.announce(announced(1, "pcm_s16le", 48_000))
    mic.begin(1, 0)
    mic.begin(1, 0)
    mic.decode(frame(bytes(4800)))
    assert len(mic.end()) < 800
    # ... also when another stream was the microphone in between.
    mic.begin(2, 0)
    mic.begin(1, 0)
    assert sum(map(len, mic.decode(frame(bytes(4800))))) + len(mic.end()) == 800


def test_a_stream_may_be_announced_anew_before_it_has_ended():
    mic, _ = microphone()
    mic.begin(1, 0)
    mic.announce(announced(1, "pcmu", 8000))
    assert heard(mic, frame(pcm(1, 2))) == [1, 2]
    mic.forget(1)
    mic.end()
    mic.begin(1, 2)
    assert sum(map(len, mic.decode(frame(bytes(80))))) + len(mic.end()) == 160


def test_behind_a_gap_the_stream_goes_on_in_its_format():
    mic, timeline = microphone()
    mic.begin(1, 0)
    mic.decode(frame(pcm(1, 2)))
    mic.skip(48_000, 2)
    assert heard(mic, frame(pcm(3), pts=48_000)) == [3]
    assert timeline.locate(2) == (1, 48_000)


def test_a_payload_that_cannot_be_decoded_leaves_the_stream_as_it_is():
    mic, _ = microphone(AudioFormat(Encoding.OPUS, 16_000, 20))
    mic.begin(1, 0)
    with pytest.raises(AudioError):
        mic.decode(frame(b"\xfb\xff\xff\xff"))
    # A code-0 packet of silence; the decoder still works.
    assert sum(map(len, mic.decode(frame(b"", dtx=True)))) > 0
    mic.close()


def test_without_a_format_nothing_is_heard():
    mic, _ = microphone(None)
    mic.begin(1, 0)
    assert mic.decode(frame(pcm(1))) == []
    assert mic.end() is None


def test_after_its_end_a_stream_is_silent_and_closing_twice_is_no_trouble():
    mic, _ = microphone()
    mic.begin(1, 0)
    mic.end()
    assert mic.decode(frame(pcm(1))) == []
    assert mic.end() is None
    mic.close()
    mic.close()


def test_what_the_resampler_holds_back_can_be_had_while_the_stream_goes_on():
    mic, timeline = microphone(AudioFormat(Encoding.PCM_S16LE, 48_000, 20))
    mic.begin(1, 0)
    first = heard(mic, frame(bytes(2 * 960)))
    rest = mic.catch_up()
    assert len(first) + len(rest) == 320
    assert len(mic.catch_up()) == 0
    second = heard(mic, frame(bytes(2 * 960), pts=960))
    assert len(second) + len(mic.catch_up()) == 320
    assert timeline.locate(640) == (1, 1920)


def test_opus_holds_nothing_back():
    mic, _ = microphone(AudioFormat(Encoding.OPUS, 48_000, 20))
    assert mic.catch_up() is None
    mic.begin(1, 0)
    assert mic.catch_up() is None
