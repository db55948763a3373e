"""Asks the language model what it never saw, and judges its answers by rules.

Dialogues come from the generator that training uses, with seeds of their own. Every supervised
answer is asked for after the dialogue before it as it was written, so that each is judged alone.
An answer is what is said, or a call of a tool of a known kind; calls of tools that nobody has heard
of have a row of their own.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from pipeline.errors import EngineError
from starter.dialogues.conversation import Dialogue, Expected, ToolCall
from starter.dialogues.generator import dialogue
from starter.dialogues.judging import judge, parse_calls
from starter.dialogues.made_up_tools import MADE_UP
from starter.dialogues.phrasings import Split
from starter.domain.holding_out import is_test_sentence
from starter.domain.spoken import as_heard, can_be_heard
from starter.errors import RecipeError
from starter.evaluation.assistant import Assistant
from starter.evaluation.bench import Bench
from starter.evaluation.figures import Figure, share
from starter.evaluation.listening import listen
from starter.evaluation.rows import Row
from starter.evaluation.spoken import Wanted, speak_all
from starter.evaluation.test_sets import TRAINED_VOICES

__all__ = ["Answer", "Question", "answers", "ask", "measure", "questions"]

_ITEMS: Final = 400
_SHARE: Final = 30
"""No behaviour has more than a thirtieth of a set, so that rare ones count, too."""
_CALL_BEGINS: Final = "<tool_call>"
_MADE_UP: Final = f"tool call: {MADE_UP}"
_SEED: Final = 20261121
_SETS: Final[Mapping[str, tuple[Split, str | None]]] = {
    "answers-values": ("held_values", None),
    "answers-heard": ("held_values", None),
    "answers-phrasings": ("held_phrasings", None),
    "tools-trained": ("train", "usual tools"),
    "tools-values": ("held_values", "usual tools"),
    "tools-new": ("train", "unseen tools"),
}
"""Row -> what the generator keeps to: split, and kind of dialogue."""


@dataclass(frozen=True, slots=True)
class Question:
    """A place in a dialogue where an answer is expected.

    Attributes:
        dialogue: The whole of it; what follows the place is not shown to the model.
        at: Index of the message that the model's answer replaces.
        expected: How that is judged.
        behaviour: Name of what it shows.
    """

    dialogue: Dialogue
    at: int
    expected: Expected
    behaviour: str

    @property
    def asked(self) -> str:
        """The last message before the answer."""
        return self.dialogue.messages[self.at - 1].content

    def heard_as(self, text: str) -> Question:
        """Return the same question with other last words of the user."""
        messages = list(self.dialogue.messages)
        messages[self.at - 1] = replace(messages[self.at - 1], content=text)
        return replace(self, dialogue=replace(self.dialogue, messages=tuple(messages)))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said.

    Attributes:
        question: To what.
        text: Without calls of tools.
        calls: Those.
        right: Whether it is what was expected.
    """

    question: Question
    text: str
    calls: tuple[ToolCall, ...]
    right: bool


def measure(row: Row, bench: Bench) -> Figure:
    """Measure one row.

    Raises:
        RecipeError: If the model cannot be used, or a voice that asks is missing.
    """
    try:
        if row.key == "tools-json":
            return _valid_calls(row, bench)
        found = answers(row.key, bench)
    except EngineError as error:
        raise RecipeError(f"{row.title}: {error}") from error
    return share(row, [one.right for one in found], note=_weakest(found))


def _valid_calls(row: Row, bench: Bench) -> Figure:
    found = [*answers("tools-trained", bench), *answers("tools-values", bench)]
    return share(row, [valid for one in found for valid in _validities(one)])


def _validities(one: Answer) -> Iterator[bool]:
    """Yield for each call whether it could be read; one that never ends could not."""
    yield from (bool(call.name) for call in one.calls)
    if _CALL_BEGINS in one.text:
        yield False


@functools.cache
def answers(key: str, bench: Bench) -> list[Answer]:
    """Ask all questions of a row; asked once for each bench, and only once."""
    split, kind = _SETS[key]
    number = bench.items(_ITEMS)
    if key.startswith("tools-"):
        asked = list(questions(split, kind, number, wanted=_is_call, per_behaviour=number))
    elif key == "answers-heard":
        asked = _spoken(list(questions(split, kind, number, wanted=_is_spoken)), bench)
    else:
        asked = list(questions(split, kind, number, wanted=_needs_no_made_up_tool))
    assistant = Assistant(bench.models.language_model)
    try:
        return [ask(assistant, one) for one in bench.each(key, asked)]
    finally:
        assistant.close()


def questions(
    split: Split,
    kind: str | None,
    items: int,
    *,
    wanted: Callable[[Question], bool] = lambda question: True,
    per_behaviour: int | None = None,
    seed: int = _SEED,
) -> Iterator[Question]:
    """Yield so many questions, none twice.

    Args:
        split: See `starter.dialogues.generator.dialogue`.
        kind: The same.
        items: How many.
        wanted: Which ones count.
        per_behaviour: At most so many of each; None: a thirtieth of all, so that rare ones count.
        seed: Of the dialogues; none that a training uses.
    """
    drawn = random.Random(f"{seed} {split} {kind}")
    most = max(2, items // _SHARE) if per_behaviour is None else per_behaviour
    number, asked = Counter[str](), set[str]()
    while True:
        for question in filter(wanted, _places(dialogue(drawn, split, kind, noise=False))):
            if number.total() >= items:
                return
            same = f"{question.asked} -> {question.expected}"
            if number[question.behaviour] < most and same not in asked:
                number[question.behaviour] += 1
                asked.add(same)
                yield question


def _is_call(question: Question) -> bool:
    return question.expected.call is not None


def _needs_no_made_up_tool(question: Question) -> bool:
    """Calls of tools that nobody has heard of have a row of their own."""
    return question.behaviour != _MADE_UP


def _is_spoken(question: Question) -> bool:
    """Words that have no sound ("21:30"), or that exist nowhere else, can only be asked in text."""
    by_user = question.dialogue.messages[question.at - 1].role == "user"
    heard = as_heard(question.asked)
    return by_user and _needs_no_made_up_tool(question) and _is_new_to_the_ear(heard)


def _is_new_to_the_ear(text: str) -> bool:
    return can_be_heard(text) and is_test_sentence(text)


def _places(dialogue: Dialogue) -> Iterator[Question]:
    for at, message in enumerate(dialogue.messages):
        if message.supervised and message.expected is not None:
            yield Question(dialogue, at, message.expected, message.behaviour)


def ask(assistant: Assistant, question: Question) -> Answer:
    """Have a question answered and judged."""
    text, calls = parse_calls(assistant.answer(question.dialogue, question.at))
    return Answer(question, text, tuple(calls), judge(text, calls, question.expected))


def _spoken(asked: list[Question], bench: Bench) -> list[Question]:
    """Have the last words of each question spoken and recognised."""
    voices = itertools.cycle(TRAINED_VOICES)
    wanted = [Wanted(one.asked, next(voices)) for one in asked]
    spoken = speak_all(wanted, bench, "speaking: questions")
    heard = listen(
        bench.models.recognizer, [one.utterance() for one in spoken], bench=bench, what="listening"
    )
    return [one.heard_as(got.heard) for one, got in zip(asked, heard, strict=True)]


def _weakest(found: list[Answer]) -> str:
    """Name the behaviours that fail most often."""
    wrong = Counter(one.question.behaviour for one in found if not one.right)
    return ", ".join(f"{name} {number} wrong" for name, number in wrong.most_common(3))
