"""Finds the part of a growing transcript that will not change any more.

LocalAgreement-2 (Macháček, Dabre and Bojar 2023, https://arxiv.org/abs/2307.14743): a word is
committed once two hypotheses in a row agree on it. In addition it must end some time before the
end of what was heard, because the last words of an unfinished sentence are guesses; and the decoder
must not doubt it. What was committed is never taken back: later hypotheses only say how it goes on.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.engines import Word

__all__ = ["Agreement", "LocalAgreement", "joined"]

_SENTENCE_ENDS = frozenset(".?!…。？！")
_SLACK = 0.1
"""Seconds by which two alignments of the same word may differ."""
_ECHO = 5
"""Words at most that a shifted alignment may show once more; as in the paper's own program."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What is known of the turn's text now.

    Attributes:
        text: The committed words and the newest guess of what follows.
        stable: Code points at the start of ``text`` that every later text starts with, too.
        words: Committed words.
        punctuated_twice: Whether this hypothesis and the one before had the same words and both
            ended a sentence.
    """

    text: str
    stable: int
    words: int
    punctuated_twice: bool


@dataclass(frozen=True, slots=True)
class _Spelled:
    """A word as it stands in a text: the gap before it, the word itself, what punctuates it."""

    gap: str
    bare: str
    punctuation: str
    word: Word

    @property
    def key(self) -> str:
        """What two hypotheses must have in common to agree: case and punctuation are not."""
        kept = "".join(each for each in self.bare if each.isalnum())
        return unicodedata.normalize("NFKC", kept or self.bare).casefold()


class LocalAgreement:
    """The hypotheses of one turn, and what of them is committed. Pure: it reads no clock.

    Args:
        margin: Seconds before the end of the audio within which nothing is committed.
        doubt: Words less probable than this, and all behind them, are not committed.
    """

    def __init__(self, *, margin: float = 0.4, doubt: float = 0.3) -> None:
        self._margin = margin
        self._doubt = doubt
        self._stable = ""
        self._punctuation = ""  # behind the last committed word, by the newest hypothesis
        self._count = 0
        self._window: list[_Spelled] = []  # committed words of the open window
        self._pending: list[_Spelled] = []  # what the last hypothesis had behind them
        self._ended = False  # whether it ended a sentence

    def update(self, text: str, words: Sequence[Word], *, heard: float) -> Agreement:
        """Take the newest hypothesis about the open window.

        Args:
            text: What was recognised, from the start of the window.
            words: The same in words, with times from the start of the window; without words, the
                text is taken apart at spaces and committed by agreement alone.
            heard: Seconds of audio in the window.
        """
        spelled = _spell(text, words)
        rest = self._rest(spelled)
        agreed = _common(rest, self._pending)
        ends = bool(spelled) and spelled[-1].punctuation[-1:] in _SENTENCE_ENDS and bool(text)
        twice = ends and self._ended and agreed == len(rest) == len(self._pending)
        safe = self._safe(rest[:agreed], heard)
        for each in rest[:safe]:
            self._commit(each)
        self._pending, self._ended = rest[safe:], ends
        return self._agreement(punctuated_twice=twice)

    def close(self, text: str, words: Sequence[Word]) -> Agreement:
        """Commit a window whole; the next hypothesis is about what follows it."""
        for each in self._rest(_spell(text, words)):
            self._commit(each)
        self._window, self._pending, self._ended = [], [], False
        return self._agreement(punctuated_twice=False)

    def _rest(self, spelled: list[_Spelled]) -> list[_Spelled]:
        """Return the words behind the committed ones: by number where they match, else by time."""
        done = len(self._window)
        if done == 0:
            return spelled
        if _common(spelled, self._window) == done:
            self._punctuation = spelled[done - 1].punctuation
            return spelled[done:]
        end = self._window[-1].word.end - _SLACK
        later = [each for each in spelled if (each.word.start + each.word.end) / 2 >= end]
        return later[_echo(self._window, later) :]

    def _safe(self, words: Sequence[_Spelled], heard: float) -> int:
        """Count the words at the start that are early and probable enough."""
        for number, each in enumerate(words):
            if each.word.end > heard - self._margin or each.word.probability < self._doubt:
                return number
        return len(words)

    def _commit(self, each: _Spelled) -> None:
        # Only now is the punctuation before it fixed: it stands inside the stable text.
        before = self._stable + self._punctuation
        gap = each.gap if self._window else _gap(before, each.bare)
        self._stable = before + gap + each.bare
        self._punctuation = each.punctuation
        self._count += 1
        self._window.append(each)

    def _agreement(self, *, punctuated_twice: bool) -> Agreement:
        text = self._stable + self._punctuation
        for number, each in enumerate(self._pending):
            gap = each.gap if number or self._window else _gap(text, each.bare)
            text += gap + each.bare + each.punctuation
        return Agreement(text, len(self._stable), self._count, punctuated_twice)


def joined(texts: Iterable[str]) -> str:
    """Put the texts of consecutive windows together, as their script does: with a space or not."""
    whole = ""
    for text in texts:
        whole += _gap(whole, text) + text
    return whole


def _gap(before: str, after: str) -> str:
    if not before or not after:
        return ""
    return "" if _is_unspaced(before[-1]) or _is_unspaced(after[0]) else " "


def _is_unspaced(character: str) -> bool:
    """Whether a character belongs to a script without spaces: Thai, Lao, Burmese, Kana, Han."""
    return (
        "\u0e00" <= character <= "\u0eff"
        or "\u1000" <= character <= "\u109f"
        or "\u3000" <= character <= "\u9fff"
    )


def _spell(text: str, words: Sequence[Word]) -> list[_Spelled]:
    """Take a text apart so that its pieces add up to it again."""
    timed = words or [Word(each, 0.0, 0.0, 1.0) for each in text.split()]
    spelled, cursor = [], 0
    for word in timed:
        begin = text.find(word.text, cursor)
        gap = text[cursor:begin] if begin >= 0 else " "
        cursor = max(begin, cursor) + len(word.text)
        bare = word.text.rstrip("".join({each for each in word.text if not each.isalnum()}))
        bare = bare or word.text
        spelled.append(_Spelled(gap, bare, word.text[len(bare) :], word))
    return spelled


def _common(left: Sequence[_Spelled], right: Sequence[_Spelled]) -> int:
    """Count the words at the start on which two hypotheses agree."""
    count = 0
    for one, other in zip(left, right, strict=False):
        if one.key != other.key:
            break
        count += 1
    return count


def _echo(committed: Sequence[_Spelled], later: Sequence[_Spelled]) -> int:
    """Count the words at the start of ``later`` that repeat the end of what is committed."""
    for size in range(min(_ECHO, len(committed), len(later)), 0, -1):
        if _common(committed[-size:], later[:size]) == size:
            return size
    return 0
