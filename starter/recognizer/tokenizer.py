"""Byte-level BPE tokens for the domain, in the order that Whisper's decoders expect.

Text, then `<|endoftext|>`, `<|startoftranscript|>`, the other specials, `<|notimestamps|>`, and the
time stamps right behind it: faster-whisper and CTranslate2 tell them apart by their numbers. With
fewer than 51,865 tokens a model counts as English only, and is prompted without a language.

faster-whisper suppresses the first token of " -" and of " '", which is the space alone unless it is
merged. The first merges are therefore a space with each character: a space alone never occurs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import orjson

__all__ = ["SPECIALS", "TIME_STAMPS", "Tokens", "extended", "learnt"]

SPECIALS: Final = (
    "endoftext", "startoftranscript", "en", "translate", "transcribe", "startoflm", "startofprev",
    "nospeech", "notimestamps",
)  # fmt: skip
TIME_STAMPS: Final = 1501
"""0.00 to 30.00 s in steps of 20 ms."""

_SPACE: Final = "Ġ"
"""How byte-level BPE writes a space."""
_AFTER_SPACE: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'-"
_FEWEST: Final = 6
"""Occurrences below which a pair is not worth a token."""
_COUNTED: Final = 200
"""Occurrences of a word that count: many words once are worth more than one word often."""


class Tokens:
    """A tokenizer, and its special tokens by their role.

    Args:
        document: What `tokenizer.json` holds.
    """

    def __init__(self, document: str) -> None:
        import tokenizers

        self.document = document
        self._tokenizer: Any = tokenizers.Tokenizer.from_str(document)
        self.size: int = self._tokenizer.get_vocab_size()
        self.names = tuple(str(self._tokenizer.id_to_token(each)) for each in range(self.size))
        self.space = self._number(_SPACE)
        self.end, self.start = self._special("endoftext"), self._special("startoftranscript")
        self.previous, self.no_speech = self._special("startofprev"), self._special("nospeech")
        self.no_time_stamps = self._special("notimestamps")
        self.first_time_stamp = self._number("<|0.00|>")

    def _special(self, name: str) -> int:
        return self._number(f"<|{name}|>")

    def _number(self, token: str) -> int:
        found: int | None = self._tokenizer.token_to_id(token)
        if found is None:
            raise ValueError(f"the tokenizer has no token {token}")
        return found

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a transcript; Whisper's begin with a space."""
        found: list[int] = self._tokenizer.encode(" " + text.strip()).ids
        return found

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of tokens, without specials and time stamps."""
        text: str = self._tokenizer.decode([each for each in tokens if each < self.end])
        return text.strip()

    def spelled(self, token: int) -> str:
        """Return the text of one token, spaces included; of a special token, its name."""
        text: str = self._tokenizer.decode([token], skip_special_tokens=False)
        return text

    def time_stamp(self, seconds: float) -> int:
        """Return the time stamp next to a time."""
        return self.first_time_stamp + min(TIME_STAMPS - 1, max(0, round(seconds / 0.02)))


def learnt(texts: Iterable[str], merges: int = 2400) -> Tokens:
    """Learn tokens from texts; nearly every word becomes one.

    Args:
        texts: Transcripts as they are written.
        merges: Most merges beside those of spaces.
    """
    from tokenizers.pre_tokenizers import ByteLevel

    alphabet = sorted(ByteLevel.alphabet())
    first = [(_SPACE, each) for each in _AFTER_SPACE]
    words = _Words({word: list(word) for word in _counted(texts)}, _counted(texts))
    for pair in first:
        words.merge(pair)
    return _assembled(alphabet, [*first, *words.merges(merges)])


def extended(tokens: Tokens, texts: Iterable[str], merges: int = 2400) -> Tokens:
    """Add tokens for words that take several, and keep all that there are.

    Merges are appended: old words are split as before, where no new token spells a part of them.
    """
    model = orjson.loads(tokens.document)["model"]
    old = [_pair(each) for each in model["merges"]]
    alphabet = [token for token in tokens.names[: tokens.end] if len(token) == 1]
    counts = _counted(texts)
    pieces = {
        word: [tokens.names[each] for each in tokens.encode(word.replace(_SPACE, " "))]
        for word in counts
        if word.startswith(_SPACE)
    }
    return _assembled(alphabet, [*old, *_Words(pieces, counts).merges(merges)])


def _pair(merge: str | Sequence[str]) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _counted(texts: Iterable[str]) -> Counter[str]:
    from tokenizers.pre_tokenizers import ByteLevel

    splitter = ByteLevel(add_prefix_space=False, use_regex=True)
    return Counter(word for text in texts for word, _ in splitter.pre_tokenize_str(" " + text))


class _Words:
    """Words in pieces, and how often each pair of neighbours occurs."""

    def __init__(self, pieces: Mapping[str, list[str]], counts: Mapping[str, int]) -> None:
        self._pieces, self._counts = dict(pieces), counts
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._where: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for word in self._pieces:
            self._count(word, 1)

    def merges(self, most: int) -> list[tuple[str, str]]:
        """Merge the most frequent pair, again and again, and return the pairs in order."""
        found: list[tuple[str, str]] = []
        while len(found) < most and self._pairs:
            pair, count = max(self._pairs.items(), key=lambda each: (each[1], each[0]))
            if count < _FEWEST:
                break
            found.append(pair)
            self.merge(pair)
        return found

    def merge(self, pair: tuple[str, str]) -> None:
        """Make one piece of a pair, wherever it occurs."""
        for word in list(self._where[pair]):
            self._count(word, -1)
            self._pieces[word] = _merged(self._pieces[word], pair)
            self._count(word, 1)

    def _count(self, word: str, sign: int) -> None:
        pieces, times = self._pieces[word], min(_COUNTED, self._counts[word])
        for pair in pairwise(pieces):
            self._pairs[pair] += sign * times
            if self._pairs[pair] <= 0:
                del self._pairs[pair]
            if sign > 0:
                self._where[pair].add(word)
            else:
                self._where[pair].discard(word)


def _merged(pieces: Sequence[str], pair: tuple[str, str]) -> list[str]:
    found: list[str] = []
    for piece in pieces:
        if found and (found[-1], piece) == pair:
            found[-1] += piece
        else:
            found.append(piece)
    return found


def _assembled(alphabet: Sequence[str], merges: Sequence[tuple[str, str]]) -> Tokens:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    merges = list(dict.fromkeys(merges))
    names = dict.fromkeys([*alphabet, *(left + right for left, right in merges)])
    vocabulary = {token: number for number, token in enumerate(names)}
    tokenizer: Any = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(f"<|{each}|>", special=True, normalized=False) for each in SPECIALS]
    )
    tokenizer.add_tokens(
        [
            AddedToken(f"<|{step * 0.02:.2f}|>", special=False, normalized=False)
            for step in range(TIME_STAMPS)
        ]
    )
    return Tokens(tokenizer.to_str())
