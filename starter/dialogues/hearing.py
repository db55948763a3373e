"""What a recognizer makes of a sentence: words lost or mistaken, marks and capitals missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from starter.domain.numbers import say

__all__ = ["Hearing", "with_digits"]

_LOST: Final = frozenset(
    {"the", "a", "an", "is", "to", "can", "you", "please", "me", "of", "my", "do", "it", "will",
     "be", "are", "i", "in", "on", "for", "at"}
)  # fmt: skip
_MISTAKEN: Final[Mapping[str, tuple[str, ...]]] = {
    "the": ("a", "that"), "a": ("the",), "what's": ("what", "was"), "what": ("but", "watt"),
    "is": ("it's", "as", "was"), "lights": ("light",), "light": ("lights", "like"),
    "to": ("two", "the"), "for": ("four", "from"), "your": ("you're", "you"), "my": ("by",),
    "how": ("how's",), "can": ("can't", "could"), "are": ("our",), "set": ("said", "sit"),
    "play": ("played", "plate"), "turn": ("turned", "torn"), "timer": ("time",),
    "of": ("off", "or"), "and": ("in", "an"), "please": ("plays",), "capital": ("capitol",),
    "weather": ("whether",), "opposite": ("opposites",), "minus": ("mine us",), "times": ("time",),
    "hello": ("hallo",), "spell": ("spelled",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hearing:
    """How one conversation is heard, from its first word to its last.

    Attributes:
        mistakes: Whether small words get lost or mistaken now and then.
        capitals: Whether it is written with capital letters.
        marks: Whether it is written with punctuation.
        digits: Whether numbers are written as digits, as larger recognizers do.
    """

    mistakes: bool = False
    capitals: bool = True
    marks: bool = True
    digits: bool = False

    @classmethod
    def drawn(cls, random: Random) -> Hearing:
        """Draw how a conversation is heard."""
        form = random.random()
        return cls(
            mistakes=form < 0.5,
            capitals=form >= 0.18,
            marks=form >= 0.12 and not 0.18 <= form < 0.27,
            digits=random.random() < 0.1,
        )

    def mishear(self, random: Random, phrasing: str) -> str:
        """Lose or mistake small words of a phrasing; what stands for a value stays."""
        if not self.mistakes:
            return phrasing
        words = phrasing.split()
        heard: list[str] = []
        for word, next_word in zip(words, [*words[1:], ""], strict=True):
            heard += _heard(random, word, next_word, may_lose=len(words) > 2)
        return " ".join(heard) or phrasing

    def write(self, sentence: str) -> str:
        """Write a sentence as this recognizer would."""
        if self.digits:
            sentence = with_digits(sentence)
        if not self.marks:
            sentence = re.sub(r"[.,?!:]", "", sentence)
        return sentence if self.capitals else sentence.lower()


def _heard(random: Random, word: str, next_word: str, *, may_lose: bool) -> list[str]:
    if "{" in word:
        return [word]
    bare = word.lower().strip(".,?!")
    luck = random.random()
    if bare in _LOST and luck < 0.06 and may_lose:
        return []
    # "for" and "to" before a value would become "four" and "two" in front of a number.
    if luck > 0.96 and bare in _MISTAKEN and not (bare in ("for", "to") and "{" in next_word):
        return [word.lower().replace(bare, random.choice(_MISTAKEN[bare]))]
    return [word, bare] if 0.90 < luck < 0.907 else [word]


_VALUES: Final = {say(n): n for n in (*range(20), *range(20, 100, 10))} | {
    "hundred": 100,
    "thousand": 1000,
}
_ONES: Final = "(?:one|two|three|four|five|six|seven|eight|nine)"
_BELOW_HUNDRED: Final = (
    rf"(?:(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?: {_ONES})?"
    r"|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
    rf"|{_ONES}|zero)"
)
_NUMBER: Final = re.compile(
    rf"\b(?:{_BELOW_HUNDRED} thousand(?: {_ONES} hundred)?(?: (?:and )?{_BELOW_HUNDRED})?"
    rf"|{_ONES} hundred(?: (?:and )?{_BELOW_HUNDRED})?|{_BELOW_HUNDRED})\b"
)


def with_digits(text: str) -> str:
    """Write spelled numbers as digits: "forty two" becomes "42"."""
    return _NUMBER.sub(lambda number: str(_value(number[0])), text)


def _value(words: str) -> int:
    total = current = 0
    for word in words.split():
        if word == "and":
            continue
        value = _VALUES[word]
        if value == 100:
            current *= 100
        elif value == 1000:
            total, current = current * 1000, 0
        else:
            current += value
    return total + current
