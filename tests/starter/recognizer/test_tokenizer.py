"""Tokens: their order, their spaces, and what extending keeps."""

import pytest

pytest.importorskip("torch")

from starter.recognizer.tokenizer import SPECIALS, TIME_STAMPS, extended
from tests.starter.recognizer.tiny import TEXTS, tokens


def test_text_comes_before_the_specials_and_time_stamps_follow_the_last_of_them() -> None:
    known = tokens()
    names = [f"<|{each}|>" for each in SPECIALS]
    assert known.names[known.end : known.end + len(SPECIALS)] == tuple(names)
    assert known.start == known.end + 1
    assert known.first_time_stamp == known.no_time_stamps + 1
    assert known.size == known.first_time_stamp + TIME_STAMPS
    assert known.names[-1] == "<|30.00|>"
    assert known.size < 51_865, "more would make it multilingual"


def test_every_text_comes_back_and_no_space_stands_alone() -> None:
    known = tokens()
    for text in (*TEXTS, "Zebras vex, 'quietly'.", "X-ray"):
        numbers = known.encode(text)
        assert known.decode(numbers) == text
        if " '" not in text:
            assert known.space not in numbers


def test_frequent_words_are_one_token() -> None:
    assert len(tokens().encode("lamp time story")) == 3


def test_time_stamps_are_rounded_and_bounded() -> None:
    known = tokens()
    assert known.names[known.time_stamp(1.23)] == "<|1.24|>"
    assert known.names[known.time_stamp(99)] == "<|30.00|>"


def test_an_extended_tokenizer_keeps_old_words_and_learns_new_ones() -> None:
    known = tokens()
    more = extended(known, ["Xylophones zoom."] * 10)
    assert set(known.names) <= set(more.names)
    assert len(known.encode("Xylophones")) > len(more.encode("Xylophones")) == 1
    for text in TEXTS:
        old = [known.names[each] for each in known.encode(text)]
        assert [more.names[each] for each in more.encode(text)] == old


def test_nothing_is_added_where_nothing_is_missing() -> None:
    more = extended(tokens(), ["lamp time story"] * 10)
    assert more.names == tokens().names
