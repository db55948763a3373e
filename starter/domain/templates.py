"""What users say: templates with slots, in categories that the assistant has an answer to.

A category is a text file in `templates/`: its first line is its title, `# Note:` and `# Say:` lines
are for the page of what one can say, and every other line is a template. What an answer is:

- about_you: told things are acknowledged and remembered ("My keys are in the hall."), asked for
  ones given back, never told ones declined.
- answers: "No, I meant Boston." and bare values ("In the kitchen.") are echoed, with a question.
- arithmetic: computed where the numbers are small, else declined; counting, odd and even, half,
  double, before and after.
- calendar, shopping: a tool where there is one; the list is kept in the conversation; no calendar,
  calls or messages: said so.
- control: stop, wait, go on, repeat the last answer, thanks, help, what can you do.
- facts, words_and_languages: what the tables of facts have; anything else "I don't know".
- greetings, small_talk: a short friendly answer, a question back.
- home, music, timers, weather: a tool call where a tool fits, else "I can't do that yet"; values
  that a tool has no parameter for ("a little") are left out.
- jokes_and_stories: also the long answers: a long story, the alphabet, planets, months, counting.
- time: read from the system prompt's clock, else "I can't see a clock".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from random import Random

from starter.domain.agreement import agree, capitalize
from starter.domain.lists import FOLDER, read_lines
from starter.domain.slots import fill

__all__ = ["PROPER_OPENINGS", "TEMPLATES", "Template", "expand"]

PROPER_OPENINGS = frozenset({"I", "I'm", "I'll", "I've", "I'd", "Christmas"})
"""First words of templates that keep their capital within a sentence."""


@dataclass(frozen=True, slots=True)
class Template:
    """A way to say something.

    Attributes:
        category: Name of the file that it is in, "timers".
        text: A sentence, its slots in braces: "Set a timer for {n60} minutes."
    """

    category: str
    text: str


def expand(random: Random, text: str, *, opening: bool = True) -> str:
    """Return a sentence of a template: its slots filled, in good English.

    Args:
        random: Draws the values.
        text: A template's text.
        opening: False where the sentence stands behind other words: it begins with a small letter
            unless its first word is a name.
    """
    if opening:
        return capitalize(agree(fill(random, text)))
    return agree(fill(random, _without_capital(text)))


def _without_capital(text: str) -> str:
    first = re.split(r"[ .,?!]", text, maxsplit=1)[0]
    return text if first in PROPER_OPENINGS else text[0].lower() + text[1:]


def _templates(path: Path) -> tuple[Template, ...]:
    return tuple(Template(path.stem, line) for line in read_lines(path))


TEMPLATES: tuple[Template, ...] = tuple(
    template
    for path in sorted((FOLDER / "templates").glob("*.txt"))
    for template in _templates(path)
)
"""Every template, by category."""
