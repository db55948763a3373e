"""Cuts a reply, as it is generated, into the segments that are spoken one after another.

The first segment is short, so that speech starts early; later ones are sentences, so that each has
its own melody. Nothing is added, dropped or changed: the segments, put together, are the reply.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

from pipeline.speech_tables import tables

__all__ = ["Segmenter"]

_HARD: Final = ".!?…"
_SOFT: Final = ",;:—–"
_HARD_WIDE: Final = "。！？．｡"  # written without a space after them
_SOFT_WIDE: Final = "、，；："
_CLOSERS: Final = "\"'”’»)]}*_`」』）】》〉"

_WORD: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w[\w'’.\-]*")
_FENCE: Final = re.compile(r"[ \t]*(`{3,}|~{3,})")
_LIST_NUMBER: Final = re.compile(r"[ \t>]*(?:[*_]{1,2})?(?:\d{1,3}|[A-Za-z])[.)]")
_LAST_TOKEN: Final = re.compile(r"[^\s(\[{\"'“‘«]*$")
_MIN_WORDS: Final = 3


class _Boundary(Enum):
    NONE = auto()
    SOFT = auto()
    HARD = auto()


class Segmenter:
    """Cuts one reply; one instance per reply. Pure, and independent of how the text is split.

    A segment ends at the end of a sentence or a line; the first one also at a comma, semicolon,
    colon or dash once it has ``first_min`` characters, later ones once they have ``soft_min``. No
    segment but the last has fewer than 3 words, openers such as "Sure," excepted. A sentence
    without any mark is cut at a space before ``max_length`` characters. A mark inside an
    abbreviation, a decimal, an initial, the number of a list entry, a link or inline code ends
    nothing. A fenced code block is a segment of its own, however long, so that it can be silent.

    Args:
        first_min: Characters from which the first segment may end at a comma.
        soft_min: The same for later segments.
        max_length: Most characters of a segment, code blocks excepted.
        language: BCP 47 tag; chooses the abbreviations and openers.
    """

    def __init__(
        self,
        first_min: int = 12,
        soft_min: int = 60,
        max_length: int = 220,
        *,
        language: str = "en",
    ) -> None:
        if not 0 < first_min <= soft_min <= max_length:
            message = (
                f"first_min {first_min}, soft_min {soft_min}, max_length {max_length}: "
                "expected 0 < first_min <= soft_min <= max_length"
            )
            raise ValueError(message)
        self._first_min = first_min
        self._soft_min = soft_min
        self._max_length = max_length
        self._tables = tables(language)
        self._text = ""  # not yet emitted
        self._line = ""  # since the last line break, emitted or not
        self._fence = ""  # the marks that opened the code block we are in
        self._is_first = True

    def feed(self, delta: str) -> list[str]:
        """Take the next piece of the reply and return the segments that are complete now."""
        return [segment for character in delta for segment in self._take(character)]

    def flush(self) -> list[str]:
        """Return what is left (nothing or one segment) at the end of the reply; start anew."""
        rest = self._text
        self._text, self._line, self._fence, self._is_first = "", "", "", True
        return [rest] if rest else []

    def _take(self, character: str) -> Iterator[str]:
        if self._fence:
            yield from self._take_code(character)
            return
        if self._ends_before(character):
            yield self._cut(len(self._text))
        self._text += character
        self._line = "" if character == "\n" else self._line + character
        if fence := _FENCE.fullmatch(self._line):
            self._fence = fence[1]
            before = len(self._text) - len(self._line)
            if self._text[:before].strip():
                yield self._cut(before)
            return
        if self._ends_after(character):
            yield self._cut(len(self._text))
        if len(self._text) > self._max_length:
            yield self._cut(self._forced_end())

    def _take_code(self, character: str) -> Iterator[str]:
        self._text += character
        if character != "\n":
            self._line += character
            if (fence := _FENCE.fullmatch(self._line)) and self._text.strip() == fence[1]:
                self._fence = fence[1]  # the line that opens the block has yet more marks
            return
        line, self._line = self._line.strip(), ""
        is_mark = not line.strip(self._fence[0]) and len(line) >= len(self._fence)
        if is_mark and "\n" in self._text[:-1]:  # not the line that opened the block
            self._fence = ""
            yield self._cut(len(self._text))

    def _cut(self, end: int) -> str:
        segment, self._text = self._text[:end], self._text[end:]
        # After an opener alone the listener is as impatient as before it.
        self._is_first = self._is_first and len(_WORD.findall(segment)) < _MIN_WORDS
        return segment

    def _forced_end(self) -> int:
        window = self._text[: self._max_length]
        space = max(window.rfind(" "), window.rfind("\n"), window.rfind("\t"))
        return space + 1 if window[: max(space, 0)].strip() else self._max_length

    # -- the ends that are known only when the next character is here ---------------------------

    def _ends_before(self, character: str) -> bool:
        """Whether a sentence has ended, now that it is known what follows."""
        if character.isspace() or character in _CLOSERS or character in _HARD:
            return False
        body = self._text.rstrip().rstrip(_CLOSERS)
        if not body:
            return False
        if body[-1] in _HARD_WIDE:
            return character not in _HARD_WIDE and self._is_long_enough(_Boundary.HARD)
        if body[-1] in _SOFT_WIDE:
            return self._is_long_enough(_Boundary.SOFT)
        if body[-1] not in _HARD or not self._text[-1].isspace() or character.islower():
            return False
        return not self._is_inner_dot(body) and self._is_long_enough(_Boundary.HARD)

    def _is_inner_dot(self, body: str) -> bool:
        """Whether the dot that ends ``body`` belongs to its last word rather than to a sentence."""
        if body[-1] != "." or body.endswith(".."):
            return False
        if _LIST_NUMBER.fullmatch(self._line.rstrip().rstrip(_CLOSERS)):
            return True
        token = _LAST_TOKEN.search(body[:-1])
        word = token[0] if token else ""
        if word.casefold() in self._tables.inner_dots:
            return True
        if self._tables.ordinal_dot and word.isdigit() and len(word) <= 2:
            return True
        return _is_initial(word, body[: len(body) - 1 - len(word)])

    # -- the ends that are known at once ---------------------------------------------------------

    def _ends_after(self, character: str) -> bool:
        """Whether a white-space character has just completed a clause or a line."""
        if not character.isspace():
            return False
        body = self._text.rstrip().rstrip(_CLOSERS)
        if not body:
            return False
        if character == "\n":
            return self._is_long_enough(_Boundary.HARD)
        return body[-1] in _SOFT and self._is_long_enough(_Boundary.SOFT)

    def _is_long_enough(self, boundary: _Boundary) -> bool:
        text = self._text.strip()
        if self._is_open(text, boundary):
            return False
        if " ".join(_WORD.findall(text)).casefold().rstrip(".") in self._tables.openers:
            return True
        if len(_WORD.findall(text)) < _MIN_WORDS:
            return False
        if boundary is _Boundary.HARD:
            return True
        return len(text) >= (self._first_min if self._is_first else self._soft_min)

    @staticmethod
    def _is_open(text: str, boundary: _Boundary) -> bool:
        """Whether the text stops inside a link or inline code, or, for a comma, in brackets."""
        if text.rfind("[") > text.rfind("]") or text.count("`") % 2:
            return True
        if (link := text.rfind("](")) >= 0 and ")" not in text[link:]:
            return True
        return boundary is _Boundary.SOFT and text.rfind("(") > text.rfind(")")


def _is_initial(word: str, before: str) -> bool:
    """Whether ``word`` is a name's initial or a dotted acronym, e.g. J, U.S or z.B."""
    letters = word.split(".")
    if not all(len(letter) == 1 and unicodedata.category(letter) == "Lu" for letter in letters):
        return False
    # "So do I. Then ...": English has one capital letter that is a word, seldom first in a name.
    return word != "I" or not before.rstrip(" ")[-1:].islower()
