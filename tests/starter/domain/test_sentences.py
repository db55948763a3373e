"""Sentences of the grammar: well formed, of the split they are asked for, the same for a seed."""

import random
import re

from starter.domain.distinct import DISTINCT
from starter.domain.sentences import plain_sentence, user_sentence, word_salad
from starter.domain.templates import TEMPLATES, expand
from starter.domain.words import is_known

WRITTEN = re.compile(r"[A-Z][A-Za-z' ,.?!]*[.?!]")


def sentences(count: int) -> list[str]:
    source = random.Random(7)
    return [user_sentence(source, "all") for _ in range(count)]


def test_every_template_gives_a_sentence_without_braces_or_double_blanks() -> None:
    source = random.Random(3)
    for template in TEMPLATES:
        sentence = expand(source, template.text)
        assert WRITTEN.fullmatch(sentence), sentence
        assert "  " not in sentence, sentence


def test_articles_agree_with_the_sound_that_follows() -> None:
    for sentence in sentences(4000):
        assert not re.search(r"\b[Aa] [aeio]\w\w", sentence.replace("a one", "")), sentence
        assert not re.search(r"\b[Aa]n [bcdfgjklmnpqrstvwxz]\w", sentence), sentence
        assert not re.search(r"\b[Aa]n? the\b", sentence), sentence


def test_one_of_a_unit_is_not_many() -> None:
    text = " ".join(sentences(6000))
    assert not re.search(r"(?<!ty )(?<!and )\bone (minutes|hours|seconds|days)\b", text)
    assert "twenty one minutes" in text


def test_every_word_of_a_sentence_is_in_the_vocabulary() -> None:
    assert [one for one in sentences(4000) if not is_known(one)] == []


def test_held_out_templates_give_the_held_sentences_and_none_to_train_on() -> None:
    source = random.Random(5)
    product = re.compile(r"What is [a-z ]+ times [a-z ]+\?")
    assert any(product.fullmatch(plain_sentence(source, "held")) for _ in range(600))
    assert any(product.fullmatch(plain_sentence(source, "all")) for _ in range(6000))
    assert not any(product.fullmatch(plain_sentence(source, "train")) for _ in range(6000))


def test_a_seed_gives_the_same_sentences() -> None:
    assert sentences(50) == sentences(50)


def test_a_sentence_behind_a_wake_word_begins_with_a_small_letter_unless_it_is_a_name() -> None:
    source = random.Random(2)
    assert expand(source, "Stop it.", opening=False) == "stop it."
    assert expand(source, "I'm {feel}.", opening=False).startswith("I'm ")
    assert expand(source, "{wday1}, {month} {ord}.", opening=False)[0].isupper()
    assert expand(source, "May I ask a question?", opening=False) == "may I ask a question?"


def test_rows_of_words_are_short_and_use_every_word_that_listening_tells_from_others() -> None:
    source = random.Random(4)
    salads = [word_salad(source, "train") for _ in range(4000)]
    assert all(WRITTEN.fullmatch(one) and 2 <= len(one.split()) <= 12 for one in salads)
    used = {word.strip(".,?").lower() for one in salads for word in one.split()}
    assert len(used & {word.lower() for word in DISTINCT}) > 0.95 * len(DISTINCT)
    assert used >= {"to", "red", "eight"}
    assert used.isdisjoint({"two", "too", "read", "ate", "bonjour", "b"})
