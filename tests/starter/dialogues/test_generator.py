import re
from collections import Counter
from datetime import UTC, datetime
from random import Random

import pytest

from pipeline.persona import ClockPlacement, Persona
from starter.dialogues.generator import KINDS, MIX, dialogue
from starter.dialogues.judging import judge
from starter.dialogues.made_up_tools import MADE_UP
from starter.dialogues.names import ARTISTS, CITIES, HELD_ARTISTS, HELD_CITIES, HELD_NAMES, NAMES
from starter.dialogues.rendering import render
from starter.domain.slots import SLOTS

SPLITS = ("train", "held_phrasings", "held_values", "all")


def text_of(one):
    return "".join(text for text, _ in render(one))


def answers(count, split="all", kind=None, seed=3):
    random = Random(seed)
    for _ in range(count):
        for message in dialogue(random, split, kind).messages:
            if message.supervised:
                yield message


@pytest.mark.parametrize("split", SPLITS)
def test_the_same_random_state_gives_the_same_conversation(split):
    first, second = (
        [text_of(dialogue(r, split)) for _ in range(20)] for r in (Random(4), Random(4))
    )
    assert first == second
    assert len(set(first)) == 20


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_something_to_learn(kind):
    random = Random(5)
    for split in SPLITS:
        for _ in range(10):
            one = dialogue(random, split, kind)
            assert any(message.supervised for message in one.messages)
            assert one.messages[-1].role == "assistant"


def test_the_mix_calls_tools_often_and_made_up_ones_as_often_as_usual_ones():
    random = Random(6)
    behaviours = Counter(
        message.behaviour
        for _ in range(1500)
        for message in dialogue(random, "train").messages
        if message.tool_calls
    )
    usual = sum(behaviours[f"tool call: {name}"] for name in ("light", "timer", "weather", "music"))
    assert behaviours[f"tool call: {MADE_UP}"] > 0.4 * usual
    assert set(MIX) <= set(KINDS)


def test_what_is_expected_is_what_is_learnt():
    for message in answers(600):
        assert message.expected
        assert message.behaviour
        assert judge(message.content, message.tool_calls, message.expected), message


def test_answers_can_be_spoken():
    for message in answers(600):
        if message.content:
            assert re.fullmatch(r"[A-Z][A-Za-z ,.?!'-]*[.?!]", message.content), message.content


def test_held_out_values_are_in_no_training():
    held = re.compile(rf"\b(?:{'|'.join((*HELD_NAMES, *HELD_CITIES, *HELD_ARTISTS))})\b")
    random = Random(7)
    for split in ("train", "all", "held_phrasings"):
        for _ in range(300):
            assert not held.search(text_of(dialogue(random, split)))
    assert any(held.search(text_of(dialogue(random, "held_values"))) for _ in range(50))


def test_held_out_names_are_no_words_of_the_domain():
    trained = {*NAMES, *CITIES, *ARTISTS, *SLOTS["name"], *SLOTS["city"], *SLOTS["band"]}
    assert not trained & {*HELD_NAMES, *HELD_CITIES, *HELD_ARTISTS}


def test_tools_that_nobody_has_seen_share_no_word_with_those_of_the_training():
    random = Random(8)
    names = {split: set() for split in ("train", "unseen")}
    parameters = {split: set() for split in ("train", "unseen")}
    for _ in range(400):
        for split, kind in (("train", "tools"), ("unseen", "unseen tools")):
            for tool in dialogue(random, "train", kind).tools:
                names[split].add(tool.name)
                parameters[split] |= {parameter.name for parameter in tool.parameters}
    assert len(names["unseen"]) > 300
    assert not names["train"] & names["unseen"]
    # The held-out family that books a table names a city, as the weather does.
    assert parameters["train"] & parameters["unseen"] <= {"city"}


def test_arguments_are_in_the_users_sentence():
    random = Random(9)
    for _ in range(150):
        one = dialogue(random, "train", "unseen tools", noise=False)
        for at, message in enumerate(one.messages):
            for call in message.tool_calls:
                said = one.messages[at - 1].content.lower()
                texts = [value for value in call.arguments.values() if isinstance(value, str)]
                assert all(value.lower() in said for value in texts), (call, said)


def test_a_long_answer_lasts_eight_seconds():
    spoken = [
        len(re.findall(r"[A-Za-z']+", message.content))
        for message in answers(150, kind="long")
        if message.behaviour in ("long story", "long list")
    ]
    assert spoken
    assert min(spoken) >= 26
    assert sum(count >= 28 for count in spoken) > 0.8 * len(spoken)


def test_the_products_own_system_prompt_is_learnt():
    instructions = "You are Parley, a friendly voice assistant. Keep your answers short."
    persona = Persona(instructions, ClockPlacement.SYSTEM)
    shape = re.sub(r"\d+", "0", persona.system(datetime(2026, 3, 3, 15, 42, tzinfo=UTC)))
    random = Random(10)
    systems = [dialogue(random, "train").system or "" for _ in range(1500)]
    named = [re.sub(r"^You are [A-Za-z ]+,", "You are Parley,", system) for system in systems]
    days = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
    months = "|".join(SLOTS["month"])
    shapes = [
        re.sub(days, "Tuesday", re.sub(months, "March", re.sub(r"\d+", "0", system)))
        for system in named
    ]
    assert shapes.count(shape) > 150
    assert systems.count("") > 50


def test_an_interrupted_reply_is_in_the_history_and_not_learnt():
    random = Random(11)
    cut = [
        message
        for _ in range(200)
        for message in dialogue(random, "train", "barge-in").messages
        if message.role == "assistant" and not message.supervised
    ]
    assert len(cut) > 100
    assert all(message.content and not message.tool_calls for message in cut)


def test_without_noise_users_speak_whole_sentences():
    random = Random(12)
    for _ in range(200):
        for message in dialogue(random, "all", noise=False).messages:
            if message.role == "user":
                assert message.content[0].isupper() or not message.content[0].isalpha()
