"""Drills ask for what stands in the prompt, and for nothing else."""

import random
import re
from collections import Counter

import pytest

pytest.importorskip("torch")

from starter.dialogues.judging import parse_calls
from starter.domain.numbers import say
from starter.language_model.drills import drill
from starter.language_model.rows import Segments

NUMBERS = [say(number) for number in range(60)]
NOTHING = "Sorry, I can't do that yet."


def turns(pieces: Segments) -> tuple[list[str], list[str], list[str]]:
    """Return the lines of the system message, the questions and the answers."""
    (shown, learnt), *said = pieces
    assert not learnt
    lines = shown.removeprefix("<|system|>").removesuffix("<|end|>").splitlines()
    asked = [text[len("<|user|>") :].split("<|end|>")[0] for text, learnt in said if not learnt]
    answers = [text.removesuffix("<|end|>") for text, learnt in said if learnt]
    return lines, asked, answers


def test_every_answer_stands_in_a_line_of_the_system_message_and_is_asked_for_by_its_words() -> (
    None
):
    generator = random.Random(3)
    forms = Counter[str]()
    for _ in range(300):
        lines, asked, answers = turns(drill(generator))
        assert len(asked) == len(answers) >= len(lines)
        if answers[0].startswith("<tool_call>"):
            forms["durations"] += 1
            assert all(map(as_a_timer_is_set, asked, answers))
        elif sorted(answers) == sorted(lines):
            forms["by the first word"] += 1
            assert all(line.startswith(word) for line, word in zip(answers, asked, strict=True))
        else:
            forms["by any words"] += 1
            meant = [one for one in zip(asked, answers, strict=True) if one[1] != NOTHING]
            assert len(meant) == len(lines)
            assert all(as_a_tool_is_asked(lines, *one) for one in meant)
    assert min(forms.values()) > 30
    assert len(forms) == 3


def test_a_question_that_has_not_all_words_of_a_line_is_declined() -> None:
    generator = random.Random(5)
    declined = 0
    for _ in range(300):
        lines, asked, answers = turns(drill(generator))
        wanted = [set(line.split(":")[0].split()) for line in lines]
        for question, answer in zip(asked, answers, strict=True):
            if answer == NOTHING:
                declined += 1
                named = set(question.split(" ")[1:])
                assert not any(words <= named for words in wanted)
                assert any(len(words - named) < len(words) for words in wanted)
    assert declined > 50


def as_a_timer_is_set(question: str, answer: str) -> bool:
    """Return whether the call has the seconds of the hours and minutes that are said."""
    said = re.search(r"(\w+) hours and ([\w ]+) minutes", question.lower())
    assert said
    hours, minutes = (NUMBERS.index(words) for words in said.groups())
    _, (call,) = parse_calls(answer)
    return call.arguments == {"duration_s": hours * 3600 + minutes * 60}


def as_a_tool_is_asked(lines: list[str], question: str, answer: str) -> bool:
    """Return whether a line holds the code and its keys, and the question all its words."""
    code, *pairs = answer.split(" ")
    line = next(line for line in lines if f" ={code}(" in line)
    words = line.split(":")[0].split()
    keys = [pair[1:-2] for pair in pairs[::2]]
    named = set(question.split(" ")[1:])
    return {*words, *keys, *pairs[1::2]} <= named and all(f" {key}={key}" in line for key in keys)


def test_drills_are_rarely_the_same() -> None:
    generator = random.Random(4)
    assert len({"".join(text for text, _ in drill(generator)) for _ in range(300)}) == 300
