"""What a server's answer means, case by case; the pull's tests have the same with real sockets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.provisioning.answers import (
    Body,
    Restart,
    Transient,
    Wrong,
    judge,
    looks_wrong,
    validator_of,
)


def judged(status, have=0, size=100, resumed="", name="m.bin", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge(status, named, name=name, have=have, resumed=resumed, size=size)


def test_the_whole_file():
    assert judged(200, content_length="100") == Body(0, 100)
    assert judged(200) == Body(0, None)


def test_the_rest_of_it():
    assert judged(206, have=40, content_range="bytes 40-99/100") == Body(40, 100)
    assert judged(206, have=40, content_range="bytes 40-99/*") == Body(40, None)


@pytest.mark.parametrize("text", ["", "bytes 41-99/100", "bytes 0-99/100", "pages 40-99/100", "x"])
def test_another_part_than_was_asked_for_begins_again(text):
    assert isinstance(judged(206, have=40, content_range=text), Restart)
    assert isinstance(judged(206, have=0, content_range="bytes 1-9/100"), Wrong)


def test_everything_instead_of_the_rest_tells_why():
    no_ranges = judged(200, have=40, resumed='"a"', etag='"a"', content_length="100")
    changed = judged(200, have=40, resumed='"a"', etag='"b"', content_length="100")
    assert no_ranges.changed == "the server does not continue files"
    assert changed.changed == "the file changed on the server"


def test_a_file_of_another_size_is_another_file():
    assert "has 99 bytes, expected 100" in judged(200, content_length="99").reason
    assert "has 101 bytes" in judged(206, have=9, content_range="bytes 9-100/101").reason
    assert judged(200, size=None, content_length="99") == Body(0, 99)


def test_without_any_length_only_chunks_have_an_end():
    assert isinstance(judged(200, size=None), Wrong)
    assert judged(200, size=None, transfer_encoding="chunked") == Body(0, None)


def test_a_range_behind_the_end_begins_again_once():
    assert isinstance(judged(416, have=40), Restart)
    assert isinstance(judged(416, have=0), Wrong)


@pytest.mark.parametrize(
    ("after", "pause"),
    [
        ("", None),
        ("7", 7.0),
        ("9999", 120.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", None),
        ("-1", None),
    ],
)
def test_a_busy_server_may_say_when_to_come_back(after, pause):
    for status in (429, 500, 502, 503, 504):
        answer = judged(status, retry_after=after)
        assert answer == Transient(f"the server said {status}", pause)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 407, 410, 451, 204, 304, 300])
def test_other_refusals_are_final(status):
    assert isinstance(judged(status), Wrong)


def test_a_page_is_one_by_its_type_or_by_its_looks():
    assert "web page" in judged(200, content_type="Text/HTML; charset=x").reason
    assert judged(200, name="card.html", content_type="text/html") == Body(0, None)
    for head in (b"<!doctype html>", b"\xef\xbb\xbf \r\n<HTML lang=en>", b"<!-- a\nb --><html>"):
        assert "web page" in looks_wrong(head, "m.bin")
        assert looks_wrong(head, "m.html") is None
    for head in (b"GGUF\x03", b'{"a": "<html>"}', b"<|endoftext|>", b"", b"<!-- only -->"):
        assert looks_wrong(head, "m.bin") is None


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"etag": '"a"', "last-modified": "Mon"}, '"a"'),
        ({"etag": 'W/"a"', "last-modified": "Mon"}, "Mon"),
        ({"etag": 'W/"a"'}, ""),
        ({}, ""),
    ],
)
def test_only_what_tells_bytes_apart_continues_a_file(headers, text):
    assert validator_of(headers) == text


@given(
    st.integers(100, 599),
    st.dictionaries(
        st.sampled_from(["content-range", "content-length", "retry-after", "etag", "content-type"]),
        st.text(max_size=40),
    ),
    st.integers(0, 10),
)
def test_no_answer_surprises(status, headers, have):
    answer = judge(status, headers, name="m.bin", have=have, resumed="", size=10)
    if isinstance(answer, Body):
        assert answer.start in (0, have)
        assert answer.size in (None, 10)
