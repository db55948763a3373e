import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engines.reply_text import ReplyText, goes_round, split_thought


def read(pieces, stop=()):
    text = ReplyText(stop)
    said = [text.feed(piece) for piece in pieces]
    return [*said, text.flush()]


def test_text_passes_at_once():
    assert read([b"Hello", b" there", b"."]) == ["Hello", " there", ".", ""]


def test_a_character_spread_over_tokens_comes_when_it_is_whole():
    assert read([b"\xe2\x82", b"\xac", b" 5"]) == ["", "€", " 5", ""]


def test_bytes_that_are_no_text_become_replacement_characters():
    assert "".join(read([b"a\xff", b"b\xe2"])) == "a\ufffdb\ufffd"


def test_white_space_at_the_beginning_is_dropped():
    assert "".join(read([b"\n", b"\n ", b" Hi \n", b" you"])) == "Hi \n you"


@given(st.data())
def test_a_thought_is_never_said_however_it_is_cut_into_tokens(data):
    whole = b"<think>\nHmm, 3 < 4.\n</think>\n\nIt is \xe2\x82\xac 5 < 6.<think>no</think> Yes."
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1))))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert "".join(read(pieces)) == "It is € 5 < 6. Yes."


@given(st.data())
def test_a_stop_string_ends_the_reply_however_it_is_cut_into_tokens(data):
    whole = b"Sure. I will. User: and so on"
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1))))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert "".join(read(pieces, [" User:", "###"])) == "Sure. I will."


def test_the_end_is_reported_with_the_token_that_completes_a_stop_string():
    text = ReplyText(["END"])
    assert text.feed(b"so EN") == "so "
    assert not text.ended
    assert text.feed(b"D now") == ""
    assert text.ended
    assert text.flush() == ""


def test_what_only_looked_like_a_tag_is_said_after_all():
    assert "".join(read([b"2 <", b"thin", b"gs"])) == "2 <things"
    assert "".join(read([b"2 <thi"])) == "2 <thi"


def test_what_only_looked_like_a_stop_string_is_said_after_all():
    assert "".join(read([b"a #", b"# b ##"], ["###"])) == "a ## b ##"


def test_a_thought_that_never_ends_is_not_said():
    assert "".join(read([b"<think>", b"for ever and e", b"ver"])) == ""


def test_a_stray_closing_tag_is_dropped():
    assert "".join(read([b"</thi", b"nk>\n\nYes."])) == "Yes."


def test_white_space_is_skipped_until_something_is_said_but_kept_in_thoughts():
    text = ReplyText()
    assert text.skipping_space
    text.feed(b"<think>")
    assert not text.skipping_space
    text.feed(b"x</think>\n")
    assert text.skipping_space
    text.feed(b"So")
    assert not text.skipping_space


@pytest.mark.parametrize(
    ("prompt", "body", "thought"),
    [
        ("<user>Hi<bot>", "<user>Hi<bot>", ""),
        ("<bot><think>\n\n</think>\n\n", "<bot>", "<think>\n\n</think>\n\n"),
        ("<bot><think>\n", "<bot>", "<think>\n\n</think>\n\n"),
        ("<bot><think>x</think>", "<bot><think>x</think>", ""),
    ],
    ids=["none", "empty", "left open", "not empty"],
)
def test_an_empty_thought_is_split_from_the_prompt_and_an_open_one_closed(prompt, body, thought):
    assert split_thought(prompt) == (body, thought)


def test_a_reply_that_repeats_itself_for_ever_is_noticed():
    assert goes_round([1, 2, 3] + [7, 8, 9, 10] * 6)
    assert goes_round([5] * 24)
    assert goes_round(list(range(32)) * 4)


def test_what_is_said_a_few_times_is_no_loop():
    assert not goes_round([5] * 23)
    assert not goes_round([1, 2, 3, 4, 5, 6, 7, 8] * 3)
    assert not goes_round(list(range(200)))
    assert not goes_round([7, 8, 9, 10] * 6 + [1])
    assert not goes_round([])
