"""The vocabulary: byte-level pairs that are learnt from text, and added to without moving old ones.

Text is cut by the pattern that llama.cpp calls "qwen2" (a digit is a piece of its own) and spelled
in bytes as GPT-2 does. Two kinds of pairs are never joined, so that a word keeps its tokens
wherever it stands and can be copied from a sentence into a tool call: a space with a capital letter
("in Osaka", `"Osaka"`), and a mark with a letter (`"kitchen"`, `_light`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, cast

__all__ = [
    "CONTROL_MARKS",
    "SPACE",
    "TAGS",
    "Tokenizer",
    "Vocabulary",
    "bare_vocabulary",
    "grown_vocabulary",
]

CONTROL_MARKS: Final = (
    "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|end|>",
)  # fmt: skip
"""Marks of the conversation's form: one token each, and none of them is text."""
TAGS: Final = ("<tools>", "</tools>", "<tool_call>", "</tool_call>")
"""One token each, too, but text: who calls the model has to see them."""
SPACE: Final = "Ġ"
"""How the byte of a space is spelled."""

_PATTERN: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_LEAST_COUNT: Final = 8
"""How often a pair must occur to be worth a token."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Tokens, and the pairs that are joined.

    Attributes:
        tokens: In the order of their ids: marks and tags, the 256 bytes, then what merges make.
        merges: Pairs in the order in which they are joined.
    """

    tokens: tuple[str, ...]
    merges: tuple[tuple[str, str], ...]

    def as_shape(self) -> dict[str, list[str]]:
        """Return it as lists of texts, for a checkpoint."""
        return {"tokens": list(self.tokens), "merges": [" ".join(pair) for pair in self.merges]}

    @classmethod
    def from_shape(cls, shape: Mapping[str, Any]) -> Vocabulary:
        """Take up what `as_shape` gave."""
        pairs = (text.split(" ") for text in shape["merges"])
        return cls(tuple(shape["tokens"]), tuple((first, second) for first, second in pairs))


class Tokenizer:
    """Text to token ids.

    Args:
        vocabulary: See there.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._native = _native(vocabulary)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text; marks and tags in it become their tokens."""
        return cast("list[int]", self._native.encode(text).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of some tokens, marks and tags included."""
        return cast("str", self._native.decode(list(ids), skip_special_tokens=False))

    def pieces(self, token: str) -> list[str]:
        """Return the tokens that make up another vocabulary's token: one, if it is known here."""
        if token in self._known:
            return [token]
        return [piece.value for piece in self._native.model.tokenize(token)]

    def chunks(self, text: str) -> list[str]:
        """Return the pieces of a text that tokens never reach across, spelled in bytes."""
        return [chunk for chunk, _ in self._native.pre_tokenizer.pre_tokenize_str(text)]

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.vocabulary.tokens)


def bare_vocabulary() -> Vocabulary:
    """Return the vocabulary to begin from: marks, tags and single bytes."""
    from tokenizers.pre_tokenizers import ByteLevel

    return Vocabulary((*CONTROL_MARKS, *TAGS, *sorted(ByteLevel.alphabet())), ())


def grown_vocabulary(texts: Iterable[str], size: int, begin: Vocabulary) -> Vocabulary:
    """Learn further pairs from text, the most frequent first (Sennrich et al. 2016).

    The pairs of `begin` keep their order and come first, so that words which it knows as one token
    stay one. Its tokens that no pair makes any more are left out.

    Args:
        texts: As they are learnt from; marks and tags in them are skipped.
        size: Tokens to end with; fewer, if too few pairs are frequent.
        begin: The vocabulary to go on from.
    """
    begin = _reachable(begin)
    learner = _PairLearner(_counted_chunks(texts, Tokenizer(begin)))
    tokens, merges = dict.fromkeys(begin.tokens), list(begin.merges)
    while len(tokens) < size and (pair := learner.most_frequent()):
        learner.join(pair)
        merges.append(pair)
        tokens["".join(pair)] = None
    return Vocabulary(tuple(tokens), tuple(merges))


class _PairLearner:
    """Chunks of text as lists of tokens, and how often which token follows which.

    Args:
        chunks: Tokens of a chunk -> how often it occurs.
    """

    def __init__(self, chunks: Mapping[tuple[str, ...], int]) -> None:
        self._chunks = [list(tokens) for tokens in chunks]
        self._counts = list(chunks.values())
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._places: dict[tuple[str, str], set[int]] = {}
        for index in range(len(self._chunks)):
            self._count(index, 1)

    def most_frequent(self) -> tuple[str, str] | None:
        """Return the pair to join next, the first in the alphabet of equally frequent ones."""
        if not self._pairs:
            return None
        pair = min(self._pairs, key=lambda one: (-self._pairs[one], one))
        return pair if self._pairs[pair] >= _LEAST_COUNT else None

    def join(self, pair: tuple[str, str]) -> None:
        """Join a pair wherever it stands."""
        for index in sorted(self._places.get(pair, ())):
            self._count(index, -1)
            self._chunks[index] = _joined(self._chunks[index], pair)
            self._count(index, 1)

    def _count(self, index: int, sign: int) -> None:
        tokens = self._chunks[index]
        for pair in pairwise(tokens):
            if not _may_join(pair):
                continue
            self._pairs[pair] += sign * self._counts[index]
            places = self._places.setdefault(pair, set())
            places.add(index) if sign > 0 else places.discard(index)
            if not self._pairs[pair]:
                del self._pairs[pair]


def _joined(tokens: Sequence[str], pair: tuple[str, str]) -> list[str]:
    joined: list[str] = []
    for token in tokens:
        if joined and (joined[-1], token) == pair:
            joined[-1] += token
        else:
            joined.append(token)
    return joined


def _may_join(pair: tuple[str, str]) -> bool:
    first, second = pair[0], pair[1][0]
    if first == SPACE:
        return not second.isupper()
    return first == "'" or first.isalnum() or not second.isalnum()


def _counted_chunks(texts: Iterable[str], tokenizer: Tokenizer) -> dict[tuple[str, ...], int]:
    marks = re.compile("|".join(map(re.escape, (*CONTROL_MARKS, *TAGS))))
    counts: Counter[str] = Counter()
    for text in texts:
        for plain in marks.split(text):
            counts.update(tokenizer.chunks(plain))
    return {tuple(tokenizer.pieces(chunk)): count for chunk, count in counts.items() if chunk}


def _reachable(vocabulary: Vocabulary) -> Vocabulary:
    made = {"".join(pair) for pair in vocabulary.merges}
    kept = {*bare_vocabulary().tokens, *made}
    return Vocabulary(
        tuple(token for token in vocabulary.tokens if token in kept), vocabulary.merges
    )


def _native(vocabulary: Vocabulary) -> Any:  # noqa: ANN401 - an untyped package's class
    from tokenizers import Regex, decoders, models, pre_tokenizers
    from tokenizers import Tokenizer as NativeTokenizer

    ids = {token: number for number, token in enumerate(vocabulary.tokens)}
    tokenizer = NativeTokenizer(models.BPE(ids, list(vocabulary.merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([*CONTROL_MARKS, *TAGS])
    return tokenizer
