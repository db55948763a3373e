"""What the voice reads aloud while it learns: what assistants say, what users say, plain English.

Half of it is what it will have to say. Rows of words in no order let it meet every sound beside
every other. The plain English is the documentation that comes with Python: other words, longer
clauses.
"""

from __future__ import annotations

import ast
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

from starter.domain.holding_out import Split, is_test_sentence
from starter.domain.spoken import Kind, utterance
from starter.order import Build

__all__ = ["plain_english", "sentences"]

_SHARES: Final[tuple[tuple[tuple[Kind, ...], float], ...]] = (
    (("assistant",), 0.5),
    (("user", "grammar"), 0.2),
    (("salad",), 0.1),
)
"""Of all sentences; the rest is plain English."""
_TRIES: Final = 400
"""Sentences drawn in vain, one after another, before a kind is taken to have no more to say."""
_SENTENCE_END: Final = re.compile(r"(?<=[.?!]) ")
_PLAIN: Final = re.compile(r"[A-Z][a-z' ,]+[a-z][.?]")
_WORDS: Final = (2, 16)
_LONGEST_WORD: Final = 12
_FILES: Final = 400


def sentences(count: int, build: Build, seed: int) -> list[str]:
    """Return about so many different sentences, in random order; none of them is tested on.

    The same arguments give the same sentences where Python is of the same version.
    """
    random = Random(seed)
    found: dict[str, None] = {}
    split: Split = "all" if build == "shipped" else "train"
    for kinds, share in _SHARES:
        found |= dict.fromkeys(_drawn(random, split, kinds, round(count * share)))
    rest = [text for text in plain_english() if text not in found and not is_test_sentence(text)]
    random.shuffle(rest)
    chosen = [*found, *rest[: max(count - len(found), 0)]]
    random.shuffle(chosen)
    return chosen


def _drawn(random: Random, split: Split, kinds: tuple[Kind, ...], count: int) -> list[str]:
    found: dict[str, None] = {}
    misses = 0
    while len(found) < count and misses < _TRIES:
        drawn = utterance(random, split)
        if drawn.kind not in kinds:
            continue
        new = [text for text in _SENTENCE_END.split(drawn.text) if _is_wanted(text, found)]
        misses = 0 if new else misses + 1
        found |= dict.fromkeys(new)
    return list(found)[:count]


def _is_wanted(text: str, found: dict[str, None]) -> bool:
    least, most = _WORDS
    fits = least <= len(text.split()) <= most
    return fits and text not in found and not is_test_sentence(text)


def plain_english() -> list[str]:
    """Return sentences of the standard library's documentation, sorted."""
    folder = Path(sysconfig.get_path("stdlib"))
    paths = sorted(folder.glob("*.py")) + sorted(folder.glob("[a-z]*/*.py"))
    found = {text for path in paths[:_FILES] for text in _sentences_of(path)}
    return sorted(found)


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
