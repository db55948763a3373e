"""The kinds of conversation: whole ones of everything, and short ones that train one skill each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from starter.dialogues import clock, copying, facts, memory, modesty, sums, talk, tool_turns
from starter.dialogues.barge_in import interrupted
from starter.dialogues.control import bare_phrase, control_word, not_understood
from starter.dialogues.conversation import Message
from starter.dialogues.drawing import Ask, Choice, drawn, exchanges
from starter.dialogues.hearing import Hearing
from starter.dialogues.scene import Exchange, Scene
from starter.dialogues.system_prompt import (
    product_prompt,
    short_prompt,
    sparse_prompt,
    system_prompt,
)
from starter.dialogues.two_sentences import two_at_once

__all__ = ["MAKERS", "Made"]

Made: TypeAlias = tuple[str | None, list[Message]]
"""A system message, or None, and what is said."""


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
    exchange = drawn(scene, choice)
    if not scene.pending and len(exchange.answer.split()) > 4 and scene.chance(0.08):
        return interrupted(scene, exchange)
    return scene.messages(exchange)


_OF_THE_PROMPT: Final[tuple[Ask, ...]] = (
    talk.ask_name,
    clock.ask_time,
    clock.ask_date,
    memory.ask_what_was_never_told,
)


def _prompt(scene: Scene) -> Made:
    """Only the lines that are needed; the same questions with the answering line and without."""
    system = sparse_prompt(scene)
    asks: list[Ask] = [talk.ask_name] if scene.name else []
    asks += [clock.ask_time, clock.ask_date, clock.ask_date] if scene.now else []
    asks += [memory.ask_what_was_told] * 2 if scene.memory else []
    asks.append(scene.random.choice(_OF_THE_PROMPT))
    scene.random.shuffle(asks)
    if scene.now and scene.chance(0.5):
        asks.insert(0, clock.ask_time)
    messages = []
    for ask in asks[: scene.random.choice((1, 2, 2, 3))]:
        messages += scene.messages(drawn(scene, {ask: 1}))
    return system, messages


def _sums(scene: Scene) -> Made:
    choice: Choice = {sums.sums: 18, sums.another_sum: 3, sums.refused_sum: 1}
    return short_prompt(scene), exchanges(scene, choice, (1, 2, 2, 3, 4))


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
    return short_prompt(_quiet_copying(scene)), exchanges(scene, choice, (1, 2, 2, 3))


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
    return system, exchanges(scene, choice, (1, 2, 3, 3, 4, 5, 6))


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
    return None, exchanges(scene, choice, (1, 1, 2))


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
    return system, exchanges(scene, choice, (1, 2, 2, 3, 4))


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
    return system, exchanges(scene, choice, (1, 1, 2, 2, 3))


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
    return system, exchanges(scene, choice, (1, 2, 2, 3))


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
        messages += scene.messages(two_at_once(scene))
    return system, messages


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
        exchange = drawn(scene, choice)
        is_long = len(exchange.answer.split()) > 3
        messages += interrupted(scene, exchange) if is_long else scene.messages(exchange)
        if scene.chance(0.5) or not messages[-1].supervised:
            messages += scene.messages(drawn(scene, after))
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


def _with_tools(scene: Scene, calls: float, counts: Sequence[int]) -> list[Message]:
    messages: list[Message] = []
    for _ in range(scene.random.choice(counts)):
        called = tool_turns.tool_turn(scene) if scene.chance(calls) else None
        if called:
            messages += called
        elif scene.offers_family("made up") and scene.chance(0.4):
            messages += scene.messages(tool_turns.ask_for_other_tool(scene))
        else:
            messages += scene.messages(drawn(scene, _BESIDE_TOOLS))
    # Speaking a result is learnt quickly: some conversations end with the call.
    has_result = len(messages) > 1 and messages[-2].role == "tool"
    return messages[:-2] if has_result and scene.chance(0.4) else messages


def _tool_prompt(scene: Scene) -> str | None:
    return product_prompt(scene) if scene.chance(0.4) else short_prompt(scene)


def _usual_tools(scene: Scene) -> Made:
    scene.offers = tool_turns.offer_usual(scene)
    return _tool_prompt(scene), _with_tools(scene, 0.72, (1, 2, 2, 3))


def _tools(scene: Scene) -> Made:
    scene.offers = tool_turns.offer_any(scene)
    return _tool_prompt(scene), _with_tools(scene, 0.85, (1, 2, 3, 3, 4))


def _unseen_tools(scene: Scene) -> Made:
    scene.offers = tool_turns.offer_unseen(scene)
    return _tool_prompt(scene), tool_turns.tool_turn(scene) or []


MAKERS: Final[Mapping[str, Callable[[Scene], Made]]] = {
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
"""Kind -> what makes such a conversation; the tools are those that the scene then offers."""
