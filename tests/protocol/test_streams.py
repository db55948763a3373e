import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.audio import AudioFormat, Encoding
from protocol.errors import BadFrame, MalformedMessage
from protocol.events import AudioEnded, AudioInterrupted, AudioOpen, AudioReceived
from protocol.frames import Flag, Frame
from protocol.streams import UplinkStreams

PCM = AudioFormat(Encoding.PCM_S16LE, 16_000, 20)
BLOCK = bytes(640)


def frame(pts: int, payload: bytes = BLOCK, *, stream: int = 1, flags: Flag = Flag.NONE) -> Frame:
    return Frame(stream, 0, pts % 2**32, 0, payload, flags)


def started(audio: AudioFormat | None = PCM) -> UplinkStreams:
    streams = UplinkStreams(audio, 4)
    assert streams.accept(frame(0, flags=Flag.START)) == [AudioReceived(1, BLOCK, 0, start=True)]
    return streams


def test_frames_follow_each_other():
    streams = started()
    assert streams.accept(frame(320)) == [AudioReceived(1, BLOCK, 320)]
    assert streams.accept(frame(640)) == [AudioReceived(1, BLOCK, 640)]


def test_an_end_closes_the_stream_after_its_samples():
    streams = started()
    assert streams.accept(frame(320, flags=Flag.END)) == [
        AudioReceived(1, BLOCK, 320, end=True),
        AudioEnded(1, 640),
    ]
    with pytest.raises(BadFrame, match="not open"):
        streams.accept(frame(640))


def test_an_end_may_be_empty():
    streams = started()
    assert streams.accept(frame(320, b"", flags=Flag.END)) == [AudioEnded(1, 320)]


def test_the_same_id_may_start_again_after_its_end():
    streams = started()
    streams.accept(frame(320, b"", flags=Flag.END))
    assert streams.accept(frame(0, flags=Flag.START)) == [AudioReceived(1, BLOCK, 0, start=True)]


def test_the_next_id_needs_no_announcement_after_an_end():
    streams = started()
    streams.accept(frame(320, b"", flags=Flag.END))
    [event] = streams.accept(frame(0, stream=2, flags=Flag.START))
    assert event == AudioReceived(2, BLOCK, 0, start=True)


def test_a_start_on_an_open_stream_restarts_it():
    streams = started()
    assert streams.accept(frame(0, flags=Flag.START)) == [AudioReceived(1, BLOCK, 0, start=True)]
    assert streams.accept(frame(320)) == [AudioReceived(1, BLOCK, 320)]


@pytest.mark.parametrize("flags", [Flag.NONE, Flag.DISCONT])
@pytest.mark.parametrize("missing", [1, 16_000])
def test_a_gap_of_up_to_a_second_becomes_silence(flags, missing):
    streams = started()
    [event] = streams.accept(frame(320 + missing, flags=flags))
    assert event == AudioReceived(1, BLOCK, 320 + missing, silence=missing)


def test_a_longer_gap_interrupts_the_stream_and_goes_on():
    streams = started()
    assert streams.accept(frame(320 + 16_001)) == [
        AudioInterrupted(1, 16_321),
        AudioReceived(1, BLOCK, 16_321),
    ]
    assert streams.accept(frame(16_641)) == [AudioReceived(1, BLOCK, 16_641)]


def test_a_frame_behind_the_stream_is_dropped():
    streams = started()
    with pytest.raises(BadFrame, match="1 samples behind"):
        streams.accept(frame(319))
    assert streams.accept(frame(320)) == [AudioReceived(1, BLOCK, 320)]


def test_positions_go_on_growing_when_pts_wraps():
    streams = started()
    position = 320
    while position < 2**32:
        position += 2**31 - 320
        events = streams.accept(frame(position))
        assert events == [AudioInterrupted(1, position), AudioReceived(1, BLOCK, position)]
        position += 320
    assert streams.accept(frame(position)) == [AudioReceived(1, BLOCK, position)]


def test_an_empty_dtx_frame_lasts_one_usual_frame():
    streams = started()
    assert streams.accept(frame(320, b"", flags=Flag.DTX)) == [AudioReceived(1, b"", 320, dtx=True)]
    assert streams.accept(frame(640)) == [AudioReceived(1, BLOCK, 640)]


