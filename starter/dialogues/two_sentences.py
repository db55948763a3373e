"""Two sentences in one breath: both are answered, or the second where the first needs no answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from starter.dialogues import clock, facts, memory, modesty, sums, talk
from starter.dialogues.control import opening_word
from starter.dialogues.conversation import Expected
from starter.dialogues.drawing import Choice, drawn
from starter.dialogues.scene import Exchange, Scene, answered

__all__ = ["two_at_once"]


def two_at_once(scene: Scene) -> Exchange:
    """Return an exchange in which the user says two things."""
    hearing = scene.hearing
    scene.hearing = replace(hearing, mistakes=False, marks=True)
    if scene.chance(0.45):
        first = drawn(scene, _NEED_NO_ANSWER)
        second = drawn(scene, _NEED_AN_ANSWER)
        joined = _only_second(scene, first, second)
    else:
        joined = _both(drawn(scene, _NEED_AN_ANSWER), drawn(scene, _NEED_AN_ANSWER))
    scene.hearing = hearing
    return joined


def _thanks(scene: Scene) -> Exchange:
    return talk.small_talk(scene, "thanks")


_NEED_NO_ANSWER: Final[Choice] = {
    talk.greeting: 3,
    talk.statement: 2,
    _thanks: 1,
    opening_word: 1,
}
_NEED_AN_ANSWER: Final[Choice] = {
    facts.fact: 3,
    clock.ask_time: 1,
    clock.ask_date: 1,
    sums.sums: 1,
    talk.ask_name: 1,
    modesty.ask_unknown: 0.7,
    modesty.command_without_tool: 0.7,
    memory.tell: 0.7,
    facts.spelling: 0.5,
}


def _only_second(scene: Scene, first: Exchange, second: Exchange) -> Exchange:
    """Answer the second sentence; a greeting is returned first."""
    greets = first.behaviour == "greeting" and not scene.is_brief
    answer = f"Hello! {second.answer}" if greets else second.answer
    right = second.expected.answers
    expected = Expected((*right, *(f"Hello! {one}" for one in right)), second.expected.phrases)
    return Exchange("two sentences", _both_said(first, second), answer, expected)


def _both(first: Exchange, second: Exchange) -> Exchange:
    """Answer one sentence after the other."""
    answer = f"{first.answer} {second.answer}"
    phrases = tuple(phrase.lstrip("=") for phrase in first.expected.phrases)
    if not phrases or not second.expected.phrases:
        one, other = first.expected.answers, second.expected.answers
        answers = tuple(f"{before} {after}" for before in one for after in other)
        return Exchange("two sentences", _both_said(first, second), answer, Expected(answers))
    return answered(
        "two sentences", _both_said(first, second), answer, *phrases, *second.expected.phrases
    )


def _both_said(first: Exchange, second: Exchange) -> str:
    joint = " " if first.user[-1] in ".?!" else ". "
    return f"{first.user}{joint}{second.user}"
