"""How large the domain is: words, templates."""

from __future__ import annotations

from dataclasses import dataclass

from starter.domain.templates import TEMPLATES
from starter.domain.words import ENGLISH

__all__ = ["Census", "census"]


@dataclass(frozen=True, slots=True)
class Census:
    """What `census` counted.

    Attributes:
        words: Different English words, capitals aside.
        templates: Different templates; a template counts once, whatever its slots can hold.
    """

    words: int
    templates: int


def census() -> Census:
    """Count the words of the vocabulary and the templates of the grammar.

    Single letters, the words that the assistant translates and the phrasings that the dialogues
    have of their own are not counted.
    """
    return Census(len(ENGLISH), len({template.text for template in TEMPLATES}))
