"""What one conversation is about to be made of: who speaks, how it is heard, what was said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Final, TypeVar

from starter.dialogues.conversation import Expected, Message, Style
from starter.dialogues.hearing import Hearing
from starter.dialogues.invented import invented_name
from starter.dialogues.phrasings import Phrasings, Split
from starter.domain.holding_out import stable_hash
from starter.domain.slots import SLOTS, draw
from starter.domain.slots import fill as fill_slots
from starter.domain.words import VOCABULARY

if TYPE_CHECKING:
    from starter.dialogues.offers import Offer

__all__ = ["Exchange", "Scene", "Told", "answered", "capitalized", "fill"]

Value = TypeVar("Value")

_WAKE_WORDS: Final = ("Hey computer", "Okay computer", "Computer", "Hello computer", "Assistant",
                      "Hey assistant")  # fmt: skip
_FILLERS: Final = ("Well", "Okay", "So", "Um", "Oh", "Right", "Hey", "Please", "Now", "Uh", "Hm",
                   "And", "Actually", "Alright", "Yes", "Sorry")  # fmt: skip
_QUESTION_BEGINNINGS: Final = ("Tell me", "Quick question", "Let me ask you", "I wonder",
                               "By the way", "Maybe you know", "Next question", "Say",
                               "One more question", "Listen", "Please tell me")  # fmt: skip
_OTHER_BEGINNINGS: Final = ("By the way", "Listen", "One more thing", "Look", "Next", "Again",
                            "Alright then", "You know", "As I said")  # fmt: skip
_SLOT: Final = re.compile(r"\{(\w+)\}")
_ARTICLE: Final = re.compile(r"\b([Aa]) (?=[aeiouAEIOU])(?!one|uni|eu)")


def capitalized(text: str) -> str:
    """Return the text with a capital first letter, and nothing else changed."""
    return text[:1].upper() + text[1:]


def fill(random: Random, text: str, values: Mapping[str, str]) -> str:
    """Fill slots with the given values, or else with what the domain has for them."""
    if "{" in text:
        text = _SLOT.sub(lambda slot: values.get(slot[1], slot[0]), text)
        text = fill_slots(random, text)
    return _ARTICLE.sub(r"\1n ", text)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the user says and what the assistant answers.

    Attributes:
        behaviour: The name of what it shows.
        user: What the user says.
        answer: What the assistant says, before a style changes it.
        expected: Which answers are right.
        is_certain: Whether this is the one right answer, so that it can be said again.
    """

    behaviour: str
    user: str
    answer: str
    expected: Expected
    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class Told:
    """Something that the user told.

    Attributes:
        asked: How it is asked for.
        values: What the slots in that stand for.
        answer: What is answered.
        phrase: What the answer has to hold.
    """

    asked: Phrasings
    values: Mapping[str, str]
    answer: str
    phrase: str


def answered(behaviour: str, user: str, answer: str, *phrases: str) -> Exchange:
    """Return an exchange of which the answer has to hold some phrases."""
    return Exchange(behaviour, user, answer, Expected((answer,), phrases))


