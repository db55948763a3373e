"""Drills: lines that nobody has seen, of which one is asked for; and sums of long durations.

Looking something up in the prompt is what remembering, reading tools and answering from the system
message have in common; a conversation shows it in a few tokens, a drill in nearly all (induction:
Olsson et al. 2022). A line is asked for by its first word, or, as a tool is, by words from anywhere
in it; what has only some of a line's words is declined, since asking for "upload a box" does not
mean a tool that uploads trains. Drills are learnt between conversations, and no test asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Final

from starter.dialogues.conversation import Parameter
from starter.dialogues.invented import invented_name, nonsense_word
from starter.dialogues.made_up_tools import is_held
from starter.dialogues.offers import Offer
from starter.dialogues.rendering import call_text, listed, signature
from starter.dialogues.tools import usual_offer
from starter.domain.numbers import say
from starter.domain.words import VOCABULARY
from starter.language_model.glued_names import glued_name
from starter.language_model.rows import Segments

__all__ = ["drill"]

_LINES: Final = (3, 8)
_WORDS: Final = (2, 6)
_JOINTS: Final = (" ", " ", "_", ",", ", ", ": ", '": "')
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_NOTHING: Final = "Sorry, I can't do that yet."
"""What is said where no line is meant, as in conversations."""


def drill(random: Random) -> Segments:
    """Return lines as a system message, and then each of them asked for, in another order."""
    made = random.choices((_by_first_word, _by_any_word, _durations), (3, 5, 2))[0]
    return made(random)


def _by_first_word(random: Random) -> Segments:
    """Ask for a line by its first word; it is said whole."""
    lines = _lines(random)
    asked = [(first, lines[first]) for first in random.sample(list(lines), len(lines))]
    return _conversation(lines.values(), asked)


def _by_any_word(random: Random) -> Segments:
    """Ask for a line by words of it between others; a code is said, and values under their keys.

    Lines have the form of tools, "words: =code( key=key, key=key)", and are asked for as tools are.
    Now and then a word is missing: what is like a tool that is listed is not yet that tool.
    """
    entries = [_Entry.drawn(random) for _ in range(random.randint(2, 5))]
    asked = [entry.asked(random) for entry in random.sample(entries, len(entries))]
    for _ in range(random.choice((0, 0, 1, 2))):
        question = random.choice(entries).nearly_asked(random)
        if not any(entry.is_meant(question) for entry in entries):
            asked.insert(random.randint(0, len(asked)), (question, _NOTHING))
    return _conversation([entry.line for entry in entries], asked)


def _durations(random: Random) -> Segments:
    """Ask for timers of hours and minutes, which a conversation rarely has, one after another."""
    timer = usual_offer("timer")
    asked = [_timer(random, timer) for _ in range(random.randint(3, 6))]
    return _conversation([signature(timer.tool)], asked)


def _timer(random: Random, timer: Offer) -> tuple[str, str]:
    hours, minutes = random.randint(2, 5), random.randint(2, 59)
    words = f"{say(hours)} hours and {say(minutes)} minutes"
    question = random.choice(("Set a timer for {}.", "Timer, {}.", "{}.", "Wake me in {}."))
    seconds = hours * 3600 + minutes * 60
    said = question.format(words)
    return said[0].upper() + said[1:], call_text(timer.call({"duration": seconds}))


def _conversation(lines: Iterable[str], asked: Iterable[tuple[str, str]]) -> Segments:
    pieces = [(f"<|system|>{''.join(line + chr(10) for line in lines)}<|end|>", False)]
    for question, answer in asked:
        pieces.append((f"<|user|>{question}<|end|><|assistant|>", False))
        pieces.append((f"{answer}<|end|>", True))
    return pieces


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line that is asked for as a tool is.

    Attributes:
        words: By which it is found.
        code: What is said then.
        keys: Words by which values are given.
    """

    words: tuple[str, ...]
    code: str
    keys: tuple[str, ...]

    @classmethod
    def drawn(cls, random: Random) -> _Entry:
        words = tuple(_small_word(random) for _ in range(random.choice((2, 2, 3))))
        named = [_small_word(random)] if random.random() < 0.3 else list(words)
        random.shuffle(named)
        keys = {_small_word(random): None for _ in range(random.choice((0, 1, 1, 2)))}
        return cls(words, "_".join(named), tuple(keys))

    @property
    def line(self) -> str:
        parameters = [Parameter(key, "string") for key in self.keys]
        return listed(f"{' '.join(self.words)}:", self.code, parameters)

    def asked(self, random: Random) -> tuple[str, str]:
        """Return a question and what is to be answered."""
        values = {key: _value(random) for key in self.keys}
        said = [f"{key} {values[key]}" for key in random.sample(self.keys, len(self.keys))]
        question = _among_others(random, self.words, said)
        return question, " ".join([self.code, *(f'"{key}": {values[key]}' for key in self.keys)])

    def nearly_asked(self, random: Random) -> str:
        """Return a question in which one of the words is another."""
        words = random.sample(self.words, len(self.words) - 1)
        said = [f"{key} {_value(random)}" for key in self.keys if random.random() < 0.5]
        return _among_others(random, (*words, _small_word(random)), said)

    def is_meant(self, question: str) -> bool:
        """Return whether a question has all the words."""
        return set(self.words) <= set(question.split(" ")[1:])


def _among_others(random: Random, words: Iterable[str], said: Iterable[str]) -> str:
    """Return words in any order between others, and behind them what is said of keys."""
    mixed = [*words, *(random.choice(VOCABULARY) for _ in range(random.randint(1, 4)))]
    random.shuffle(mixed)
    return " ".join([random.choice(VOCABULARY).capitalize(), *mixed, *said])


def _value(random: Random) -> str:
    return _name(random) if random.random() < 0.7 else str(random.randint(0, 2000))


def _name(random: Random) -> str:
    return random.choice((invented_name, glued_name))(random)


def _lines(random: Random) -> dict[str, str]:
    """Return lines by their first words."""
    lines: dict[str, str] = {}
    while len(lines) < random.randint(*_LINES):
        words = [_word(random) for _ in range(random.randint(*_WORDS))]
        lines[words[0]] = random.choice(_JOINTS).join(words)
    return lines


def _word(random: Random) -> str:
    while is_held((word := _drawn(random)).lower()):
        pass
    return word


def _small_word(random: Random) -> str:
    """Return a word without a digit or a capital letter, as most words of tools are."""
    while not (word := _word(random)).isalpha() or not word.islower():
        pass
    return word


def _drawn(random: Random) -> str:
    luck = random.random()
    if luck < 0.4:
        return random.choice(VOCABULARY)
    if luck < 0.6:
        return nonsense_word(random)
    if luck < 0.8:
        return _name(random)
    if luck < 0.9:
        return str(random.randint(0, 2000))
    return "".join(random.choice(_LETTERS) for _ in range(random.randint(2, 6)))
