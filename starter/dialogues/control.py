"""Words that steer the conversation, phrases without a question, and what cannot be understood."""

from __future__ import annotations

import re
from typing import Final

from starter.dialogues.copying import WORDS
from starter.dialogues.phrasings import Phrasings, lines, load
from starter.dialogues.scene import Exchange, Scene
from starter.dialogues.spoken_values import clock_time
from starter.dialogues.topics import read_topics
from starter.domain.numbers import ordinal, say
from starter.domain.slots import SLOTS

__all__ = ["bare_phrase", "control_word", "not_understood", "opening_word"]

_TOPICS: Final = read_topics("control", "control words")
_CHOICE: Final = list(_TOPICS.values())
_WEIGHTS: Final = [topic.weight for topic in _CHOICE]
_FRAGMENTS: Final = load("fragments")
_BROKEN_OFF: Final = lines(_FRAGMENTS["broken_off"])
_NOISES: Final = lines(_FRAGMENTS["noises"])
_BARE: Final = lines(_FRAGMENTS["bare"])
_BARE_SLOTS: Final = ("city", "month", "color", "item", "room", "name", "rel", "device", "band")
_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "tenth", "last", "next")

_CLARIFY: Final = (
    "Sorry, I didn't understand that. Could you say it again?",
    "Sorry, I didn't catch that. What did you mean?",
)


def control_word(scene: Scene) -> Exchange:
    """The user says yes, no, wait, why ..."""
    return scene.random.choices(_CHOICE, _WEIGHTS)[0].exchange(scene)


def opening_word(scene: Scene) -> Exchange:
    """The user says yes, wait, or that he has a question; more follows."""
    return _TOPICS[scene.random.choice(("yes", "wait", "question"))].exchange(scene)


def not_understood(scene: Scene) -> Exchange:
    """The user says something that makes no sense: words in a row, a sentence broken off, a noise.

    The assistant asks back.
    """
    random, kind = scene.random, scene.random.random()
    if kind < 0.5:
        words = " ".join(random.choice(WORDS) for _ in range(random.randrange(2, 8)))
        said = f"{words}." if scene.chance(0.5) else words
    elif kind < 0.85:
        said = random.choice(_BROKEN_OFF)
    else:
        said = random.choice(_NOISES)
    user = scene.say_exactly(Phrasings.of((said,)))
    return scene.open_answer("ask back", user, _CLARIFY, ["Sorry, say that again?"])


def bare_phrase(scene: Scene) -> Exchange:
    """The user says a number, a place, a day, and no more; the assistant asks what about it."""
    random = scene.random
    number = random.randrange(101) if random.random() < 0.6 else random.randrange(100, 1000)
    values = {slot: scene.draw(slot) for slot in _BARE_SLOTS}
    values |= {
        "n": say(number),
        "ord": random.choice(_ORDINALS),
        "o": ordinal(random.randrange(1, 32)),
        "wday": scene.draw("wday1"),
        "wday2": scene.draw("wday1"),
        "item2": scene.draw("item"),
        "name2": scene.draw("name"),
        "color2": scene.draw("color"),
        "n2": say(random.randrange(101)),
        "ns": f"{say(number)}, {say(random.randrange(101))} and {say(random.randrange(101))}",
        "room2": random.choice([room for room in SLOTS["room"] if room != values["room"]]),
        "clock": clock_time(random),
    }
    template = random.choice(_BARE)
    said, _, slot = template.partition(" = ")
    value = values[slot or re.findall(r"\{(\w+)\}", said)[0]]
    user = scene.say(Phrasings.of((f"{said}.",)), values)
    answer = f"Okay, {value}. What would you like to know?"
    return scene.open_answer("ask back (bare phrase)", user, [answer], [f"{value}?"])
