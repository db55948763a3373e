"""What the recognizer learns to hear."""

import collections
import random
import re

import pytest

from starter.domain.holding_out import Split, is_test_sentence
from starter.domain.kept_names import KEPT_WORDS
from starter.domain.matching import says_held_out
from starter.domain.spoken import LONGEST, Kind, Turns, utterance, utterance_with_kept_name
from starter.domain.words import is_known

LONG = "One day a fox met a bear. " * 8


def small_talk(random: random.Random, split: Split) -> Turns:
    """Return turns of which some cannot be said, or not in one go."""
    questions = (
        "What is six times seven?",
        "Is it 7 o'clock?",
        "tell me a story",
        "Where is Zorb?",
    )
    return Turns(
        (random.choice(questions),),
        (random.choice(("Okay.", "Well...", "No: busy.", LONG.strip())),),
    )


def utterances(split: Split, count: int = 3000) -> list[tuple[str, Kind]]:
    source = random.Random(8)
    drawn = (utterance(source, split, small_talk) for _ in range(count))
    return [(one.text, one.kind) for one in drawn]


@pytest.mark.parametrize("split", ["train", "held", "all"])
def test_an_utterance_can_be_said_and_is_no_test_sentence(split: Split) -> None:
    for text, _ in utterances(split, 1500):
        assert re.fullmatch(r"[A-Z][A-Za-z' ,.?!-]*[.?!]", text), text
        assert not re.search(r"\.\.|  ", text), text
        assert len(text) <= LONGEST, text
        assert is_known(text), text
        assert not is_test_sentence(text), text


def test_the_mix_has_its_shares() -> None:
    counts = collections.Counter(kind for _, kind in utterances("train"))
    shares = {kind: round(count / 30) for kind, count in counts.items()}
    assert shares == pytest.approx({"grammar": 30, "salad": 25, "user": 21, "assistant": 24}, abs=3)


def test_dialogues_do_not_tell_what_held_out_templates_say() -> None:
    assert not any(says_held_out(text) for text, _ in utterances("train"))
    assert any(text == "What is six times seven?" for text, _ in utterances("all"))


def test_what_cannot_be_said_is_left_out_of_dialogues() -> None:
    heard = {text for text, kind in utterances("all") if kind in ("user", "assistant")}
    assert {"Tell me a story.", "No, busy."} <= heard
    assert not any("7" in text or "Zorb" in text or "..." in text for text in heard)


def test_a_long_answer_is_heard_in_runs_of_sentences() -> None:
    runs = {text for text, kind in utterances("all") if kind == "assistant" and "fox" in text}
    assert all(re.fullmatch(r"(One day a fox met a bear\. ?)+", run) for run in runs)
    assert {len(run.split(".")) - 1 for run in runs} >= {1, 3, 4}


def test_dialogues_of_the_language_model_are_heard() -> None:
    source = random.Random(9)
    heard = [utterance(source, "train") for _ in range(300)]
    assert {one.kind for one in heard} == {"grammar", "salad", "user", "assistant"}
    assert len({one.text for one in heard if one.kind == "user"}) > 40
    assert not any(is_test_sentence(one.text) or says_held_out(one.text) for one in heard)


def test_every_kept_name_is_said_where_only_these_are_wanted() -> None:
    source = random.Random(8)
    texts = [utterance_with_kept_name(source, "train").text for _ in range(1200)]
    named = collections.Counter(word for text in texts for word in re.findall(r"\w+", text))
    assert not [word for word in KEPT_WORDS if named[word] < 2]
    assert not any(is_test_sentence(text) for text in texts)
