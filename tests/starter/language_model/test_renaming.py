"""A dialogue with new names is the same dialogue."""

import json
import random
import re

import pytest

pytest.importorskip("torch")

from starter.dialogues.generator import dialogue
from starter.dialogues.names import CITIES, HELD_ARTISTS, HELD_CITIES, HELD_NAMES
from starter.dialogues.rendering import render
from starter.language_model.glued_names import glued_name
from starter.language_model.renaming import renamed

_CALL = re.compile("<tool_call>(.*?)</tool_call>")


def test_a_name_is_another_wherever_it_stands_and_as_it_was_written() -> None:
    pieces = [
        ("<|user|>So, seville weather, please. Is Seville nice?<|end|>", False),
        ('<tool_call>{"name": "get_weather", "arguments": {"city": "Seville"}}</tool_call>', True),
    ]
    found = renamed(pieces, random.Random(1))
    new = json.loads(_CALL.findall(found[1][0])[0])["arguments"]["city"]
    assert new != "Seville"
    asked = f"<|user|>So, {new.lower()} weather, please. Is {new} nice?<|end|>"
    assert found[0] == (asked, False)
    assert found[1][1]


def test_a_name_of_two_words_becomes_one_of_two_words() -> None:
    ((found, _),) = renamed([("Play David Bowie. Again David Bowie.", True)], random.Random(1))
    first, second = found.removeprefix("Play ").removesuffix(".").split(". Again ")
    assert first == second != "David Bowie"
    assert len(first.split()) == 2


@pytest.mark.parametrize(
    "text",
    ["I'd like a bath in YORK street.", "M, A, X. That is Max.", "Play the Doors.", "Sevillean"],
)
def test_other_words_and_what_is_spelled_stay(text) -> None:
    assert renamed([(text, True)], random.Random(1)) == [(text, True)]


def test_calls_of_real_dialogues_still_copy_what_the_user_says() -> None:
    generator, changed = random.Random(2), 0
    for _ in range(300):
        before = render(dialogue(generator, "all", "usual tools", noise=False))
        after = renamed(before, generator)
        changed += after != before
        assert [learnt for _, learnt in after] == [learnt for _, learnt in before]
        said = " ".join(text for text, learnt in after if not learnt)
        for call in _CALL.findall("".join(text for text, _ in after)):
            city = json.loads(call)["arguments"].get("city", "")
            assert city in said
            assert city not in CITIES or after == before
    assert changed > 50


def test_glued_names_are_many_and_never_one_that_is_kept() -> None:
    generator = random.Random(3)
    names = {glued_name(generator) for _ in range(20_000)}
    assert len(names) > 15_000
    assert not names & {*HELD_ARTISTS, *HELD_CITIES, *HELD_NAMES}
    assert all(name.istitle() and 4 <= len(name) <= 11 for name in names)
