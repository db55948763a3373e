"""What is read out of a recording: events, audio, latencies."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.recording.format import Message, Side
from benchmarks.recording.timeline import read_timeline
from tests.benchmarks.recording.sessions import HEADER, one_turn, say, sound

SERVER, CLIENT = Side.SERVER, Side.CLIENT


def test_events_keep_their_order_their_side_and_their_fields():
    events = read_timeline(one_turn()).events
    assert [event.name for event in events if event.side is CLIENT] == ["hello", "ping", "bye"]
    assert [event.name for event in events][-3:] == ["response.done", "bye", "close"]
    started = next(event for event in events if event.name == "speech.started")
    assert started.body == {"turn": "t_1", "stream": 1, "pts": 0}
    assert events[-1].body == {"code": 1000, "reason": "bye"}


def test_audio_is_put_together_with_silence_where_a_frame_is_missing():
    microphone, reply = read_timeline(one_turn()).sounds
    assert (microphone.side, microphone.stream, microphone.rate) == (CLIENT, 1, 16000)
    assert (microphone.seconds, microphone.gaps, len(microphone.frames)) == (0.5, 1, 4)
    assert np.array_equal(
        microphone.samples(), np.repeat([3000, 3000, 0, 0, 0], 1600).astype(np.int16)
    )
    assert (reply.side, reply.stream, reply.seconds, reply.gaps) == (SERVER, 256, 0.2, 0)
    assert reply.audible_at == 1.0  # the first frame is below -50 dBFS


def test_levels_are_those_of_what_passed_in_between():
    microphone = read_timeline(one_turn()).sounds[0]
    loud = 20 * np.log10(3000 / 32768)
    assert microphone.levels(0.25, 0.45) == pytest.approx([loud, -np.inf, -np.inf])
    assert microphone.levels(0.6, 9) == []
    assert len(microphone.levels(0, 9)) == 5


def test_latencies_are_counted_from_when_the_end_of_speech_passed():
    [turn] = read_timeline(one_turn()).turns
    assert turn.speech_end_at == 0.3
    latencies = (
        turn.hang_over_ms, turn.recognition_ms, turn.first_text_ms,
        turn.first_audio_ms, turn.first_audible_ms,
    )  # fmt: skip
    assert latencies == pytest.approx((400, 50, 100, 650, 700))
    assert turn.trace.transcript == "What?"
    assert turn.trace.reply == "It is noon."
    assert turn.reply_s == 0.2


def test_what_is_no_message_of_the_protocol_is_shown_and_stops_nothing():
    odd = (
        Message(2.0, CLIENT, "no json"),
        Message(2.1, CLIENT, b"short"),
        sound(2.2, CLIENT, 9, 0, 0),
        say(2.3, SERVER, "audio.start", stream="x"),
        say(2.4, SERVER, "something.new", x=1),
        Message(2.5, SERVER, "[" * 5000),
    )
    timeline = read_timeline(replace(one_turn(), records=(*one_turn().records, *odd)))
    names = [event.name for event in timeline.events]
    assert names[-4:] == ["unreadable", "audio.start", "something.new", "unreadable"]
    assert timeline.orphans == 2
    assert len(timeline.turns) == 1


def test_a_stream_that_starts_again_is_another_sound():
    again = sound(2.0, CLIENT, 1, 0, 7, flags=1)
    timeline = read_timeline(replace(one_turn(), records=(*one_turn().records, again)))
    assert [(each.stream, each.seconds) for each in timeline.sounds] == [
        (1, 0.5), (256, 0.2), (1, 0.1),
    ]  # fmt: skip


def test_frames_that_are_sent_again_are_heard_once():
    records = list(one_turn().records)
    records.insert(4, records[3])
    timeline = read_timeline(replace(one_turn(), records=tuple(records)))
    assert timeline.sounds[0].seconds == 0.5


def test_a_recording_of_nothing_is_empty():
    timeline = read_timeline(replace(one_turn(), header=HEADER, records=()))
    assert (timeline.events, timeline.sounds, timeline.turns) == ((), (), ())
