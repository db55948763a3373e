"""Asks the language model what it never saw, and judges its answers by rules.

Dialogues come from the generator that training uses, with seeds of their own. Every supervised
answer is asked for after the dialogue before it as it was written, so that each is judged alone.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from pipeline.errors import EngineError
from starter.dialogues.conversation import Dialogue, Expected, ToolCall
from starter.dialogues.judging import judge, parse_calls
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
_PER_BEHAVIOUR: Final = 25
_SEED: Final = 20261121
_SETS: Final = {
    "answers-values": ("held_values", None),
    "answers-heard": ("held_values", None),
    "answers-phrasings": ("held_phrasings", None),
    "tools-trained": ("train", "usual_tools"),
    "tools-values": ("held_values", "usual_tools"),
    "tools-new": ("held_values", "new_tools"),
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
    return share(row, [bool(call.name) for one in found for call in one.calls])


@functools.cache
def answers(key: str, bench: Bench) -> list[Answer]:
    """Ask all questions of a row; asked once for each bench, and only once."""
    split, kind = _SETS[key]
    calls_only = key.startswith("tools-")
    asked = list(questions(split, kind, bench.items(_ITEMS), calls_only=calls_only))
    if key == "answers-heard":
        asked = _spoken(asked, bench)
    assistant = Assistant(bench.models.language_model)
    try:
        return [ask(assistant, one) for one in bench.each(key, asked)]
    finally:
        assistant.close()


def questions(
    split: str, kind: str | None, items: int, *, calls_only: bool = False, seed: int = _SEED
) -> Iterator[Question]:
    """Yield so many questions, of no behaviour many more than of another.

    Args:
        split: See `starter.dialogues.generator.dialogue`.
        kind: The same.
        items: How many.
        calls_only: Whether only those count that a call of a tool answers.
        seed: Of the dialogues; none that a training uses.
    """
    from starter.dialogues.generator import dialogue

    drawn, seen = random.Random(f"{seed} {split} {kind}"), Counter[str]()
    found = 0
    while found < items:
        one = dialogue(drawn, split, kind, noise=False)
        for question in _places(one):
            name = question.behaviour
            wanted = question.expected.call is not None or not calls_only
            if not wanted or (not calls_only and seen[name] >= _PER_BEHAVIOUR) or found >= items:
                continue
            seen[name] += 1
            found += 1
            yield question


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
    by_voice = [one for one in asked if one.dialogue.messages[one.at - 1].role == "user"]
    voices = itertools.cycle(TRAINED_VOICES)
    wanted = [Wanted(one.asked, next(voices)) for one in by_voice]
    spoken = speak_all(wanted, bench, "speaking: questions")
    heard = listen(
        bench.models.recognizer, [one.utterance() for one in spoken], bench=bench, what="listening"
    )
    return [one.heard_as(got.heard) for one, got in zip(by_voice, heard, strict=True)]


def _weakest(found: list[Answer]) -> str:
    """Name the behaviours that fail most often."""
    wrong = Counter(one.question.behaviour for one in found if not one.right)
    return ", ".join(f"{name} {number} wrong" for name, number in wrong.most_common(3))
