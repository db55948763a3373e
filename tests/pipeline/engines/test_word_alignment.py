from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engines.word_alignment import Group, Span, align


def groups(*lengths: int, sentence: int = 0) -> list[Group]:
    """Groups of phonemes, one space between them."""
    made, start = [], 0
    for length in lengths:
        made.append(Group(sentence, start, start + length, length))
        start += length + 1
    return made


def test_words_and_groups_that_correspond_are_paired() -> None:
    assert align([3, 5], groups(3, 5)) == [Span(0, 0, 3), Span(0, 4, 9)]


def test_merged_words_share_their_group_by_length() -> None:
    # "of the town": of + the are one group
    assert align([2, 2, 4], groups(4, 4)) == [Span(0, 0, 2), Span(0, 2, 4), Span(0, 5, 9)]
    assert align([1, 3, 4], groups(4, 4)) == [Span(0, 0, 1), Span(0, 1, 4), Span(0, 5, 9)]


def test_a_word_may_be_spelled_out_in_several_groups() -> None:
    # "MP3 is": em-pee three is
    assert align([8, 2], groups(4, 4, 2)) == [Span(0, 0, 9), Span(0, 10, 12)]


def test_a_word_without_sound_is_empty_where_it_stands() -> None:
    assert align([3, 0, 4], groups(3, 4)) == [Span(0, 0, 3), Span(0, 3, 3), Span(0, 4, 8)]
    assert align([0, 4], groups(4)) == [Span(0, 0, 0), Span(0, 0, 4)]


def test_a_word_across_two_sentences_ends_in_the_later_one() -> None:
    both = [*groups(4), *groups(4, 3, sentence=1)]
    assert align([8, 3], both) == [Span(1, 0, 4), Span(1, 5, 8)]


def test_nothing_aligns_with_nothing() -> None:
    assert align([], []) == []
    assert align([], groups(2)) == []
    assert align([2, 1], []) == [Span(0, 0, 0), Span(0, 0, 0)]


LENGTHS = st.lists(st.integers(0, 12), max_size=60)


@settings(deadline=None)
@given(LENGTHS, st.lists(st.lists(st.integers(1, 12), max_size=20), max_size=3))
def test_every_word_gets_a_span_in_order(words: list[int], sentences: list[list[int]]) -> None:
    made = [
        group for number, one in enumerate(sentences) for group in groups(*one, sentence=number)
    ]
    spans = align(words, made)
    assert len(spans) == len(words)
    position = (0, 0.0)
    for span in spans:
        assert position[0] <= span.sentence
        if span.sentence == position[0]:
            assert position[1] <= span.start + 1e-9
        assert span.start <= span.end + 1e-9
        position = (span.sentence, span.end)


@pytest.mark.parametrize("count", [1, 5, 40])
def test_any_number_of_merged_pairs_is_found(count: int) -> None:
    words = [2, 3, 5] * count
    spans = align(words, groups(*[5, 5] * count))
    assert [round(span.end - span.start) for span in spans] == words