@dataclass(slots=True)
class Scene:
    """The state of one conversation while it is made.

    Attributes:
        random: What everything is drawn with.
        split: What it may be made of.
        hearing: How the user is heard.
        name: Of the assistant, if the system prompt tells it.
        now: Date and time, if the system prompt tells them.
        style: What the system prompt demands of answers, or "".
        address: How the user wants to be called, where the style is that.
        offers: The tools of the system prompt.
        memory: What the user told.
        shopping: What is on the shopping list.
        last: What the assistant said last, before a style changed it.
        pending: An exchange that has to come next.
    """

    random: Random
    split: Split
    hearing: Hearing
    name: str = ""
    now: datetime | None = None
    style: Style = ""
    address: str = ""
    offers: list[Offer] = field(default_factory=list)
    memory: dict[str, Told] = field(default_factory=dict)
    shopping: list[str] = field(default_factory=list)
    last: str = ""
    pending: Exchange | None = None

    @property
    def is_brief(self) -> bool:
        """Whether answers are as short as possible."""
        return self.style == "brief"

    def chance(self, share: float) -> bool:
        """Return True in this share of all cases."""
        return self.random.random() < share

    def offers_family(self, *families: str) -> bool:
        """Return whether a tool of one of these families may be called."""
        return any(offer.family in families for offer in self.offers)

    def say(self, phrasings: Phrasings, values: Mapping[str, str] | None = None) -> str:
        """Return a sentence of the user as it is heard."""
        phrasing = phrasings.choose(self.random, self.split)
        phrasing = self.hearing.mishear(self.random, phrasing)
        sentence = fill(self.random, phrasing, values or {})
        begins_with_name = phrasing.startswith("{") and sentence[:1].isupper()
        begun = self._begun(capitalized(sentence), begins_with_name)
        return self.hearing.write(capitalized(begun))

    def say_exactly(self, phrasings: Phrasings, values: Mapping[str, str] | None = None) -> str:
        """Return a sentence of the user of which every word matters: nothing is lost or added."""
        phrasing = phrasings.choose(self.random, self.split)
        sentence = capitalized(fill(self.random, phrasing, values or {}))
        return sentence if self.hearing.capitals else sentence.lower()

    def _begun(self, sentence: str, begins_with_name: bool) -> str:
        luck = self.random.random()
        later = sentence if begins_with_name else _lowered(sentence)
        if luck < 0.04:
            return f"{self.random.choice(_WAKE_WORDS)}, {later}"
        if luck < 0.10:
            return f"{self.random.choice(_FILLERS)}, {later}"
        if luck < 0.13 and sentence[-1] in ".?" and "please" not in sentence.lower():
            return f"{sentence[:-1]}, please{sentence[-1]}"
        if luck > 0.98:
            return f"I said {later}"
        if luck > 0.94:
            beginnings = _QUESTION_BEGINNINGS if sentence.endswith("?") else _OTHER_BEGINNINGS
            return f"{self.random.choice(beginnings)}, {later}"
        return sentence

    def value(
        self, make: Callable[[], Value], one_in: int, key: Callable[[Value], object] = lambda x: x
    ) -> Value:
        """Draw a value; one in so many is kept for the split "held_values", by its key's hash."""
        wanted = self.split == "held_values"
        value = make()
        for _ in range(300):
            if (stable_hash(str(key(value))) % one_in == 0) == wanted:
                break
            value = make()
        return value

    def word(
        self,
        trained: Sequence[str],
        held: Sequence[str],
        invented: float = 0.0,
        make: Callable[[Random], str] = invented_name,
    ) -> str:
        """Draw a name: a trained one or, in this share, an invented one; or else a held-out one."""
        if self.split == "held_values":
            return self.random.choice(held)
        return make(self.random) if self.chance(invented) else self.random.choice(trained)

    def draw(self, slot: str) -> str:
        """Return a value of one of the domain's slots, with the slots in it filled."""
        return fill(self.random, draw(self.random, slot), {})

    def open_answer(
        self,
        behaviour: str,
        user: str,
        answers: Iterable[str],
        brief: Iterable[str] = (),
        values: Mapping[str, str] | None = None,
    ) -> Exchange:
        """Return an exchange to which several whole answers are right.

        Args:
            behaviour: Its name.
            user: What the user says.
            answers: The answers, with slots.
            brief: The same where the system prompt asks for few words; () for the same ones.
            values: What the slots stand for.
        """
        full = [capitalized(fill(self.random, text, values or {})) for text in answers]
        short = [capitalized(fill(self.random, text, values or {})) for text in brief] or full
        choice = short if self.is_brief else full
        right = (*full, *short)
        is_certain = len(choice) == 1
        return Exchange(behaviour, user, self.random.choice(choice), Expected(right), is_certain)

    def messages(self, exchange: Exchange) -> list[Message]:
        """Return an exchange as its two messages, in the style that is asked for."""
        self.last = exchange.answer
        return [Message("user", exchange.user), self.reply(exchange)]

    def reply(self, exchange: Exchange) -> Message:
        """Return what the assistant answers, in the style that is asked for."""
        return Message(
            "assistant",
            self.styled(exchange.answer),
            supervised=True,
            behaviour=exchange.behaviour,
            expected=self.judged(exchange.expected),
        )

    def judged(self, expected: Expected) -> Expected:
        """Return what is expected together with the style of this conversation."""
        return Expected(expected.answers, expected.phrases, expected.call, self.style, self.address)

    def styled(self, answer: str) -> str:
        """Return an answer as a pirate says it, or with the form of address."""
        if self.style == "pirate":
            return f"Arr, {answer if _begins_with_name(answer) else _lowered(answer)}"
        if self.style == "address":
            return re.sub(
                r"[.!?]?$", lambda mark: f", {self.address}{mark[0] or '.'}", answer, count=1
            )
        return answer


def _begins_with_name(answer: str) -> bool:
    """Return whether an answer begins with a name, or a letter, that keeps its capital."""
    is_letter = re.match(r"[A-Z][,.]", answer) is not None
    return is_letter or _first_word(answer).lower() not in _COMMON


def _lowered(answer: str) -> str:
    is_kept = _first_word(answer) in _KEPT_CAPITALS
    return answer if is_kept else answer[:1].lower() + answer[1:]


def _first_word(answer: str) -> str:
    return re.split(r"\W", answer, maxsplit=1)[0]


_COMMON: Final = frozenset(VOCABULARY)
_KEPT_CAPITALS: Final = frozenset(
    word
    for slot in ("name", "city", "country", "month", "wday1", "planet")
    for value in SLOTS[slot]
    for word in value.split()[:1]
    if word[0].isupper()
) | {"I", "I'm"}
