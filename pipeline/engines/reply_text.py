"""What a listener may hear of the bytes that a language model generates. Pure."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import Final

__all__ = ["ReplyText", "goes_round", "split_thought"]

_OPEN: Final = "<think>"
_CLOSE: Final = "</think>"
_LONGEST_ROUND: Final = 32
_FEWEST_ROUNDS: Final = 4
_FEWEST_REPEATED: Final = 24
_UNCLOSED: Final = re.compile(r"<think>\s*\Z")
_EMPTY_THOUGHT: Final = re.compile(r"<think>\s*</think>\s*\Z")


def goes_round(tokens: Sequence[int]) -> bool:
    """Return whether a reply has begun to repeat itself for ever, as small models do.

    That is: its last 24 tokens or more are one piece of at most 32 tokens, at least four times.
    """
    for size in range(1, _LONGEST_ROUND + 1):
        repeated = max(size * _FEWEST_ROUNDS, _FEWEST_REPEATED)
        if len(tokens) < repeated:
            break
        tail = tokens[-repeated:]
        if all(tail[at] == tail[at - size] for at in range(size, repeated)):
            return True
    return False


def split_thought(prompt: str) -> tuple[str, str]:
    """Split a rendered prompt into its body and the empty thought at its end.

    The thought is ``""`` for models that do not reason. Templates put an empty one after the
    assistant's header to say that thinking is over; one that a template leaves open (it forces the
    model to think) is closed here, which has the same effect.
    """
    if unclosed := _UNCLOSED.search(prompt):
        prompt = prompt[: unclosed.start()] + f"{_OPEN}\n\n{_CLOSE}\n\n"
    if thought := _EMPTY_THOUGHT.search(prompt):
        return prompt[: thought.start()], thought.group()
    return prompt, ""


class ReplyText:
    """Turns one reply's tokens into text, as they come.

    Characters that are spread over tokens are put together; ``<think>…</think>`` is dropped, also
    when its tags are spread over tokens; so is white space at the beginning, and everything from
    the first stop string on. Text is held back only while it may still become a tag or stop string.

    Args:
        stop: Texts that end the reply.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = tuple(text for text in stop if text)
        self._unfiltered = ""
        self._unsaid = ""
        self._thinking = False
        self._begun = False
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether a stop string came: nothing will follow."""
        return self._ended

    @property
    def skipping_space(self) -> bool:
        """Whether white space is dropped now, because nothing was said yet."""
        return not self._begun and not self._thinking

    def feed(self, piece: bytes) -> str:
        """Return what has become certain with the next token's bytes."""
        return self._take(self._decoder.decode(piece))

    def flush(self) -> str:
        """Return what was held back; the reply is over."""
        said = self._take(self._decoder.decode(b"", final=True))
        rest = "" if self._thinking else self._unfiltered
        said += self._say(rest)
        if not self._ended:
            said += self._emit(self._unsaid)
        self._unfiltered = self._unsaid = ""
        return said

    def _take(self, text: str) -> str:
        self._unfiltered += text
        said = ""
        while not self._ended:
            at, tag = self._next_tag()
            said += "" if self._thinking else self._say(self._unfiltered[:at])
            self._unfiltered = self._unfiltered[at + len(tag) :]
            if not tag:
                break
            self._thinking = tag == _OPEN
        return said

    def _next_tag(self) -> tuple[int, str]:
        """Return where the next tag begins; without one, where it might begin, and ""."""
        # A stray closing tag, after a thought that the prompt opened, is no text either.
        tags = (_CLOSE,) if self._thinking else (_OPEN, _CLOSE)
        found = [(at, tag) for tag in tags if (at := self._unfiltered.find(tag)) >= 0]
        if found:
            return min(found)
        return len(self._unfiltered) - _overlap(self._unfiltered, tags), ""

    def _say(self, text: str) -> str:
        if self._ended:
            return ""
        self._unsaid += text
        ends = [at for mark in self._stop if (at := self._unsaid.find(mark)) >= 0]
        if ends:
            self._ended = True
            certain, self._unsaid = self._unsaid[: min(ends)], ""
        else:
            size = len(self._unsaid) - _overlap(self._unsaid, self._stop)
            certain, self._unsaid = self._unsaid[:size], self._unsaid[size:]
        return self._emit(certain)

    def _emit(self, text: str) -> str:
        if not self._begun:
            text = text.lstrip()
            self._begun = bool(text)
        return text


def _overlap(text: str, marks: Sequence[str]) -> int:
    """Return the length of the longest end of ``text`` that is a proper beginning of a mark."""
    longest = min(len(text), max((len(mark) - 1 for mark in marks), default=0))
    for size in range(longest, 0, -1):
        if any(mark.startswith(text[-size:]) for mark in marks if len(mark) > size):
            return size
    return 0
