"""Tokens: what is one, what stays one, and that nothing is lost."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")
pytest.importorskip("tokenizers")

from starter.language_model.tokenizer import (
    CONTROL_MARKS,
    TAGS,
    Tokenizer,
    Vocabulary,
    bare_vocabulary,
    grown_vocabulary,
)
from tests.starter.language_model import small


def _tokens(tokenizer: Tokenizer, text: str) -> list[str]:
    return [tokenizer.vocabulary.tokens[number] for number in tokenizer.encode(text)]


def test_frequent_words_become_one_token_and_digits_never_join() -> None:
    tokenizer = Tokenizer(small.vocabulary())
    assert _tokens(tokenizer, "Light in the kitchen 15") == [
        "Light", "Ġin", "Ġthe", "Ġkitchen", "Ġ", "1", "5",
    ]  # fmt: skip


def test_a_name_has_the_same_tokens_in_a_sentence_and_inside_a_tool_call() -> None:
    tokenizer = Tokenizer(small.vocabulary())
    for name in ("Lima", "Osaka", "Nina"):
        spoken = _tokens(tokenizer, f"it in {name}?")[2:-1]
        written = _tokens(tokenizer, f'"{name}"')[1:-1]
        assert spoken == ["Ġ", *written]


def test_marks_and_tags_are_one_token_each_and_no_word_contains_a_piece_of_them() -> None:
    words = small.vocabulary()
    tokenizer = Tokenizer(words)
    for mark in (*CONTROL_MARKS, *TAGS):
        assert _tokens(tokenizer, f"a{mark}b") == ["a", mark, "b"]
    learnt = words.tokens[len(CONTROL_MARKS) + len(TAGS) + 256 :]
    assert learnt
    assert not [token for token in learnt if "<" in token or "|" in token]


def test_a_vocabulary_grows_without_moving_what_it_knew() -> None:
    old = small.vocabulary(300)
    grown = grown_vocabulary(["The zebra eats grass."] * 500 + small.texts(), 330, old)
    assert grown.tokens[: len(old.tokens)] == old.tokens
    assert grown.merges[: len(old.merges)] == old.merges
    assert len(old.tokens) == 300
    assert len(_tokens(Tokenizer(grown), "zebra")) < len(_tokens(Tokenizer(old), "zebra"))


def test_no_letter_is_joined_to_a_mark_not_even_after_letters_that_once_were() -> None:
    bare = bare_vocabulary()
    old = Vocabulary((*bare.tokens, "_s"), (("_", "s"),))
    grown = grown_vocabulary(["add_score {score"] * 20, 4000, old)
    learnt = grown.tokens[len(old.tokens) :]
    assert "score" in learnt
    assert not [token for token in learnt if re.search(r"[^\w']\w|_\w", token)]


def test_growing_stops_where_no_pair_is_frequent() -> None:
    grown = grown_vocabulary(["ab ab ab"] * 3, 4000, bare_vocabulary())
    assert grown.merges == (("a", "b"), ("Ġ", "ab")) or grown.merges == (("a", "b"),)
    assert "ab" in grown.tokens


def test_a_token_that_no_pair_makes_is_left_out_when_growing() -> None:
    bare = bare_vocabulary()
    odd = Vocabulary((*bare.tokens, "orphan", "ab"), (("a", "b"),))
    assert grown_vocabulary([], 4000, odd).tokens == (*bare.tokens, "ab")


def test_a_vocabulary_survives_a_checkpoints_shape() -> None:
    words = small.vocabulary()
    assert Vocabulary.from_shape(words.as_shape()) == words


@given(st.text())
def test_every_text_can_be_read_back(text: str) -> None:
    tokenizer = _TOKENIZER
    assert tokenizer.decode(tokenizer.encode(text)) == text


_TOKENIZER = Tokenizer(small.vocabulary())
