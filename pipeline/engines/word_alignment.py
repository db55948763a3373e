"""Finds which phonemes of a phonemised text belong to which of its words. Pure.

espeak-ng separates words by spaces but merges clitics ("of the" is one group) and splits what it
spells out, so that groups and words do not correspond one to one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

__all__ = ["Group", "Span", "align"]


class Group(NamedTuple):
    """What stands between two spaces of a phonemised sentence.

    Attributes:
        sentence: Number of the sentence.
        start, end: Indices of its phonemes in the sentence, end exclusive.
        length: How many of them sound; stress marks and punctuation do not.
    """

    sentence: int
    start: int
    end: int
    length: int


@dataclass(frozen=True, slots=True)
class Span:
    """The phonemes of one word: positions in its sentence, fractional inside a merged group."""

    sentence: int
    start: float
    end: float


_MOST_JOINED: Final = 4  # words in a group, or groups of a word
_JOIN_COST: Final = 0.25  # so that one to one wins where the lengths leave a choice
_BAND: Final = 10  # how far words and groups may drift apart
_INFINITE: Final = float("inf")


def align(lengths: Sequence[int], groups: Sequence[Group]) -> list[Span]:
    """Return where each word lies.

    The cheapest way to walk through both sequences, where one step takes a word and a group, a
    group of several words, a word of several groups, or skips one; its cost is the difference of
    the lengths in phonemes.

    Args:
        lengths: Phonemes of each word when it is spoken alone; 0 for one that has no sound.
        groups: Those of the whole text, in order.

    Returns:
        One span a word, in order and without overlap; empty at the neighbour's edge for a word
        that has no phonemes in the text.
    """
    spans: list[Span] = []
    for words, taken in _steps(lengths, [group.length for group in groups]):
        at = words[0], taken[0]
        spans += _shared(lengths[at[0] : words[1]], groups[at[1] : taken[1]], groups, at[1])
    return spans


def _shared(
    lengths: Sequence[int], taken: Sequence[Group], groups: Sequence[Group], position: int
) -> list[Span]:
    """Divide the groups of one step among its words, by their lengths."""
    if not lengths:
        return []
    if not taken:
        edge = _edge(groups, position)
        return [edge] * len(lengths)
    if len(lengths) == 1:
        # A word of groups in two sentences ends where the later one does.
        last = taken[-1]
        first = next(group for group in taken if group.sentence == last.sentence)
        return [Span(last.sentence, first.start, last.end)]
    (group,) = taken
    total = sum(lengths) or len(lengths)
    spans, done = [], 0
    for length in lengths:
        start, done = done, done + (length if sum(lengths) else 1)
        width = group.end - group.start
        spans.append(
            Span(
                group.sentence,
                group.start + width * start / total,
                group.start + width * done / total,
            )
        )
    return spans


def _edge(groups: Sequence[Group], position: int) -> Span:
    if position:
        before = groups[position - 1]
        return Span(before.sentence, before.end, before.end)
    return Span(groups[0].sentence, groups[0].start, groups[0].start) if groups else Span(0, 0, 0)


_Step = tuple[tuple[int, int], tuple[int, int]]


def _steps(words: Sequence[int], groups: Sequence[int]) -> list[_Step]:
    if len(words) == len(groups):
        return [((index, index + 1), (index, index + 1)) for index in range(len(words))]
    moves = [(1, 1), (1, 0), (0, 1)]
    moves += [(count, 1) for count in range(2, _MOST_JOINED + 1)]
    moves += [(1, count) for count in range(2, _MOST_JOINED + 1)]
    best = {(0, 0): (0.0, (0, 0))}
    slope = len(groups) / max(len(words), 1)
    band = _BAND + math.ceil(slope)  # each row overlaps the next, so that the end can be reached
    for word in range(len(words) + 1):
        middle = round(word * slope)
        for group in range(max(0, middle - band), min(len(groups), middle + band) + 1):
            candidates = [
                (_cost(words, groups, (word, group), move, best), move)
                for move in moves
                if (word - move[0], group - move[1]) in best
            ]
            if candidates:
                best[word, group] = min(candidates)
    return _walked(best, (len(words), len(groups)))


def _cost(
    words: Sequence[int],
    groups: Sequence[int],
    at: tuple[int, int],
    move: tuple[int, int],
    best: dict[tuple[int, int], tuple[float, tuple[int, int]]],
) -> float:
    before = at[0] - move[0], at[1] - move[1]
    said = sum(words[before[0] : at[0]])
    sounded = sum(groups[before[1] : at[1]])
    return best[before][0] + abs(said - sounded) + _JOIN_COST * (sum(move) != 2)


def _walked(
    best: dict[tuple[int, int], tuple[float, tuple[int, int]]], end: tuple[int, int]
) -> list[_Step]:
    steps: list[_Step] = []
    while end != (0, 0):
        words, groups = best[end][1]
        begin = end[0] - words, end[1] - groups
        steps.append(((begin[0], end[0]), (begin[1], end[1])))
        end = begin
    return steps[::-1]
