from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.segmentation import Segmenter


def segments(text: str, language: str = "en") -> list[str]:
    segmenter = Segmenter(language=language)
    return segmenter.feed(text) + segmenter.flush()


LONG_CLAUSE = "After that the train goes through the valley and along the river"


@pytest.mark.parametrize(
    "expected",
    [
        # the first segment ends at the first comma after 12 characters
        ["Well, the weather in Paris looks sunny, ", "with a high of twenty degrees."],
        ["In my opinion; ", "that is wrong."],
        ["The answer is this: ", "forty-two."],
        ["The weather in Paris — ", "as always — is fine."],
        # ... and never has fewer than three words, openers excepted
        ["Sure, ", "I can help you with that, ", "if you like that."],
        ["Yes. ", "It is open today."],
        ["Of course! ", "Here it comes now."],
        ["Paris, France, is a large city."],
        ["Paris. It is the capital of France."],
        # later ones end at sentences, or at a comma when they are long
        ["That is it. ", "First one, then two, then three. ", "Then nothing."],
        ["That is it. ", f"{LONG_CLAUSE}, ", "until it stops."],
        # dots that end nothing
        ["Dr. Smith met Mrs. Jones there. ", "They talked."],
        ["It has many forms, ", "e.g. The Book, and i.e. That one."],
        ["It costs 3.14 dollars. ", "That is cheap."],
        ["Version 2.0 is out now. ", "Get it."],
        ["J. R. R. Tolkien wrote it. ", "Read it."],
        ["The U.S. Army and the U.N. Council met."],
        ["So do I. ", "Then we agree."],
        ["1. Eggs and bacon\n", "2. Milk and bread\n", "3. Tea"],
        ["See example.com for the news. ", "Bye."],
        ["Wait for me... maybe not... ", "Okay then, fine."],
        ["Wait for it… ", "Here it is."],
        ["It is approx. five o'clock now. ", "Go home."],
        ["There are 1,000,000 people at 10:30 today."],
        # marks within quotes and brackets stay with their sentence
        ['He said "Go away now." ', "Then he left."],
        ["(It was very late.) ", "We went home."],
        ["**That is important.** ", "So listen."],
        ["Is that really so?! ", "Yes."],
        ["He took it (the red, round one) home."],
        ["Read [this, that. Then more](https://x.org/a,b) carefully."],
        ["Type `a, b. Then c` and go."],
        # lines
        ["A list of things\n", "- Eggs are first\n", "- Milk"],
        ["One long paragraph.\n", "\nAnother long paragraph.\n"],
        # code is one segment
        ["Here is the code:\n", "```python\nx = 1. \nprint(x), y\n```\n", "That is all."],
        ["Look at this\n", "~~~\n```\nstill. Code here\n~~~\n", "Done."],
        ["Look at this\n", "```\nnever closed. At all, really"],
        ["Code:\n", "  ````\n```\n  ````\n", "Done."],
        # scripts without spaces
        ["你好，我是一个助手。", "今天天气很好！", "我们去吧。"],
        ["「そうですか？」", "はい、そうです。"],
        # nothing but what there is
        ["   \n "],
        ["😀"],
        ["No end"],
    ],
)
def test_a_reply_is_cut_where_a_speaker_would_breathe(expected: list[str]) -> None:
    assert segments("".join(expected)) == expected


@pytest.mark.parametrize(
    "expected",
    [
        ["Am 3. Mai kommt Dr. Weber vorbei. ", "Das ist z. B. Frau Meier recht."],
        ["Gerne, ", "das mache ich sofort. ", "Und dann?"],
    ],
)
def test_german_has_its_own_dots_and_openers(expected: list[str]) -> None:
    assert segments("".join(expected), "de") == expected


def test_a_segment_leaves_as_soon_as_the_next_sentence_begins() -> None:
    segmenter = Segmenter()
    assert segmenter.feed("That costs 3") == []
    assert segmenter.feed(".") == []  # may become 3.14
    assert segmenter.feed(" ") == []  # may go on in lower case, after an abbreviation
    assert segmenter.feed("It") == ["That costs 3. "]


def test_a_comma_does_not_wait_for_the_next_word() -> None:
    segmenter = Segmenter()
    assert segmenter.feed("The weather today,") == []
    assert segmenter.feed(" ") == ["The weather today, "]


def test_a_sentence_without_marks_is_cut_at_a_space() -> None:
    text = "word " * 100
    cut = segments(text)
    assert [len(segment) for segment in cut] == [220, 220, 60]
    assert all(segment.endswith("word ") for segment in cut)


def test_a_word_without_end_is_cut_at_the_bound() -> None:
    assert [len(segment) for segment in segments("a" * 500)] == [220, 220, 60]


def test_the_next_reply_begins_with_a_short_segment_again() -> None:
    segmenter = Segmenter()
    first = segmenter.feed("Good to see you, my friend.") + segmenter.flush()
    assert segmenter.feed("Good to see you, my friend.") + segmenter.flush() == first
    assert first[0] == "Good to see you, "


def test_bounds_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 0 < first_min"):
        Segmenter(first_min=80, soft_min=60)


PIECES = st.sampled_from(
    [
        *" ,.;:!?\n\"')(*`~-…。，a1I",
        "word",
        " and",
        " The",
        "Dr.",
        "```",
        "```\n",
        "3.14",
        "[",
        "](",
        "你好",
        "😀",
        "  ",
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=120)


@settings(deadline=None)
@given(TEXTS, st.sampled_from(["en", "de", "fr", ""]))
def test_the_segments_together_are_the_reply(deltas: list[str], language: str) -> None:
    segmenter = Segmenter(language=language)
    cut = [segment for delta in deltas for segment in segmenter.feed(delta)] + segmenter.flush()
    assert "".join(cut) == "".join(deltas)
    assert all(cut)


@settings(deadline=None)
@given(TEXTS)
def test_how_the_text_is_split_into_deltas_changes_nothing(deltas: list[str]) -> None:
    segmenter = Segmenter()
    cut = [segment for delta in deltas for segment in segmenter.feed(delta)] + segmenter.flush()
    assert cut == segments("".join(deltas))


@settings(deadline=None)
@given(TEXTS)
def test_no_segment_outside_code_is_longer_than_the_bound(deltas: list[str]) -> None:
    for segment in segments("".join(deltas) * 3):
        assert len(segment) <= 220 or segment.lstrip().startswith(("```", "~~~"))
