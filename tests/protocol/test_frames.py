from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import BadFrame
from protocol.frames import Flag, Frame, Kind, mark_replay, pack, parse
from protocol.spec.examples import HEADERS

uint32 = st.integers(0, 0xFFFFFFFF)
frames = st.builds(
    Frame,
    stream=st.integers(1, 0xFFFF),
    seq=uint32,
    pts=uint32,
    ts=uint32,
    payload=st.binary(max_size=40),
    flags=st.integers(0, 0x1F).map(Flag),
    kind=st.sampled_from(Kind),
)


@pytest.mark.parametrize(("what", "text", "frame"), HEADERS)
def test_headers_have_the_bytes_of_the_specification(what, text, frame):
    assert pack(frame).hex() == text.replace(" ", "")
    assert parse(bytes.fromhex(text)) == frame


def test_the_vectors_are_those_of_the_published_specification():
    assert [text for _, text, _ in HEADERS] == [
        "11010001 00000002 00000000 000003e8",
        "11000001 00000003 000003c0 00000424",
        "11010101 00000011 00000000 0000cc74",
        "11020101 0000003a 0000e6a0 0000d66a",
        "11100101 00000028 00008160 0000d28c",
    ]


@given(frames)
def test_what_is_packed_is_parsed_again(frame):
    assert parse(pack(frame)) == frame


@given(st.binary(max_size=64))
def test_any_bytes_are_a_frame_or_a_bad_frame(message):
    with suppress(BadFrame):
        assert parse(message).payload == message[16:]


def test_unknown_flags_are_ignored():
    assert parse(bytes.fromhex("11e10001000000010000000000000000")).flags == Flag.START


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("110100010000000100000000000003", "15 bytes"),
        ("21010001000000010000000000000000", "version 2"),
        ("10010001000000010000000000000000", "kind 0"),
        ("1f010001000000010000000000000000", "kind 15"),
        ("11010000000000010000000000000000", "stream 0"),
    ],
)
def test_a_bad_header_is_named(text, found):
    with pytest.raises(BadFrame, match=found):
        parse(bytes.fromhex(text))


def test_a_number_that_does_not_fit_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="cannot hold"):
        pack(Frame(1, 1 << 32, 0, 0))


def test_marking_as_replayed_changes_one_bit():
    frame = Frame(1, 2, 3, 4, b"x", Flag.START)
    assert parse(mark_replay(pack(frame))) == Frame(1, 2, 3, 4, b"x", Flag.START | Flag.REPLAY)
