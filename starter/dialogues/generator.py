"""Draws conversations: whole ones of everything, and short ones that train one skill each.

``python -m starter.dialogues.generator 5`` prints five of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Final, TypeAlias

from starter.dialogues import clock, copying, facts, memory, modesty, sums, talk, tool_turns
from starter.dialogues.barge_in import interrupted
from starter.dialogues.control import bare_phrase, control_word, not_understood, opening_word
from starter.dialogues.conversation import Dialogue, Expected, Message
from starter.dialogues.hearing import Hearing
from starter.dialogues.phrasings import Split
from starter.dialogues.rendering import render
from starter.dialogues.scene import Exchange, Scene, told
from starter.dialogues.system_prompt import (
    product_prompt,
    short_prompt,
    sparse_prompt,
    system_prompt,
)

__all__ = ["KINDS", "MIX", "dialogue"]

Ask: TypeAlias = Callable[[Scene], Exchange | None]
Choice: TypeAlias = Mapping[Ask, float]

MIX: Final[Mapping[str, float]] = {
    "talk": 22,
    "prompt": 15,
    "sums": 15,
    "copying": 10,
    "memory": 10,
    "look up": 5,
    "reading": 5,
    "facts": 15,
    "modesty": 14,
    "control": 6,
    "long": 4,
    "two sentences": 7,
    "barge-in": 8,
    "usual tools": 18,
    "tools": 26,
}
"""How often each kind of conversation is drawn."""
KINDS: Final = (*MIX, "unseen tools")
"""Kinds of conversation. "unseen tools" lists only tools whose words no training shows: a test."""


def dialogue(random: Random, split: Split, kind: str | None = None, noise: bool = True) -> Dialogue:
    """Draw a conversation.

    Args:
        random: What everything is drawn with: the same state gives the same conversation.
        split: What it is made of; see `Split`.
        kind: One of `KINDS`; None for the mix of a training.
        noise: Whether the user is heard as an imperfect recognizer hears him.
    """
    kind = kind or random.choices(list(MIX), list(MIX.values()))[0]
    while True:
        hearing = Hearing.drawn(random) if noise else Hearing()
        scene = Scene(random, split, hearing)
        system, messages = _MAKERS[kind](scene)
        if any(message.supervised for message in messages):
            tools = tuple(offer.tool for offer in scene.offers)
            return Dialogue(system, tools, (*_greeting(scene), *messages))


def _greeting(scene: Scene) -> tuple[Message, ...]:
    """Now and then the assistant speaks first, as a product may be told to."""
    if not scene.chance(0.04):
        return ()
    name = f" I'm {scene.name}." if scene.name else ""
    hello = scene.random.choice(("Hello!", "Hi!", "Welcome!", "Good day!"))
    offer = scene.random.choice((" How can I help you?", " What can I do for you?", ""))
    return (Message("assistant", f"{hello}{name}{offer}"),)


Made: TypeAlias = tuple[str | None, list[Message]]


def _drawn(scene: Scene, choice: Choice) -> Exchange:
    """Draw an exchange that is possible at this point."""
    if scene.pending:
        pending, scene.pending = scene.pending, None
        return pending
    asks, weights = list(choice), list(choice.values())
    while True:
        exchange = scene.random.choices(asks, weights)[0](scene)
        if exchange:
            return exchange


def _exchanges(scene: Scene, choice: Choice, counts: Sequence[int]) -> list[Message]:
    """Return some exchanges; one more where the last one has to go on."""
    messages = []
    count = scene.random.choice(counts)
    while count > 0 or scene.pending:
        messages += scene.messages(_drawn(scene, choice))
        count -= 1
    if scene.chance(0.08) and (again := copying.say_again(scene)):
        messages += scene.messages(again)
    return messages


def _long_talk(scene: Scene) -> Exchange:
    return talk.small_talk(scene, "long_story", "long_story", "long_story", "months_list",
                           "weekdays_list", "planets_list", "alphabet", "long_explanation",
                           "story")  # fmt: skip


def _quiet_copying(scene: Scene) -> Scene:
    """Copying is learnt from clean sentences: what is to be copied must not be misheard."""
    if scene.chance(0.85):
        scene.hearing = Hearing(digits=False)
    return scene


_ANYTHING: Final[Choice] = {
    talk.small_talk: 22,
    talk.greeting: 4,
    talk.feeling: 2,
    talk.ask_name: 5,
    talk.ask_favorite: 1,
    control_word: 5,
    clock.ask_time: 7,
    clock.ask_date: 5,
    sums.sums: 10,
    sums.another_sum: 3,
    sums.refused_sum: 1.5,
    facts.fact: 20,
    facts.follow_up: 3,
    facts.spelling: 4,
    copying.count: 1.5,
    copying.count_too_far: 0.5,
    copying.repeat: 4,
    copying.say_again: 4,
    memory.tell: 5,
    memory.ask_what_was_told: 8,
    memory.ask_what_was_never_told: 3,
    memory.shopping_list: 3,
    modesty.ask_unknown: 7,
    modesty.ask_nearly_known: 2,
    modesty.ask_about_topic: 2,
    modesty.command_without_tool: 7,
    not_understood: 4,
    bare_phrase: 3,
}

_TURNS: Final = (1, 2, 3, 4, 5, 6, 9, 14)
_TURN_WEIGHTS: Final = (20, 24, 20, 14, 10, 8, 3, 1)


def _talk(scene: Scene) -> Made:
    """A whole conversation of everything."""
    system = system_prompt(scene)
    if scene.chance(0.3):
        scene.offers = tool_turns.offer_usual(scene) if scene.chance(0.6) else (
            tool_turns.offer_any(scene))  # fmt: skip
    messages: list[Message] = []
    count = scene.random.choices(_TURNS, _TURN_WEIGHTS)[0]
    remembers = scene.chance(0.12)
    while count > 0 or scene.pending:
        messages += _turn(scene, _REMEMBERING if remembers and scene.chance(0.5) else _ANYTHING)
        count -= 1
    return system, messages


_REMEMBERING: Final[Choice] = {memory.tell: 2, memory.ask_what_was_told: 3}


def _turn(scene: Scene, choice: Choice) -> list[Message]:
    """One turn of a whole conversation: a tool, an exchange, or one that is interrupted."""
    if scene.offers and not scene.pending and scene.chance(0.45):
        called = tool_turns.tool_turn(scene)
        if called:
            return called
    exchange = _drawn(scene, choice)
    if not scene.pending and len(exchange.answer.split()) > 4 and scene.chance(0.08):
        return interrupted(scene, exchange)
    return scene.messages(exchange)


def _prompt(scene: Scene) -> Made:
    """Only the lines that are needed; the same questions with the answering line and without."""
    system = sparse_prompt(scene)
    asks: list[Ask] = [talk.ask_name] if scene.name else []
    asks += [clock.ask_time, clock.ask_date, clock.ask_date] if scene.now else []
    asks.append(scene.random.choice((talk.ask_name, clock.ask_time, clock.ask_date)))
    scene.random.shuffle(asks)
    if scene.now and scene.chance(0.5):
        asks.insert(0, clock.ask_time)
    messages = []
    for ask in asks[: scene.random.choice((1, 2, 2, 3))]:
        messages += scene.messages(_drawn(scene, {ask: 1}))
    return system, messages


def _sums(scene: Scene) -> Made:
    choice: Choice = {sums.sums: 18, sums.another_sum: 3, sums.refused_sum: 1}
    return short_prompt(scene), _exchanges(scene, choice, (1, 2, 2, 3, 4))


def _copying(scene: Scene) -> Made:
    choice: Choice = {
        copying.repeat: 30,
        copying.repeat_list: 24,
        copying.say_again: 22,
        copying.count: 14,
        copying.count_too_far: 2,
        facts.spelling: 14,
        not_understood: 4,
        bare_phrase: 4,
    }
    return short_prompt(_quiet_copying(scene)), _exchanges(scene, choice, (1, 2, 2, 3))


def _memory(scene: Scene) -> Made:
    choice: Choice = {
        memory.tell: 26,
        memory.ask_what_was_told: 52,
        memory.ask_what_was_never_told: 20,
        memory.shopping_list: 5,
        facts.fact: 4,
        talk.statement: 4,
        talk.ask_name: 2,
    }
    system = product_prompt(scene) if scene.chance(0.2) else short_prompt(scene)
    return system, _exchanges(scene, choice, (1, 2, 3, 3, 4, 5, 6))


def _look_up(scene: Scene) -> Made:
    _quiet_copying(scene)
    messages = []
    for exchange in memory.look_up(scene):
        messages += scene.messages(exchange)
    return None, messages


def _reading(scene: Scene) -> Made:
    choice: Choice = {
        copying.read_numbers: 3,
        copying.read_times: 3,
        copying.read_dates: 4,
        copying.count: 4,
    }
    return None, _exchanges(scene, choice, (1, 1, 2))


def _facts(scene: Scene) -> Made:
    choice: Choice = {
        facts.fact: 20,
        facts.follow_up: 3,
        modesty.ask_unknown: 3,
        modesty.ask_nearly_known: 3,
        talk.small_talk: 1,
        facts.spelling: 1,
    }
    system = system_prompt(scene) if scene.chance(0.3) else short_prompt(scene)
    return system, _exchanges(scene, choice, (1, 2, 2, 3, 4))


def _modesty(scene: Scene) -> Made:
    choice: Choice = {
        modesty.ask_unknown: 14,
        modesty.ask_nearly_known: 5,
        modesty.ask_about_topic: 4,
        modesty.command_without_tool: 12,
        sums.refused_sum: 2,
        copying.count_too_far: 1,
        not_understood: 6,
        bare_phrase: 4,
        memory.ask_what_was_never_told: 3,
        talk.statement: 4,
        facts.fact: 5,
    }
    if scene.chance(0.35):
        scene.offers = tool_turns.offer_usual(scene)
    system = product_prompt(scene) if scene.chance(0.35) else short_prompt(scene)
    return system, _exchanges(scene, choice, (1, 1, 2, 2, 3))


def _control(scene: Scene) -> Made:
    choice: Choice = {
        control_word: 14,
        talk.greeting: 3,
        talk.small_talk: 14,
        talk.feeling: 2,
        not_understood: 3,
        modesty.ask_unknown: 2,
        modesty.command_without_tool: 3,
    }
    if scene.chance(0.4):
        scene.offers = tool_turns.offer_usual(scene)
    system = product_prompt(scene) if scene.chance(0.3) else short_prompt(scene)
    return system, _exchanges(scene, choice, (1, 2, 2, 3))


def _long(scene: Scene) -> Made:
    """Long answers, sometimes interrupted."""
    system = product_prompt(scene) if scene.chance(0.5) else short_prompt(scene)
    exchange = _long_talk(scene)
    return system, interrupted(scene, exchange) if scene.chance(0.4) else scene.messages(exchange)


def _two_sentences(scene: Scene) -> Made:
    """Two sentences at once: both are answered, or the second where the first needs no answer."""
    system = system_prompt(scene) if scene.chance(0.6) else short_prompt(scene)
    messages = []
    for _ in range(scene.random.choice((1, 1, 2))):
        messages += scene.messages(_two_at_once(scene))
    return system, messages


def _two_at_once(scene: Scene) -> Exchange:
    hearing = scene.hearing
    scene.hearing = replace(hearing, mistakes=False, marks=True)
    if scene.chance(0.45):
        first = _drawn(scene, _NEED_NO_ANSWER)
        second = _drawn(scene, _NEED_AN_ANSWER)
        joined = _only_second(scene, first, second)
    else:
        joined = _both(_drawn(scene, _NEED_AN_ANSWER), _drawn(scene, _NEED_AN_ANSWER))
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
    return told(
        "two sentences", _both_said(first, second), answer, *phrases, *second.expected.phrases
    )


def _both_said(first: Exchange, second: Exchange) -> str:
    joint = " " if first.user[-1] in ".?!" else ". "
    return f"{first.user}{joint}{second.user}"


def _barge_in(scene: Scene) -> Made:
    choice: Choice = {
        facts.fact: 8,
        talk.small_talk: 10,
        _long_talk: 8,
        modesty.ask_unknown: 2,
        sums.sums: 2,
        clock.ask_time: 2,
        talk.ask_name: 2,
        facts.spelling: 1,
    }
    after: Choice = {
        facts.fact: 4,
        sums.sums: 2,
        clock.ask_time: 1,
        talk.ask_name: 1,
        talk.small_talk: 2,
        memory.ask_what_was_never_told: 1,
        not_understood: 1,
        modesty.ask_unknown: 1,
    }
    system = product_prompt(scene) if scene.chance(0.4) else short_prompt(scene)
    messages: list[Message] = []
    for _ in range(scene.random.choice((1, 1, 2))):
        exchange = _drawn(scene, choice)
        is_long = len(exchange.answer.split()) > 3
        messages += interrupted(scene, exchange) if is_long else scene.messages(exchange)
        if scene.chance(0.5) or not messages[-1].supervised:
            messages += scene.messages(_drawn(scene, after))
    return system, messages


_BESIDE_TOOLS: Final[Choice] = {
    control_word: 5,
    facts.fact: 5,
    sums.sums: 3,
    clock.ask_time: 3,
    clock.ask_date: 1,
    talk.ask_name: 2,
    modesty.command_without_tool: 5,
    talk.greeting: 2,
    talk.small_talk: 4,
    not_understood: 3,
    bare_phrase: 1,
    modesty.ask_unknown: 3,
    talk.statement: 3,
    memory.ask_what_was_told: 2,
}


def _with_tools(scene: Scene, calls: float) -> list[Message]:
    messages: list[Message] = []
    for _ in range(scene.random.choice((1, 1, 2, 2, 3))):
        called = tool_turns.tool_turn(scene) if scene.chance(calls) else None
        if called:
            messages += called
        elif scene.offers_family("made up") and scene.chance(0.4):
            messages += scene.messages(tool_turns.ask_for_other_tool(scene))
        else:
            messages += scene.messages(_drawn(scene, _BESIDE_TOOLS))
    # Speaking a result is learnt quickly: some conversations end with the call.
    has_result = len(messages) > 1 and messages[-2].role == "tool"
    return messages[:-2] if has_result and scene.chance(0.4) else messages


def _tool_prompt(scene: Scene) -> str | None:
    return product_prompt(scene) if scene.chance(0.4) else short_prompt(scene)


def _usual_tools(scene: Scene) -> Made:
    scene.offers = tool_turns.offer_usual(scene)
    return _tool_prompt(scene), _with_tools(scene, 0.72)


def _tools(scene: Scene) -> Made:
    scene.offers = tool_turns.offer_any(scene)
    return _tool_prompt(scene), _with_tools(scene, 0.8)


def _unseen_tools(scene: Scene) -> Made:
    scene.offers = tool_turns.offer_unseen(scene)
    return _tool_prompt(scene), tool_turns.tool_turn(scene) or []


_MAKERS: Final[Mapping[str, Callable[[Scene], Made]]] = {
    "talk": _talk,
    "prompt": _prompt,
    "sums": _sums,
    "copying": _copying,
    "memory": _memory,
    "look up": _look_up,
    "reading": _reading,
    "facts": _facts,
    "modesty": _modesty,
    "control": _control,
    "long": _long,
    "two sentences": _two_sentences,
    "barge-in": _barge_in,
    "usual tools": _usual_tools,
    "tools": _tools,
    "unseen tools": _unseen_tools,
}


def _print(count: int, kind: str | None) -> None:
    source = Random()
    for _ in range(count):
        print("".join(text for text, _ in render(dialogue(source, "all", kind))), end="\n\n")


if __name__ == "__main__":
    _print(int(sys.argv[1]) if len(sys.argv) > 1 else 5, " ".join(sys.argv[2:]) or None)
