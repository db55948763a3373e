"""What the voice reads aloud while it learns: what assistants say, what users say, plain English.

Half of it is what it will have to say. Rows of words in no order let it meet every sound beside
every other. The plain English is the documentation that comes with Python: other words, longer
clauses.
"""

from __future__ import annotations

import ast
import functools
import re
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Final

from starter.domain.agreement import capitalize
from starter.domain.holding_out import Split, is_test_sentence
from starter.domain.sentences import user_sentence, word_salad
from starter.domain.spoken import exchange
from starter.order import Build

__all__ = ["plain_english", "sentences"]

_SENTENCE_END: Final = re.compile(r"(?<=[.?!]) ")
_SPOKEN: Final = re.compile(r"[A-Z][A-Za-z',? !-]*[.?!]")
_PLAIN: Final = re.compile(r"[A-Z][a-z' ,]+[a-z][.?]")
_WORDS: Final = (2, 16)
_LONGEST_WORD: Final = 12


def sentences(count: int, build: Build, seed: int) -> list[str]:
    """Return so many different sentences, in random order; none of them is tested on.

    The same arguments give the same sentences where Python is of the same version.
    """
    random = Random(seed)
    split: Split = "all" if build == "shipped" else "train"
    found: dict[str, None] = {}
    for source, share in _SHARES:
        wanted = len(found) + round(count * share)
        while len(found) < wanted:
            found |= dict.fromkeys(filter(_is_wanted, source(random, split)))
    rest = [text for text in plain_english() if not is_test_sentence(text)]
    random.shuffle(rest)
    chosen = list(dict.fromkeys([*found, *rest]))[: max(count, 1)]
    random.shuffle(chosen)
    return chosen


def _said(random: Random, split: Split) -> list[str]:
    """Return what the assistant says in a dialogue, sentence by sentence."""
    return [one for turn in exchange(random, split).assistant for one in _SENTENCE_END.split(turn)]


def _heard(random: Random, split: Split) -> list[str]:
    """Return what a user may say."""
    return _SENTENCE_END.split(capitalize(user_sentence(random, split)))


def _in_no_order(random: Random, split: Split) -> list[str]:
    return [word_salad(random, split)]


_SHARES: Final[tuple[tuple[Callable[[Random, Split], list[str]], float], ...]] = (
    (_said, 0.5),
    (_heard, 0.2),
    (_in_no_order, 0.1),
)
"""Of all sentences; the rest is plain English."""


def _is_wanted(text: str) -> bool:
    least, most = _WORDS
    fits = least <= len(text.split()) <= most and _SPOKEN.fullmatch(text) is not None
    return fits and not is_test_sentence(text)


@functools.cache
def plain_english() -> tuple[str, ...]:
    """Return sentences of the standard library's documentation, sorted."""
    folder = Path(sysconfig.get_path("stdlib"))
    found = {text for path in sorted(folder.glob("*.py")) for text in _sentences_of(path)}
    return tuple(sorted(found))


def _sentences_of(path: Path) -> Iterator[str]:
    try:
        module = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):  # tests of the parser lie there, too
        return
    for node in ast.walk(module):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = " ".join((ast.get_docstring(node) or "").split())
            yield from filter(_is_plain, _PLAIN.findall(text))


def _is_plain(text: str) -> bool:
    words = text.split()
    least, most = 4, _WORDS[1]
    short = all(len(word) <= _LONGEST_WORD for word in words)
    return least <= len(words) <= most and text.count(",") <= 1 and short
