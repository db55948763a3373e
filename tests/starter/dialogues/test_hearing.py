from random import Random

import pytest

from starter.dialogues.hearing import Hearing, with_digits


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("Set a timer for ten minutes.", "Set a timer for 10 minutes."),
        ("What is forty two plus seven?", "What is 42 plus 7?"),
        ("It costs nine hundred and twenty one dollars.", "It costs 921 dollars."),
        ("two thousand five hundred", "2500"),
        ("The code is four seven one.", "The code is 4 7 1."),
        ("No one is here.", "No 1 is here."),
        ("Someone often listens.", "Someone often listens."),
    ],
)
def test_numbers_are_written_as_digits(spoken, written):
    assert with_digits(spoken) == written


def test_without_mistakes_a_sentence_stays_as_it_is():
    hearing = Hearing()
    assert hearing.mishear(Random(1), "What is the time?") == "What is the time?"
    assert hearing.write("What is the time?") == "What is the time?"


def test_marks_and_capitals_may_be_missing():
    assert Hearing(marks=False).write("No, the kitchen.") == "No the kitchen"
    assert Hearing(capitals=False).write("No, Anna.") == "no, anna."


def test_values_are_never_misheard():
    random = Random(2)
    phrasing = "Please set the {room} light to {v} for {name} at {t}."
    for _ in range(500):
        heard = Hearing(mistakes=True).mishear(random, phrasing)
        assert all(slot in heard for slot in ("{room}", "{v}", "{name}", "{t}"))


def test_small_words_are_misheard_now_and_then():
    random = Random(3)
    heard = {Hearing(mistakes=True).mishear(random, "Set the timer to one.") for _ in range(300)}
    assert 3 < len(heard) < 60
    assert "Set timer to one." in heard
