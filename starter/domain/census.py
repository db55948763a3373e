"""How large the domain is: words, templates."""

from __future__ import annotations

from dataclasses import dataclass

from starter.domain.templates import TEMPLATES
from starter.domain.words import KNOWN

__all__ = ["Census", "census"]


@dataclass(frozen=True, slots=True)
class Census:
    """What `census` counted.

    Attributes:
        words: Different words, capitals aside.
        templates: Different templates; a template counts once, whatever its slots can hold.
    """

    words: int
    templates: int


def census() -> Census:
    """Count the words of the vocabulary and the templates of the grammar.

    The phrasings that the dialogues have of their own are not counted.
    """
    return Census(len(KNOWN), len({template.text for template in TEMPLATES}))
