"""How a question rises: what is added to the pitch when a sentence asks for yes or no.

The voice that taught ours lets every sentence fall. English questions that want yes or no rise from
the last stressed syllable on, those with a question word fall like statements (Wells 2006, English
Intonation, 2.6); so the rise is added by rule.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import nn

from starter.voice import phones
from starter.voice.network import ticks

__all__ = ["QuestionRise"]

_RISE: Final = 0.5
"""Of the logarithm of the pitch: nine semitones, of which the usual fall takes two or three."""
_QUESTION_WORDS: Final = ("wʌt", "wɛɹ", "wɛn", "waɪ ", "hu ", "huz", "huɪ", "haʊ", "wɪt")
"""What, where, when, why, who, whose, who is, how, which: as espeak spells their beginnings,
without marks of stress and length."""
_UNSTRESSED_SHARE: Final = 0.6
"""Where the rise begins in a sentence that espeak puts no stress in."""


class QuestionRise(nn.Module):
    """Tells how far the pitch rises at each step of a sentence."""

    def __init__(self) -> None:
        super().__init__()
        numbers = phones.identifiers()
        self._comma, self._space, self._asks = numbers[","], numbers[" "], numbers["?"]
        self._begin, self._stress = numbers[phones.BEGIN], numbers["ˈ"]
        self._marks = [
            number
            for symbol, number in numbers.items()
            if phones.is_silent(symbol) and symbol != " "
        ]
        self._words = [[numbers[symbol] for symbol in word] for word in _QUESTION_WORDS]
        self._pauses = [numbers[symbol] for symbol in (*".,?!;:", phones.END)]

    def forward(self, symbols: torch.Tensor, durations: torch.Tensor) -> torch.Tensor:
        """Return what to add to the logarithm of the pitch.

        Args:
            symbols: Of one sentence, without padding, shape (symbols,).
            durations: Steps of each, whole numbers as floats.

        Returns:
            Shape (steps,); all 0 where the sentence is no question for yes or no.
        """
        rises = (symbols == self._asks).any() & ~self._has_question_word(symbols)
        ends = torch.cumsum(durations, 0)
        stressed = symbols == self._stress
        last_stress = torch.where(stressed, ends, torch.zeros_like(ends)).amax()
        begin = torch.where(stressed.any(), last_stress, _UNSTRESSED_SHARE * ends[-1])
        sounds = ~_any_of(symbols, self._pauses) & (durations > 0)
        end = torch.where(sounds, ends, torch.zeros_like(ends)).amax()
        times = ticks(ends[-1].long()).to(ends.dtype)
        share = ((times - begin) / (end - begin).clamp(min=1)).clamp(0, 1)
        return _RISE * rises.to(ends.dtype) * share * share * (3 - 2 * share)

    def _has_question_word(self, symbols: torch.Tensor) -> torch.Tensor:
        """Say whether the sentence, or a part after a comma, begins with a question word."""
        letters = torch.masked_select(symbols, ~_any_of(symbols, self._marks))
        longest = max(map(len, self._words))
        ahead = torch.cat([letters, letters.new_zeros(longest)])
        behind = torch.cat([letters.new_zeros(2), letters])
        count = letters.shape[0]
        opens = (behind[1 : count + 1] == self._begin) | (
            (behind[1 : count + 1] == self._space) & (behind[:count] == self._comma)
        )
        found = torch.zeros_like(opens)
        for word in self._words:
            matches = torch.ones_like(opens)
            for place, number in enumerate(word):
                matches = matches & (ahead[place : place + count] == number)
            found = found | matches
        return (found & opens).any()


def _any_of(symbols: torch.Tensor, numbers: list[int]) -> torch.Tensor:
    found = torch.zeros_like(symbols, dtype=torch.bool)
    for number in numbers:
        found = found | (symbols == number)
    return found
