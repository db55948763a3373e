"""What users say, drawn from the templates; and rows of words, which nobody says.

`python -m starter.domain.sentences 20` prints samples of both.
"""

from __future__ import annotations

import functools
import itertools
import sys
from random import Random

from starter.domain.agreement import capitalize
from starter.domain.distinct import DISTINCT, sounds_like_another
from starter.domain.holding_out import Split, is_held_out_template
from starter.domain.slots import draw
from starter.domain.templates import TEMPLATES, expand
from starter.domain.words import words_of

__all__ = ["plain_sentence", "user_sentence", "word_salad"]

_SHORT = 45
"""A second sentence follows only one of fewer characters."""


def plain_sentence(random: Random, split: Split, *, opening: bool = True) -> str:
    """Return one sentence of one template; `opening` as in `expand`."""
    texts, heights = _templates_of(split)
    return expand(random, random.choices(texts, cum_weights=heights)[0], opening=opening)


def user_sentence(random: Random, split: Split) -> str:
    """Return what a user may say: one or two sentences, perhaps with a wake word or "well".

    Test sentences are among them: a training leaves them out by `is_test_sentence`.
    """
    manner = random.random()
    if manner < 0.12:
        opening = capitalize(draw(random, "wake" if manner < 0.05 else "fill"))
        return f"{opening}, {plain_sentence(random, split, opening=False)}"
    sentence = plain_sentence(random, split)
    if manner < 0.18 and sentence.endswith(".") and "please" not in sentence.lower():
        return f"{sentence[:-1]}, please."
    if 0.18 <= manner < 0.30 and len(sentence) < _SHORT:
        return f"{sentence} {plain_sentence(random, split)}"
    return sentence


def word_salad(random: Random, split: Split) -> str:
    """Return two to twelve words in an order that cannot be guessed: one must listen.

    Half are words of the vocabulary, a fifth a sentence's words in another order, the rest pieces
    of sentences with words between them. Of words that sound alike only the commonest is there.
    """
    kind, length = random.random(), random.randrange(2, 12)
    if kind < 0.5:
        words = random.choices(DISTINCT, k=length)
    elif kind < 0.7:
        words = _distinct(user_sentence(random, split))
        random.shuffle(words)
    else:
        words = _pieces(random, split, length)
    while len(words) < 2:
        words.append(random.choice(DISTINCT))
    return _written(random, words[:12])


def _distinct(text: str) -> list[str]:
    return [word for word in words_of(text) if not sounds_like_another(word)]


def _pieces(random: Random, split: Split, length: int) -> list[str]:
    words: list[str] = []
    while len(words) < length:
        sentence = _distinct(plain_sentence(random, split)) or [random.choice(DISTINCT)]
        start = random.randrange(len(sentence))
        words += sentence[start : start + random.randrange(1, 4)]
        if random.random() < 0.3:
            words.append(random.choice(DISTINCT))
    return words


def _written(random: Random, words: list[str]) -> str:
    if len(words) > 4 and random.random() < 0.15:
        words[random.randrange(1, len(words) - 1)] += ","
    return capitalize(" ".join(words)) + ("?" if random.random() < 0.15 else ".")


@functools.cache
def _templates_of(split: Split) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return the templates of a split with their cumulative weights."""
    wanted = {"train": (False,), "held": (True,), "all": (False, True)}[split]
    texts = tuple(one.text for one in TEMPLATES if is_held_out_template(one.text) in wanted)
    return texts, tuple(itertools.accumulate(_weight(text) for text in texts))


def _weight(text: str) -> float:
    """Return how often a template is drawn: the more it can say, the more often."""
    slots = text.count("{")
    return 1 + 0.5 * min(3, slots) if slots else 0.35


def _print_samples(count: int) -> None:
    source = Random()
    for _ in range(count):
        print(user_sentence(source, "all"))
    for _ in range(count // 4):
        print(word_salad(source, "all"))


if __name__ == "__main__":
    _print_samples(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
