"""Saying again what was said or written: the skill that reading a prompt is built on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from random import Random
from typing import Final, TypeVar

from starter.dialogues.clock import draw_day, draw_time, spoken_date, spoken_time
from starter.dialogues.conversation import Expected
from starter.dialogues.invented import invented_name, nonsense_word
from starter.dialogues.phrasings import Phrasings, load
from starter.dialogues.scene import Exchange, Scene, answered, capitalized
from starter.domain.numbers import say
from starter.domain.sentences import plain_sentence
from starter.domain.slots import SLOTS

__all__ = [
    "WORDS",
    "count",
    "count_too_far",
    "read_dates",
    "read_numbers",
    "read_times",
    "repeat",
    "repeat_list",
    "say_again",
]

Value = TypeVar("Value")

_PHRASINGS: Final = {name: Phrasings.of(text) for name, text in load("copying").items()}
_LONGEST_AGAIN: Final = 150
"""Characters of an answer that is still said again as a whole."""

WORDS: Final[tuple[str, ...]] = tuple(
    sorted(
        {
            word.lower()
            for slot in ("animal", "food", "item", "color", "thing", "device", "topic", "room",
                         "adj", "rel", "word", "place", "sport")
            for value in SLOTS[slot]
            for word in value.split()
            if "{" not in word
        }
        | set(load("spelling")["words"].split())
    )
)  # fmt: skip
"""Plain words that nobody would say in a row."""

_SMALL: Final = ("the", "a", "my", "is", "and", "in", "with")


def repeat(scene: Scene) -> Exchange:
    """The user asks to repeat a sentence or some words."""
    words = _repeatable(scene.random)
    user = scene.say_exactly(_PHRASINGS["repeat"], {"p": words})
    return answered("repeat after me", user, f"{capitalized(words)}.", f"={words}")


def _repeatable(random: Random) -> str:
    kind = random.random()
    if kind < 0.3:
        return _sentence(random)
    if kind < 0.45:
        return " ".join(
            nonsense_word(random) if random.random() < 0.4 else random.choice(WORDS)
            for _ in range(random.randrange(1, 4))
        )
    return " ".join(
        random.choice(WORDS if random.random() < 0.8 else _SMALL)
        for _ in range(random.randrange(1, 9))
    )


def _sentence(random: Random) -> str:
    """Return a sentence of the domain without its final mark."""
    while True:
        sentence = plain_sentence(random, "train", opening=False)[:-1]
        if len(sentence.split()) <= 9 and not set(sentence) & set(",.?!"):
            return sentence


def repeat_list(scene: Scene) -> Exchange:
    """The user asks to repeat many unrelated words: the quickest way to learn to copy."""
    random = scene.random
    joint = ", " if random.random() < 0.3 else " "
    items = joint.join(_item(random) for _ in range(random.randrange(3, 19)))
    words = f"{random.choice(WORDS)} {items}"
    user = scene.say_exactly(_PHRASINGS["repeat"], {"p": words})
    return answered("repeat a list", user, f"{capitalized(words)}.", f"={words}")


def _item(random: Random) -> str:
    kind = random.random()
    if kind < 0.45:
        return random.choice(WORDS)
    if kind < 0.68:
        return invented_name(random)
    if kind < 0.78:
        return random.choice(SLOTS["name"])
    if kind < 0.85:
        return random.choice(SLOTS["city"])
    return say(random.randrange(100)) if kind < 0.95 else random.choice(SLOTS["item"])


def say_again(scene: Scene) -> Exchange | None:
    """The user did not hear the last answer; None if that was a very long one."""
    if len(scene.last) > _LONGEST_AGAIN or (not scene.last and scene.chance(0.8)):
        return None
    user = scene.say(_PHRASINGS["again"])
    if not scene.last:
        return scene.open_answer("say that again", user, ["I haven't said anything yet."])
    return Exchange("say that again", user, scene.last, Expected((scene.last,)))


def count(scene: Scene) -> Exchange:
    """The user asks to count: up, from a number on, or down."""
    random, kind = scene.random, scene.random.random()
    if kind < 0.5:
        last = random.randrange(2, 21) if random.random() < 0.8 else random.randrange(21, 41)
        name, first, numbers = "count_to", 1, range(1, last + 1)
    elif kind < 0.8:
        first = random.randrange(2, 31)
        last = first + random.randrange(2, 11)
        name, numbers = "count_between", range(first, last + 1)
    else:
        first = last = random.randrange(2, 21)
        name, numbers = "count_down", range(last, 0, -1)
    user = scene.say(_PHRASINGS[name], {"a": say(first), "n": say(last)})
    counted = ", ".join(map(say, numbers))
    return answered("count", user, f"{capitalized(counted)}.", f"={counted}")


def count_too_far(scene: Scene) -> Exchange:
    """The user asks to count for minutes."""
    last = scene.random.choice((scene.random.randrange(41, 1000), 50, 60, 100, 100, 200, 500, 1000))
    user = scene.say(_PHRASINGS["too_far"], {"n": say(last)})
    answer = "That is too far for me. I can count to forty."
    return scene.open_answer("count too far (refused)", user, [answer], ["That is too far."])


def read_numbers(scene: Scene) -> Exchange:
    """The user writes numbers as digits, and wants to hear them."""
    return _read(scene, "numbers", lambda: _number(scene.random), str, say)


def _number(random: Random) -> int:
    return random.randrange(100) if random.random() < 0.8 else random.randrange(100, 1000)


def read_times(scene: Scene) -> Exchange:
    """The user writes clock times, and wants to hear them."""

    def draw() -> tuple[int, int]:
        return scene.value(lambda: draw_time(scene), 8, lambda time: f"t{time}")

    return _read(
        scene,
        "times",
        draw,
        lambda time: f"{time[0]:02d}:{time[1]:02d}",
        lambda time: spoken_time(*time),
    )


def _read(
    scene: Scene,
    name: str,
    draw: Callable[[], Value],
    write: Callable[[Value], str],
    speak: Callable[[Value], str],
) -> Exchange:
    values = [draw() for _ in range(scene.random.choice((1, 1, 2, 3)))]
    written = ", ".join(map(write, values))
    plural = "s" if len(values) > 1 else ""
    user = scene.say_exactly(_PHRASINGS[name], {"p": written, "s": plural})
    spoken = ", ".join(map(speak, values))
    return answered(f"read {name} aloud", user, f"{capitalized(spoken)}.", f"={spoken}")


def read_dates(scene: Scene) -> Exchange:
    """The user writes a date, and wants to hear it."""
    day = scene.value(lambda: draw_day(scene), 10, lambda day: f"d{day.month},{day.day}")
    user = scene.say_exactly(_PHRASINGS["dates"], {"p": _written_date(scene.random, day)})
    spoken = spoken_date(day)
    return answered("read dates aloud", user, f"{spoken}.", f"={spoken}")


def _written_date(random: Random, day: date) -> str:
    if random.random() < 0.67:
        return f"{day:%A}, {day.day} {day:%B} {day.year}"
    return f"{day:%A}, {day:%B} {day.day}, {day.year}"
