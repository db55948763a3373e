import pytest

from starter.evaluation.listening import Heard
from starter.evaluation.wording import plain, wrong_words


def test_case_punctuation_and_hyphens_do_not_count():
    assert plain("What's the twenty-fifth, please?") == "what's the twenty fifth please"
    assert plain("“Well” – it’s 'fine'!") == "well it's fine"
    assert plain(" … ") == ""


def test_words_replaced_left_out_and_added_are_counted():
    pytest.importorskip("jiwer")
    pairs = [
        Heard("Turn on the light.", "turn on the light"),
        Heard("Turn on the light.", "turn the night on"),
        Heard("Stop.", ""),
        Heard("Yes, thank you.", "Yes, thank you, yes"),
    ]
    assert wrong_words(pairs) == ([0, 3, 1, 1], [4, 4, 1, 3])
