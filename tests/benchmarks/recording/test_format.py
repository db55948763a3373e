"""The file of a recorded session: what goes in comes out, and damage is told."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.recording.format import (
    Closed,
    DamagedRecording,
    End,
    Header,
    Message,
    Recording,
    RecordingError,
    Side,
    encode,
    read_lines,
    read_recording,
)

HEADER = Header("2026-01-31T12:00:00+00:00", "parley/0.1.0", "ws://127.0.0.1:8765")
SESSION = (
    HEADER,
    Message(0.0, Side.CLIENT, '{"type":"hello"}'),
    Message(0.5, Side.SERVER, b"\x11\x00audio"),
    Closed(1.25, Side.SERVER, 1001, "the server is stopping"),
    End(1.5, "closed"),
)
LINES = [encode(record) for record in SESSION]

times = st.floats(0, 1e6).map(lambda at: round(at, 6))
contents = st.text() | st.binary()
records = st.builds(Message, times, st.sampled_from(Side), contents) | st.builds(
    Closed, times, st.sampled_from(Side), st.integers(1000, 4999), st.text()
)


def test_a_line_is_json_with_a_checksum_over_what_precedes_it():
    assert LINES[2] == (
        b'{"at":0.5,"from":"server","binary":"EQBhdWRpbw==","crc":"%08x"}\n'
        % zlib.crc32(b'{"at":0.5,"from":"server","binary":"EQBhdWRpbw=="')
    )


@given(st.lists(records, max_size=8).map(lambda all_: sorted(all_, key=lambda r: r.at)))
def test_what_is_written_is_read(session):
    lines = [encode(each) for each in (HEADER, *session, End(1e6, "closed"))]
    assert read_lines("x", lines) == Recording(HEADER, tuple(session), End(1e6, "closed"))


def test_a_recorder_that_was_killed_leaves_a_recording_without_an_end():
    recording = read_lines("x", LINES[:3])
    assert recording.end is None
    assert recording.records == SESSION[1:3]
    assert recording.seconds == 0.5


def test_other_json_and_unknown_keys_are_read_too():
    body = b'{ "from": "client",\t"note": 1, "text": "\\u00fc", "at": 2'
    line = body + b',"crc":"%08x"}\n' % zlib.crc32(body)
    assert read_lines("x", [LINES[0], line]).records == (Message(2, Side.CLIENT, "ü"),)


@given(st.integers(1, 4), st.integers(0, 10_000), st.integers(1, 255))
def test_no_altered_byte_goes_unnoticed(number, position, change):
    line = bytearray(LINES[number])
    line[position % len(line)] ^= change
    with pytest.raises(DamagedRecording, match=f"x is damaged in line {number + 1}: ") as error:
        read_lines("x", [*LINES[:number], bytes(line), *LINES[number + 1 :]])
    assert error.value.readable.records == SESSION[1:number]


@given(st.integers(1, 4), st.integers(1, 10_000))
def test_a_line_that_is_cut_off_is_told_and_what_precedes_it_is_there(number, kept):
    line = LINES[number][: 1 + kept % (len(LINES[number]) - 1)]
    with pytest.raises(DamagedRecording, match="it is cut off") as error:
        read_lines("x", [*LINES[:number], line])
    assert error.value.readable.records == SESSION[1:number]


def sealed(body: bytes) -> bytes:
    return body + b',"crc":"%08x"}\n' % zlib.crc32(body)


@pytest.mark.parametrize(
    ("line", "part"),
    [
        (sealed(b'{"at":0.1,"from":"client","text":"late"'), "its time 0.1 lies before 0.5"),
        (sealed(b'{"at":"1","from":"client","text":""'), "its time is '1', expected seconds"),
        (sealed(b'{"from":"client","text":""'), "its time is None"),
        (sealed(b'{"at":1,"from":"client","binary":"#"'), "no base64"),
        (sealed(b'{"at":1,"from":"nobody","text":""'), "nobody"),
        (sealed(b'{"at":1,"from":"client","speech":""'), "neither a message nor a close"),
        (sealed(b'["at":1'), "Expecting"),
        (sealed(b'{"at":1,"x":' + b"[" * 100_000), "nested too deeply"),
        (b"\xff\xfe\n", "its checksum is wrong"),
    ],
)
def test_a_line_that_makes_no_sense_is_told(line, part):
    with pytest.raises(DamagedRecording, match=part):
        read_lines("x", [*LINES[:3], line])


def test_nothing_may_follow_the_end():
    with pytest.raises(DamagedRecording, match="line 6: it comes after the end"):
        read_lines("x", [*LINES, LINES[1]])


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "is no recording; make one with  parley record"),
        (b"RIFF\x00\x00\x00\x00WAVE", "is no recording"),
        (b'{"hello": "world"}\n', "is no recording"),
        (sealed(b'{"parley-recording":2'), "has version 2 of the format, expected 1"),
    ],
)
def test_a_foreign_file_is_told(tmp_path, content, part):
    path = tmp_path / "x.parley"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=part) as error:
        read_recording(path)
    assert not isinstance(error.value, DamagedRecording)


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(RecordingError, match=r"cannot read .*: No such file"):
        read_recording(tmp_path / "none.parley")
    with pytest.raises(RecordingError, match=r"cannot read .*: Is a directory"):
        read_recording(tmp_path)
