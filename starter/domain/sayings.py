"""The page "What you can say", written from the grammar.

`python -m starter.domain.sayings` writes it to docs/what-you-can-say.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from starter.domain.census import census
from starter.domain.lists import FOLDER
from starter.domain.matching import pattern_of
from starter.domain.templates import TEMPLATES

__all__ = ["PAGE", "Category", "categories", "page"]

PAGE = Path(__file__).parents[2] / "docs" / "what-you-can-say.md"
"""Where the page belongs, in a checkout."""

_ORDER = (
    *("greetings", "control", "time", "timers", "home", "music", "weather", "arithmetic", "facts"),
    *("words_and_languages", "jokes_and_stories", "about_you", "small_talk", "shopping"),
    *("calendar", "answers"),
)

_HEAD = """\
# What you can say

The starter models know one small world, what one says to an assistant at home: about {words:,}
words in {templates:,} kinds of sentences. What the recognizer hears there, the language model has
an answer to; the answer may be that it cannot do that. Speak whole sentences. You may put
"Hey computer" before them and "please" behind, and interrupt a reply by speaking.
"""

_TAIL = """\
## What they cannot do

- **Words from elsewhere.** The recognizer writes a word that it does not know as one that it does.
- **Numbers in digits, and large ones.** They hear and say numbers in words, up to some thousands.
- **Other languages.** The language model translates a dozen phrases; it speaks English.
- **News, people, places beyond the list.** It says that it does not know. It looks nothing up.
- **Do things on its own.** Lights, timers, music and the weather need a device that offers them as
  tools; without one it says that it cannot.
- **People's voices.** The recognizer was trained on computer voices only, in quiet and in noise.
  For people, put a bigger model in its place: see [models](models.md).

This page is written by `python -m starter.domain.sayings` from `starter/domain/templates/`.
"""


@dataclass(frozen=True, slots=True)
class Category:
    """A category as the page shows it: the head of its file of templates.

    Attributes:
        name: Of the file.
        title: Its first line.
        note: What one has to know about it, or "".
        examples: What one may say, word for word.
    """

    name: str
    title: str
    note: str
    examples: tuple[str, ...]


def categories() -> tuple[Category, ...]:
    """Return the categories in the order of the page.

    Raises:
        ValueError: If an example is none of the category's own sentences.
    """
    found = tuple(_category(FOLDER / "templates" / f"{name}.txt") for name in _ORDER)
    for category in found:
        _check(category)
    return found


def page() -> str:
    """Return the page in Markdown."""
    size = census()
    head = _HEAD.format(words=size.words // 50 * 50, templates=size.templates // 50 * 50)
    return "\n".join((head, *(_section(category) for category in categories()), _TAIL))


def _section(category: Category) -> str:
    note = f"{category.note}\n\n" if category.note else ""
    examples = " · ".join(f'"{example}"' for example in category.examples)
    return f"## {category.title}\n\n{note}{examples}\n"


def _category(path: Path) -> Category:
    title, *remarks = _remarks(path)
    notes = [remark[len("Note: ") :] for remark in remarks if remark.startswith("Note: ")]
    says = [remark[len("Say: ") :] for remark in remarks if remark.startswith("Say: ")]
    return Category(path.stem, title, " ".join(notes), tuple(says))


def _remarks(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            yield line[2:].strip()


def _check(category: Category) -> None:
    pattern = pattern_of(one.text for one in TEMPLATES if one.category == category.name)
    for example in category.examples:
        if not pattern.fullmatch(example):
            raise ValueError(
                f"{category.name}: no template says {example!r}; write an example that one does"
            )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
