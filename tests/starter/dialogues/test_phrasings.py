from random import Random

from starter.dialogues.phrasings import Phrasings, pairs

QUESTIONS = Phrasings.of(f"Where is my {thing}?" for thing in range(200))


def test_one_phrasing_in_sixteen_is_held_out():
    assert 5 <= len(QUESTIONS.held) <= 22
    assert set(QUESTIONS.held) | set(QUESTIONS.trained) == set(QUESTIONS.all)
    assert not set(QUESTIONS.held) & set(QUESTIONS.trained)


def test_what_is_held_out_stays_the_same_everywhere():
    first = [text for text in QUESTIONS.held if text < "Where is my 13"]
    assert first == ["Where is my 100?", "Where is my 104?", "Where is my 105?"]


def test_a_split_chooses_what_it_may():
    random = Random(1)
    chosen = {
        split: {QUESTIONS.choose(random, split) for _ in range(3000)}
        for split in ("train", "held_phrasings", "held_values", "all")
    }
    assert chosen["train"] == set(QUESTIONS.trained)
    assert chosen["held_phrasings"] == set(QUESTIONS.held)
    assert chosen["held_values"] == set(QUESTIONS.trained)
    assert chosen["all"] == set(QUESTIONS.all)


def test_short_lists_and_the_commonest_phrasings_are_learnt_whole():
    short = Phrasings.of(QUESTIONS.held[:3])
    assert short.held == ()
    common = Phrasings.of("Hello.\nStop.\nThank you.\nWhat time is it?\nGoodbye.")
    assert common.trained == common.all


def test_pairs_are_read_line_by_line():
    assert pairs("France = Paris\n\nNew Zealand = Wellington\n") == {
        "France": "Paris",
        "New Zealand": "Wellington",
    }
