"""The symbols that the voice reads: Piper's, from espeak, and the phones that they stand for.

espeak and flite spell a sentence alike, but not the same: espeak writes two symbols for a
diphthong and leaves out sounds that flite speaks. Dynamic programming pairs the symbols of one
with the phones of the other; frames of a phone that several symbols share are divided.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "BEGIN",
    "END",
    "PAD",
    "Alignment",
    "align",
    "durations_of",
    "identifiers",
    "is_silent",
    "spelled",
]

PAD: Final = 0
BEGIN: Final = "^"
END: Final = "$"
_SILENT: Final = frozenset(" ˈˌː'\"()-ˑ\u0329\u02b2\u032f\u0303\u203f")
"""Heard through their neighbours (stress, length, spaces, diacritics): no frames of their own."""
_PAUSES: Final = frozenset(".,?!;:" + BEGIN + END)
_PHONES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        symbol: tuple(phones.split())
        for symbol, phones in {
            "p": "p", "b": "b", "t": "t ch", "d": "d jh dh", "k": "k", "ɡ": "g", "g": "g",
            "f": "f", "v": "v", "θ": "th", "ð": "dh", "s": "s", "z": "z", "ʃ": "sh ch",
            "ʒ": "zh jh", "h": "hh", "m": "m", "n": "n", "ŋ": "ng", "l": "l", "ɫ": "l",
            "ɹ": "r er", "r": "r er", "w": "w", "j": "y", "ɾ": "t d", "ʔ": "t", "x": "k",
            "i": "iy", "ɪ": "ih ay ey oy iy", "ᵻ": "ih ax ah iy", "ɛ": "eh er", "e": "ey eh",
            "æ": "ae", "a": "aa ay aw ae", "ɑ": "aa ao", "ɒ": "aa ao", "ɔ": "ao oy aa",
            "ʊ": "uh ow aw", "u": "uw", "ʌ": "ah ax", "ə": "ax ah er ih", "ɐ": "ax ah ae",
            "ɜ": "er", "ɚ": "er", "ɝ": "er", "o": "ow ao",
        }.items()
    }
)  # fmt: skip
"""espeak's symbol -> flite's phones that it is, or is part of; the most usual one first."""
_VOWELS: Final = frozenset(
    ("aa", "ae", "ah", "ao", "aw", "ax", "ay", "eh", "er", "ey", "ih", "iy", "ow", "oy", "uh", "uw")
)
_SILENCE: Final = "pau"

# What pairing costs: see `_cost`. Sharing is cheap where both fit, or diphthongs would not pair.
_WRONG_KIND, _OTHER_SOUND, _UNKNOWN, _PAUSE = 1.2, 0.6, 1.0, 1.5
_SHARED, _SHARED_AND_WRONG = 0.05, 0.4


@functools.cache
def identifiers() -> Mapping[str, int]:
    """Return Piper's symbols with their numbers, from piper-tts itself."""
    from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

    return MappingProxyType({symbol: ids[0] for symbol, ids in DEFAULT_PHONEME_ID_MAP.items()})


def is_silent(symbol: str) -> bool:
    """Say whether a symbol has no frames of its own."""
    return symbol in _SILENT


@functools.cache
def _phonemizer() -> object:
    from piper.phonemize_espeak import EspeakPhonemizer

    return EspeakPhonemizer()


def spelled(text: str) -> list[tuple[str, ...]]:
    """Return the symbols of each sentence of a text, with `BEGIN` and `END`."""
    sentences = _phonemizer().phonemize("en-us", text)  # type: ignore[attr-defined]
    return [(BEGIN, *sentence, END) for sentence in sentences]


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which symbols stand for which phones.

    Attributes:
        pairs: Of indices (symbol, phone), rising; each symbol and each phone is in at least one.
        cost: 0 where all fit; a tenth per phone is much.
    """

    pairs: tuple[tuple[int, int], ...]
    cost: float


def align(symbols: Sequence[str], phones: Sequence[str]) -> Alignment:
    """Pair symbols that sound (none that `is_silent`) with phones at the lowest cost."""
    table = [[math.inf] * (len(phones) + 1) for _ in range(len(symbols) + 1)]
    steps = [[0] * (len(phones) + 1) for _ in range(len(symbols) + 1)]
    table[0][0] = 0.0
    for row, symbol in enumerate(symbols, 1):
        for column, phone in enumerate(phones, 1):
            cost = _cost(symbol, phone)
            shared = cost + (_SHARED_AND_WRONG if cost else _SHARED)
            table[row][column], steps[row][column] = min(
                (table[row - 1][column - 1] + cost, 0),
                (table[row - 1][column] + shared, 1),  # the phone is the symbol's before, too
                (table[row][column - 1] + shared, 2),  # the symbol is the phone's before, too
            )
    return Alignment(tuple(_path(steps)), table[-1][-1])


def _cost(symbol: str, phone: str) -> float:
    if symbol in _PAUSES or phone == _SILENCE:
        return 0.0 if symbol in _PAUSES and phone == _SILENCE else _PAUSE
    known = _PHONES.get(symbol)
    if known is None:
        return _UNKNOWN
    if phone in known:
        return 0.0
    return _OTHER_SOUND if (phone in _VOWELS) == (known[0] in _VOWELS) else _WRONG_KIND


def _path(steps: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    row, column = len(steps) - 1, len(steps[0]) - 1
    pairs = []
    while row and column:
        pairs.append((row - 1, column - 1))
        step = steps[row][column]
        row -= step != 2
        column -= step != 1
    return pairs[::-1]


def durations_of(
    symbols: Sequence[str], phones: Sequence[str], lengths: Sequence[int]
) -> tuple[npt.NDArray[np.int64], float]:
    """Give each symbol its share of the phones' frames.

    Args:
        symbols: Of a sentence, silent ones included.
        phones: flite's.
        lengths: Frames of each phone.

    Returns:
        Frames of each symbol, with the same sum, and the cost of the alignment per phone.
    """
    sounding = [index for index, symbol in enumerate(symbols) if not is_silent(symbol)]
    alignment = align([symbols[index] for index in sounding], phones)
    frames = np.zeros(len(symbols), np.int64)
    for phone, length in enumerate(lengths):
        owners = [sounding[mine] for mine, its in alignment.pairs if its == phone]
        share, rest = divmod(length, len(owners))
        for place, owner in enumerate(owners):
            frames[owner] += share + (place < rest)
    return frames, alignment.cost / max(len(phones), 1)
