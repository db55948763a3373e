import json
from contextlib import suppress
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.audio import AudioFormat, Encoding
from protocol.codec import (
    Envelope,
    encode,
    is_sequenced,
    parse_object,
    peek,
    read_client_message,
    read_envelope,
    read_server_message,
)
from protocol.errors import MalformedMessage
from protocol.events import (
    CLIENT_TYPES,
    SERVER_TYPES,
    UNSET,
    Answer,
    AudioFrame,
    ClientMessage,
    ErrorReport,
    ResponseDone,
    Retransmission,
    ServerMessage,
    SessionFields,
    SessionSettings,
    SessionUpdate,
    SessionUpdated,
    State,
    TurnFields,
    TurnSettings,
    Usage,
)
from protocol.spec.examples import CLIENT_EXAMPLES, SERVER_EXAMPLES
from tests.protocol.schema_check import validate_event

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)


def client(text: str) -> ClientMessage | None:
    return read_client_message(parse_object(text))


@pytest.mark.parametrize("message", CLIENT_EXAMPLES, ids=lambda message: type(message).__name__)
def test_a_client_message_survives_the_wire(message):
    text = encode(message, ts=5)
    assert read_client_message(parse_object(text)) == message
    assert CLIENT_TYPES[validate_event(text, "client")] is type(message)


@pytest.mark.parametrize("message", SERVER_EXAMPLES, ids=lambda message: type(message).__name__)
def test_a_server_message_survives_the_wire(message):
    text = encode(message, ts=5, seq=1 if is_sequenced(message) else None)
    assert read_server_message(parse_object(text)) == message
    assert SERVER_TYPES[validate_event(text, "server")] is type(message)


def test_there_is_an_example_of_every_message():
    assert {type(message) for message in CLIENT_EXAMPLES} == set(get_args(ClientMessage))
    assert {type(message) for message in SERVER_EXAMPLES} == set(get_args(ServerMessage))


def test_reserved_keys_come_first_and_absent_fields_do_not_appear():
    text = encode(State("idle"), seq=3, ts=9, ack=2, re="x")
    assert text == b'{"type":"state","seq":3,"ts":9,"ack":2,"re":"x","state":"idle"}'


def test_an_error_keeps_the_re_it_was_made_with():
    assert json.loads(encode(ErrorReport("busy", "wait", re="k")))["re"] == "k"
    assert json.loads(encode(ErrorReport("busy", "wait", re="k"), re="k"))["re"] == "k"


def test_the_envelope_is_read_back():
    text = encode(State("idle"), seq=3, ts=9, ack=2, id="a", re="x")
    assert read_envelope(parse_object(text)) == Envelope(3, 9, 2, "a", "x")