def test_a_bad_payload_is_dropped_and_its_place_becomes_silence():
    streams = started()
    with pytest.raises(BadFrame, match="not whole samples"):
        streams.accept(frame(320, bytes(639)))
    assert streams.accept(frame(640)) == [AudioReceived(1, BLOCK, 640, silence=320)]


def test_a_start_with_a_bad_payload_still_opens_the_stream():
    streams = UplinkStreams(PCM, 4)
    with pytest.raises(BadFrame):
        streams.accept(frame(0, bytes(639), flags=Flag.START))
    assert streams.accept(frame(320)) == [AudioReceived(1, BLOCK, 320, start=True, silence=320)]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (frame(0), "not open"),
        (frame(5, flags=Flag.START), "START has pts 5"),
        (frame(0, stream=256, flags=Flag.START), "is the server's"),
        (frame(0, b"", flags=Flag.START), "payload is empty"),
    ],
)
def test_frames_that_open_nothing_are_refused(bad, problem):
    with pytest.raises(BadFrame, match=problem) as caught:
        UplinkStreams(PCM, 4).accept(bad)
    assert caught.value.stream == bad.stream


def test_a_client_that_agreed_to_send_nothing_must_announce_a_stream():
    streams = UplinkStreams(None, 4)
    with pytest.raises(BadFrame, match=r"audio\.open"):
        streams.accept(frame(0, flags=Flag.START))
    streams.declare(AudioOpen(1, Encoding.PCMU, 8000, 20, "mic"))
    [event] = streams.accept(frame(0, bytes(160), flags=Flag.START))
    assert streams.format_of(1) == AudioFormat(Encoding.PCMU, 8000, 20)
    assert event.pts == 0


def test_a_second_stream_must_be_announced():
    streams = started()
    with pytest.raises(BadFrame, match="stream 1 is open"):
        streams.accept(frame(0, stream=2, flags=Flag.START))
    streams.declare(AudioOpen(2, Encoding.PCM_S16LE, 8000, 20, "mic"))
    streams.accept(frame(0, stream=2, flags=Flag.START))
    assert streams.open_streams == {1, 2}


def test_an_announced_format_holds_from_the_next_start_and_for_that_stream_only():
    streams = started()
    streams.declare(AudioOpen(1, Encoding.PCMA, 8000, 20, "mic"))
    assert streams.format_of(1) == PCM
    streams.accept(frame(0, bytes(160), flags=Flag.START))
    assert streams.format_of(1).codec is Encoding.PCMA
    streams.accept(frame(160, b"", flags=Flag.END))
    streams.accept(frame(0, flags=Flag.START))
    assert streams.format_of(1) == PCM


def test_no_more_streams_than_agreed_are_open():
    streams = UplinkStreams(PCM, 2)
    for stream in (1, 2):
        streams.declare(AudioOpen(stream, Encoding.PCM_S16LE, 8000, 20, "mic"))
    with pytest.raises(MalformedMessage, match="2 streams are open") as caught:
        streams.declare(AudioOpen(3, Encoding.PCM_S16LE, 8000, 20, "mic"))
    assert caught.value.code == "bad_event"


def test_g711_is_announced_with_8000_only():
    with pytest.raises(MalformedMessage) as caught:
        UplinkStreams(PCM, 4).declare(AudioOpen(1, Encoding.PCMU, 16_000, 20, "mic"))
    assert caught.value.path == "rate"


def test_a_discarded_stream_is_silent_until_it_starts_again():
    streams = UplinkStreams(PCM, 4)
    streams.discard(1)
    assert streams.accept(frame(640)) == []
    assert streams.accept(frame(0, flags=Flag.START)) == [AudioReceived(1, BLOCK, 0, start=True)]


@given(
    st.lists(
        st.tuples(st.integers(-400, 40_000), st.integers(0, 700), st.sampled_from(list(range(32)))),
        max_size=40,
    )
)
def test_accepted_audio_never_runs_backwards(steps):
    streams = UplinkStreams(PCM, 4)
    position = 0
    for jump, size, flags in steps:
        try:
            events = streams.accept(frame(position + jump, bytes(size), flags=Flag(flags)))
        except BadFrame:
            continue
        for event in events:
            if isinstance(event, AudioReceived):
                position = 0 if event.start and not event.silence else position
                assert event.pts >= position
                assert 0 <= event.silence <= 16_000
                position = event.pts + len(event.payload) // 2
