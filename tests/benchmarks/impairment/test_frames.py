"""The ends of WebSocket frames in a stream, however it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from benchmarks.impairment.frames import FrameCounter
from benchmarks.impairment.link import slices

HTTP = b"GET /v1/native HTTP/1.1\r\nHost: x\r\n\r\n"


def frame(size: int, *, mask: bool) -> bytes:
    return Frame(Opcode.BINARY, b"\x81" * size).serialize(mask=mask)


@given(
    st.lists(st.sampled_from([0, 1, 125, 126, 127, 300, 65_535, 65_536]), min_size=1, max_size=5),
    st.booleans(),
    st.integers(1, 9000),
    st.data(),
)
def test_the_end_of_each_frame_is_found_whatever_the_slices(sizes, mask, slice_bytes, data):
    which = data.draw(st.integers(1, len(sizes)))
    frames = [frame(size, mask=mask) for size in sizes]
    counter, passed = FrameCounter(which), 0
    for piece in slices(HTTP + b"".join(frames), slice_bytes):
        end = counter.feed(piece)
        if end is not None:
            assert passed + end == len(HTTP) + sum(map(len, frames[:which]))
            return
        passed += len(piece)
    raise AssertionError("the frame was not found")


def test_a_frame_that_is_not_there_yet_is_not_found():
    counter = FrameCounter(2)
    assert counter.feed(HTTP + frame(5, mask=True)) is None
    rest = frame(5, mask=True)
    assert [counter.feed(bytes([octet])) for octet in rest] == [None] * (len(rest) - 1) + [1]


@pytest.mark.parametrize("content", [b"", HTTP, HTTP[:-1], b"\x00" * 100])
def test_without_a_frame_nothing_is_found(content):
    assert FrameCounter(1).feed(content) is None