@pytest.mark.parametrize(
    ("text", "code", "path", "message"),
    [
        ("{", "bad_json", "", "not JSON"),
        ("[1]", "bad_json", "", "a list, expected one JSON object"),
        ("7", "bad_json", "", "7, expected one JSON object"),
        ('{"type":"ping","t0":NaN}', "bad_json", "", "not JSON"),
        ('{"a":' * 17 + "1" + "}" * 17, "bad_json", "", "more than 16 levels"),
        ("{}", "missing_field", "type", "type is missing"),
        ('{"type":3}', "bad_field", "type", "expected a text"),
        ('{"type":"welcome"}', "bad_event", "", "sent by the server only"),
        ('{"type":"ping"}', "missing_field", "t0", "t0 is missing"),
        ('{"type":"ping","t0":1.5}', "bad_field", "t0", "t0 is 1.5, expected a whole number"),
        ('{"type":"ping","t0":true}', "bad_field", "t0", "t0 is True"),
        ('{"type":"ping","t0":4294967296}', "bad_field", "t0", "from 0 to 4294967295"),
        ('{"type":"ping","t0":1e400}', "bad_json", "", "not JSON"),
        ('{"type":"playout","stream":0,"pts":0,"state":"done"}', "bad_field", "stream", "from 1"),
        ('{"type":"playout","stream":1,"pts":0,"state":"gone"}', "bad_field", "state", '"flushed"'),
        ('{"type":"input.text","text":null}', "bad_field", "text", "expected a text"),
        ('{"type":"input.text","text":""}', "bad_field", "text", "a length from 1"),
        (
            '{"type":"input.text","text":"x","respond":null}',
            "bad_field",
            "respond",
            "true or false",
        ),
        ('{"type":"audio.open","stream":256}', "bad_field", "stream", "from 1 to 255"),
        (
            '{"type":"audio.open","stream":1,"codec":"opus","rate":11025,"frame_ms":20,"role":"mic"}',
            "bad_field",
            "rate",
            "one of 8000, 12000",
        ),
        (
            '{"type":"audio.open","stream":1,"codec":"mp3","rate":8000,"frame_ms":20,"role":"mic"}',
            "bad_field",
            "codec",
            '"pcm_s16le"',
        ),
        ('{"type":"session.update","session":7}', "bad_field", "session", "expected an object"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(text, code, path, message):
    with pytest.raises(MalformedMessage) as caught:
        client(text)
    assert (caught.value.code, caught.value.path) == (code, path)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("instructions", 1),
        ("language", "English"),
        ("language", "en-US"),
        ("voice", ""),
        ("speed", 0.49),
        ("speed", 2.01),
        ("output", "video"),
        ("turn", []),
        ("turn.mode", "auto"),
        ("turn.threshold", 0.09),
        ("turn.threshold", 0.96),
        ("turn.prefix_ms", 1001),
        ("turn.silence_ms", 199),
        ("turn.silence_ms", 3001),
        ("turn.silence_ms", 500.5),
        ("turn.eagerness", "extreme"),
        ("turn.interrupt", 1),
        ("turn.min_interrupt_ms", 2001),
        ("turn.idle_ms", 0),
        ("turn.backchannel", "yes"),
        ("max_tokens", 0),
        ("temperature", -0.1),
        ("metadata", "x"),
    ],
)
def test_a_setting_out_of_range_is_named(field, bad):
    outer, _, inner = field.partition(".")
    session = {outer: {inner: bad} if inner else bad}
    with pytest.raises(MalformedMessage) as caught:
        client(json.dumps({"type": "session.update", "session": session}))
    assert caught.value.path == f"session.{field}"


def test_a_field_deep_in_a_list_is_named():
    hello = {"type": "hello", "protocol": 1, "client": {"name": "", "version": ""}}
    formats = [{"codec": "opus", "rate": 16000, "frame_ms": 20}, {"codec": "opus", "rate": True}]
    with pytest.raises(MalformedMessage) as caught:
        client(json.dumps({**hello, "audio": {"in": formats}}))
    assert caught.value.path == "audio.in[1].rate"


def test_absent_and_null_settings_are_told_apart():
    session = {"greeting": None, "turn": {"silence_ms": None, "prefix_ms": 300}}
    message = client(json.dumps({"type": "session.update", "session": session}))
    assert message == SessionUpdate(
        SessionFields(greeting=None, turn=TurnFields(silence_ms=None, prefix_ms=300))
    )
    assert message.session.voice is UNSET
    assert json.loads(encode(message))["session"] == session


def test_effective_settings_are_written_in_full():
    settings = SessionSettings("", "en", "audio", TurnSettings())
    body = json.loads(encode(SessionUpdated(settings)))["session"]
    assert body["greeting"] is None
    assert body["turn"]["silence_ms"] is None
    assert len(body) == 13


def test_unknown_types_and_fields_are_ignored():
    assert client('{"type":"hologram","x":1}') is None
    assert client('{"type":"turn.cancel","x":1}') == CLIENT_TYPES["turn.cancel"]()


def test_of_a_repeated_key_the_last_counts():
    assert client('{"type":"ping","t0":1,"t0":2}') == CLIENT_TYPES["ping"](2)


def test_whole_durations_are_written_without_a_fraction():
    text = encode(SERVER_EXAMPLES[0])
    assert b'"frame_ms":60}' in text
    assert read_server_message(parse_object(text)).audio.in_ == AudioFormat(
        Encoding.OPUS, 16000, 60
    )


def test_a_wrong_number_or_id_is_not_believed():
    assert peek({"seq": 4, "id": "k"}) == (4, "k")
    assert peek({"seq": True, "id": "k" * 37}) == (None, None)
    assert peek({"seq": 0, "id": ""}) == (None, None)


@pytest.mark.parametrize("key", ["seq", "ts", "ack", "id", "re", "must", "omitted"])
def test_a_wrong_reserved_key_is_named(key):
    with pytest.raises(MalformedMessage) as caught:
        read_envelope({"type": "ack", key: {}})
    assert caught.value.path == key


def test_a_text_that_does_not_fit_is_left_out_and_named():
    done = ResponseDone("r_1", "completed", "word " * 1000, Usage(1, 2, 3), item="i_1")
    text = encode(done, seq=1, ts=2, max_text=2048)
    body = json.loads(text)
    assert len(text) <= 2048
    assert body["omitted"] == ["text"]
    assert body["response"] == "r_1"
    assert read_server_message(body, tuple(body["omitted"])).text == ""
    validate_event(text, "server")


def test_of_settings_only_what_is_too_large_is_left_out():
    settings = SessionSettings("x" * 5000, "en", "audio", TurnSettings(), greeting="hello")
    text = encode(SessionUpdated(settings), seq=1, ts=1, max_text=2048)
    body = json.loads(text)
    assert body["omitted"] == ["session.instructions"]
    assert body["session"]["greeting"] == "hello"
    assert read_server_message(body, ("session.instructions",)).session.instructions == ""


def test_what_takes_part_in_the_sequence():
    free = {"hello", "welcome", "ping", "pong", "ack", "nack", "gap", "goaway", "bye"}
    examples = [*CLIENT_EXAMPLES, *SERVER_EXAMPLES]
    names = {json.loads(encode(each))["type"] for each in examples if not is_sequenced(each)}
    assert names == free
    assert is_sequenced(AudioFrame(0x100, 0, b""))
    assert not is_sequenced(ErrorReport("internal", "x", fatal=True))
    assert is_sequenced(Answer(State("idle"), "k"))
    assert not is_sequenced(Retransmission("{}"))


@given(st.sampled_from(sorted(CLIENT_TYPES)), st.data())
def test_a_message_with_arbitrary_fields_is_read_or_malformed(kind, data):
    names = st.sampled_from(
        ["protocol", "client", "session", "stream", "pts", "text", "audio", "t0"]
    )
    body = data.draw(st.dictionaries(names, json_values, max_size=4))
    with suppress(MalformedMessage):
        message = read_client_message({**body, "type": kind})
        assert CLIENT_TYPES[kind] is type(message)


@given(st.text(max_size=60) | json_values.map(json.dumps))
def test_any_text_is_an_object_or_bad_json(text):
    with suppress(MalformedMessage):
        assert parse_object(text) == json.loads(text)
