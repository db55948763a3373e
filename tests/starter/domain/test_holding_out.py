"""What no training may see: the rules must give the same answers for ever."""

import random

from starter.domain.holding_out import is_held_out_template, is_test_sentence, stable_hash
from starter.domain.sentences import user_sentence
from starter.domain.templates import TEMPLATES


def test_the_hash_is_the_one_that_speech_was_made_with() -> None:
    assert stable_hash("Hello.") == 0xF9776F93
    assert stable_hash("") == 0xD41D8CD9


def test_one_sentence_in_twenty_is_for_tests() -> None:
    source = random.Random(1)
    texts = {user_sentence(source, "all") for _ in range(4000)}
    assert 0.04 < sum(map(is_test_sentence, texts)) / len(texts) < 0.06


def test_one_template_with_slots_in_ten_is_held_out() -> None:
    held = {one.text for one in TEMPLATES if is_held_out_template(one.text)}
    with_slots = [one.text for one in TEMPLATES if "{" in one.text]
    assert 0.05 < len(held) / len(with_slots) < 0.15
    assert all("{" in text for text in held)


def test_templates_that_were_held_out_before_still_are() -> None:
    assert is_held_out_template("Turn {onoff} the {device} in the {room}.")
    assert is_held_out_template("What is {n20} times {n20}?")
    assert not is_held_out_template("Turn {onoff} the lights in the {room}.")
    assert not is_held_out_template("Hello.")
