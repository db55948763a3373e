"""Which template a text may have come from: expansion, read backwards.

What people say in the dialogues has phrasings of its own, and some of them are templates of this
grammar too. The measuring build must not hear those of its held-out templates there.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from starter.domain.holding_out import is_held_out_template
from starter.domain.numbers import NUMBER_WORDS, ORDINAL_WORDS
from starter.domain.slots import DRAWN, SLOTS
from starter.domain.templates import TEMPLATES

__all__ = ["pattern_of", "says_held_out"]

_SLOT = re.compile(r"\\\{(\w+)\\\}")
_SENTENCE_END = re.compile(r"(?<=[.?!]) ")
_ARTICLE = re.compile(r"\b[Aa]\\ (?=\(\?:)")
_VERY = re.compile(r"\b(very|so)\\ (?=\(\?:)")
_PLURAL = re.compile(r"([a-z]{3}s)\b")
_NUMBER = "|".join(sorted({*NUMBER_WORDS, *ORDINAL_WORDS, "oh"}, key=len, reverse=True))
_NUMBERS = rf"(?:(?:{_NUMBER})(?: and)? ?)+(?<! )"


def pattern_of(texts: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern of all sentences that these templates give, and of few others.

    It allows a word and a comma before them, "please" behind them, and another final mark.
    """
    shapes = "|".join(_shape(text.rstrip(".?!")) for text in texts)
    shapes = _PLURAL.sub(r"\1?", shapes)
    return re.compile(rf"(?:[a-z' ]+, )?(?:{shapes})(?:,? please)?[.?!]", re.IGNORECASE)


def says_held_out(text: str) -> bool:
    """Say whether a sentence of a text could have come from a held-out template."""
    pattern = _held_out()
    return any(pattern.fullmatch(sentence) for sentence in _SENTENCE_END.split(text))


@functools.cache
def _held_out() -> re.Pattern[str]:
    return pattern_of(one.text for one in TEMPLATES if is_held_out_template(one.text))


def _shape(text: str) -> str:
    shape = _SLOT.sub(lambda slot: _values(slot[1].lower()), re.escape(text))
    return _VERY.sub(r"(?:\1 )?", _ARTICLE.sub("(?:[Aa]n? )?", shape))


@functools.cache
def _values(slot: str) -> str:
    if slot in DRAWN:
        return _NUMBERS
    return f"(?:{'|'.join(_shape(value) for value in SLOTS[slot])})"
