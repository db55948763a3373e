import pytest

from starter.errors import RecipeError
from starter.evaluation.rows import ROWS, Bar, chosen_rows


def test_every_row_has_a_name_of_its_own_and_a_bar_for_some_build():
    assert len({row.key for row in ROWS}) == len(ROWS)
    assert [row.key for row in ROWS if row.shipped is None and row.measuring is None] == []


def test_a_bar_is_met_at_its_limit_from_its_own_side():
    assert Bar(0.4).is_met(0.4)
    assert not Bar(0.4).is_met(0.41)
    assert Bar(97, at_least=True).is_met(97)
    assert not Bar(97, at_least=True).is_met(96.9)
    assert [str(Bar(0.4)), str(Bar(97, at_least=True))] == ["≤ 0.4", "≥ 97"]


def test_rows_that_say_nothing_about_a_build_are_left_out():
    shipped = {row.key for row in chosen_rows("shipped", None)}
    measuring = {row.key for row in chosen_rows("measuring", None)}
    assert "wer-joined" in shipped - measuring
    assert "wer-templates" in measuring - shipped
    assert "wer-ked" in shipped & measuring


def test_words_of_titles_and_keys_choose_rows():
    keys = [row.key for row in chosen_rows("shipped", "OPUS, speed")]
    assert keys == ["wer-opus", "speed-recognizer", "speed-voice"]


def test_words_that_no_row_has_are_answered_with_the_rows_there_are():
    with pytest.raises(RecipeError, match=r"no row of the measuring build has 'opus'.* wer-new,"):
        chosen_rows("measuring", "opus")
