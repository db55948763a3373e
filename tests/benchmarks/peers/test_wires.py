import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.peers.terms import FRAME_BYTES
from benchmarks.peers.wires import (
    BotWire,
    EchoWire,
    Heard,
    Kind,
    ParleyWire,
    WireError,
    WyomingFraming,
    WyomingWire,
)
from protocol.codec import parse_object
from protocol.frames import Flag, parse

PAYLOAD = bytes(range(256)) * 2 + bytes(128)


def test_the_echo_gets_frames_as_long_as_parley_s():
    assert len(EchoWire().frame(PAYLOAD)) == len(ParleyWire().frame(PAYLOAD)) == FRAME_BYTES + 16


def test_an_echoed_frame_counts_without_its_header():
    wire = EchoWire()
    assert wire.read(wire.frame(PAYLOAD)) == Heard(Kind.AUDIO, 320)


def test_parley_s_frames_are_those_of_the_protocol():
    wire = ParleyWire()
    first, second = (parse(wire.frame(PAYLOAD)) for _ in range(2))
    assert (first.flags, first.stream, first.seq, first.pts) == (Flag.START, 1, 0, 0)
    assert (second.flags, second.pts) == (Flag.NONE, 320)
    assert first.payload == PAYLOAD


def test_parley_s_hello_is_one_object():
    [hello] = ParleyWire().opening()
    assert parse_object(hello)["type"] == "hello"


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "welcome"}, Kind.READY),
        ({"type": "transcript.final"}, Kind.TURN_ENDED),
        ({"type": "interrupt"}, Kind.INTERRUPTED),
        ({"type": "error", "message": "no"}, Kind.FAILED),
        ({"type": "state"}, Kind.OTHER),
    ],
)
def test_parley_s_events_mean(event, kind):
    assert ParleyWire().read(json.dumps(event)).kind is kind


def test_a_ping_of_parley_s_is_answered():
    heard = ParleyWire().read('{"type":"ping","t0":7}')
    assert heard.answer is not None
    assert json.loads(heard.answer) == {"type": "pong", "t0": 7, "t1": 7, "t2": 7}


def test_a_frame_of_parley_s_counts_without_its_header():
    assert ParleyWire().read(bytes(16) + PAYLOAD) == Heard(Kind.AUDIO, 320)
    assert ParleyWire().read(bytes(16)) == Heard(Kind.AUDIO, 0)


def test_a_bot_gets_and_sends_bare_pcm():
    wire = BotWire()
    assert wire.frame(PAYLOAD) == PAYLOAD
    assert wire.read(PAYLOAD) == Heard(Kind.AUDIO, 320)


@pytest.mark.parametrize(
    ("kind", "meaning"),
    [
        ("ready", Kind.READY),
        ("turn.stopped", Kind.TURN_ENDED),
        ("interrupt", Kind.INTERRUPTED),
        ("other", Kind.OTHER),
    ],
)
def test_a_bot_s_messages_mean(kind, meaning):
    assert BotWire().read(json.dumps({"type": kind})).kind is meaning


@pytest.mark.parametrize("wire", [EchoWire(), BotWire(), WyomingWire()])
def test_only_parley_takes_text(wire):
    with pytest.raises(WireError, match="takes no text"):
        wire.typed("Hello.")
    assert json.loads(ParleyWire().typed("Hello.")) == {"type": "input.text", "text": "Hello."}


def test_a_wyoming_event_is_two_pieces_of_json_and_the_payload():
    message = WyomingWire().frame(PAYLOAD)
    line, _, rest = message.partition(b"\n")
    head = json.loads(line)
    assert head["type"] == "audio-chunk"
    assert head["payload_length"] == len(PAYLOAD)
    data = json.loads(rest[: head["data_length"]])
    assert (data["rate"], data["width"], data["channels"]) == (16_000, 2, 1)
    assert rest[head["data_length"] :] == PAYLOAD


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.integers(1, 40))
def test_wyoming_events_arrive_whole_however_the_stream_is_cut(payloads, size):
    wire, framing = WyomingWire(), WyomingFraming()
    stream = b"".join(wire.frame(payload) for payload in payloads)
    cuts = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert [payload for cut in cuts for payload in framing.feed(cut)] == payloads


@pytest.mark.parametrize(
    "stream",
    [b"GET / HTTP/1.1\r\n", b"[]\n", b'{"payload_length": -7}\n', b'{"payload_length": 9999999}\n'],
)
def test_what_is_no_wyoming_event_is_refused(stream):
    with pytest.raises(WireError, match="Wyoming event"):
        list(WyomingFraming().feed(stream))
