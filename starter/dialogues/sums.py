"""Small sums, and the modest word for larger ones.

Plus and minus reach to operands of twenty, times and divided by to the table of twelve: that much
a small model can know by heart. An answer says the whole sum again: naming it is half of solving
it.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from starter.dialogues.phrasings import Phrasings, load
from starter.dialogues.scene import Exchange, Scene, answered, capitalized
from starter.domain.numbers import say

__all__ = ["TOO_HARD", "another_sum", "refused_sum", "sums"]

TOO_HARD: Final = "I'm not good at big sums yet."

_TEXTS: Final = load("sums")
_PHRASINGS: Final = {name: Phrasings.of(text) for name, text in _TEXTS.items()}
_BY_OPERATION: Final = {
    # The plainest question three times: it is what most people say.
    word: Phrasings.of((*["What is {a} {w} {b}?"] * 2, *_PHRASINGS["any"].all, *texts.all))
    for word, texts in (
        ("plus", _PHRASINGS["plus"]),
        ("minus", _PHRASINGS["minus"]),
        ("times", _PHRASINGS["times"]),
        ("divided by", _PHRASINGS["divided_by"]),
    )
}
_LARGEST_TERM: Final = 20
_LARGEST_FACTOR: Final = 12


def sums(scene: Scene) -> Exchange:
    """The user asks for a sum of two numbers; some are too large and are refused."""
    word = scene.random.choices(("plus", "minus", "times", "divided by"), (36, 32, 24, 8))[0]
    a, b, result, is_known = _DRAWN[word](scene)
    values = {"a": say(a), "b": say(b), "w": word}
    user = scene.say(_BY_OPERATION[word], values)
    if not is_known:
        return scene.open_answer("sum too big (refused)", user, [TOO_HARD])
    answer = f"{capitalized(say(a))} {word} {say(b)} is {say(result)}."
    return answered(f"sum: {word}", user, answer, f"={say(result)}")


def _terms(random: Random, word: str) -> tuple[int, int]:
    size = random.random()
    largest_a, largest_b = (20, 20) if size < 0.62 else (100, 10) if size < 0.74 else (100, 100)
    if size > 0.95:
        largest_a = largest_b = 999
    a, b = random.randint(1, largest_a), random.randint(1, largest_b)
    if word == "plus":
        return (b, a) if random.random() < 0.5 else (a, b)
    return (b, a) if a < b and random.random() < 0.7 else (a, b)


def _plus_or_minus(scene: Scene, word: str) -> tuple[int, int, int, bool]:
    a, b = _terms(scene.random, word)
    result = a + b if word == "plus" else a - b
    return a, b, result, max(a, b) <= _LARGEST_TERM


def _times(scene: Scene) -> tuple[int, int, int, bool]:
    random = scene.random
    a, b = random.randint(1, _LARGEST_FACTOR), random.randint(1, _LARGEST_FACTOR)
    if random.random() < 0.1:
        a, b = random.sample((random.randrange(2, 100), random.randrange(13, 100)), 2)
    return a, b, a * b, max(a, b) <= _LARGEST_FACTOR


def _divided_by(scene: Scene) -> tuple[int, int, int, bool]:
    b, result = (scene.random.randint(1, _LARGEST_FACTOR) for _ in range(2))
    if scene.chance(0.15):
        return scene.random.randrange(145, 1000), b, result, False
    return b * result, b, result, True


_DRAWN: Final[dict[str, Callable[[Scene], tuple[int, int, int, bool]]]] = {
    "plus": lambda scene: _plus_or_minus(scene, "plus"),
    "minus": lambda scene: _plus_or_minus(scene, "minus"),
    "times": _times,
    "divided by": _divided_by,
}


def another_sum(scene: Scene) -> Exchange:
    """The user asks for a double, a half, a neighbour, even or odd, or the larger number."""
    ask = scene.random.choice((_double, _half, _after, _before, _even, _bigger))
    return ask(scene, scene.random.randint(1, 50))


def _single(scene: Scene, name: str, n: int, begin: str, result: int) -> Exchange:
    user = scene.say(_PHRASINGS[name], {"n": say(n)})
    return answered("other sums", user, f"{begin} {say(result)}.", f"={say(result)}")


def _double(scene: Scene, n: int) -> Exchange:
    return _single(scene, "double", n, f"Double {say(n)} is", 2 * n)


def _half(scene: Scene, n: int) -> Exchange:
    return _single(scene, "half", 2 * n, f"Half of {say(2 * n)} is", n)


def _after(scene: Scene, n: int) -> Exchange:
    return _single(scene, "after", n, f"After {say(n)} comes", n + 1)


def _before(scene: Scene, n: int) -> Exchange:
    return _single(scene, "before", n, f"Before {say(n)} comes", n - 1)


def _even(scene: Scene, n: int) -> Exchange:
    kind = "odd" if n % 2 else "even"
    user = scene.say(_PHRASINGS["even"], {"n": say(n)})
    return answered("other sums", user, f"{capitalized(say(n))} is {kind}.", kind)


def _bigger(scene: Scene, n: int) -> Exchange:
    other = scene.random.choice([number for number in range(1, 101) if number != n])
    user = scene.say(_PHRASINGS["bigger"], {"a": say(n), "b": say(other)})
    large, small = say(max(n, other)), say(min(n, other))
    answer = f"{capitalized(large)} is bigger than {small}."
    return answered("other sums", user, answer, f"{large} is bigger")


def refused_sum(scene: Scene) -> Exchange:
    """The user asks for what is beyond a small model: roots, percents, conversions."""
    return scene.open_answer("sum too big (refused)", scene.say(_PHRASINGS["refused"]), [TOO_HARD])
