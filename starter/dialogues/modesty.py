"""Where the assistant says what it does not know or cannot do, instead of inventing something."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from starter.dialogues.copying import WORDS
from starter.dialogues.invented import invented_name
from starter.dialogues.phrasings import Phrasings, lines, load, pairs
from starter.dialogues.scene import Exchange, Scene
from starter.dialogues.spoken_values import clock_time
from starter.domain.slots import SLOTS
from starter.domain.words import VOCABULARY

__all__ = ["ask_about_topic", "ask_nearly_known", "ask_unknown", "command_without_tool"]

_TEXTS: Final = load("unknown")
_ANSWERS: Final = lines(_TEXTS["answers"])
_BRIEF: Final = [_TEXTS["brief"]]
_QUESTIONS: Final = Phrasings.of(_TEXTS["questions"])
_LISTS: Final = {name: lines(text) for name, text in _TEXTS.items() if name.isupper()}
_ABOUT: Final = Phrasings.of(_TEXTS["about"])
_NEARLY: Final = {name: Phrasings.of(text) for name, text in _TEXTS["nearly"].items()}
_WIDE: Final = frozenset({"THINGS", "SUBJECT", "OBJECT"})
"""Slots that any word may fill: what is not known has no limits."""
_SLOT: Final = re.compile(r"\{([A-Z]+)\}")


def ask_unknown(scene: Scene) -> Exchange:
    """The user asks for something outside the domain."""
    user = scene.say(_with_lists(scene, _QUESTIONS, _LISTS))
    return scene.open_answer("unknown: says so", user, _ANSWERS, _BRIEF)


def _with_lists(
    scene: Scene, phrasings: Phrasings, lists: Mapping[str, tuple[str, ...]]
) -> Phrasings:
    """Choose a phrasing and fill its slots in capitals."""

    def value(slot: re.Match[str]) -> str:
        if slot[1] == "INVENTED":
            return invented_name(scene.random)
        if slot[1] in _WIDE and scene.chance(0.3):
            return scene.random.choice(VOCABULARY)
        return scene.random.choice(lists[slot[1]])

    return Phrasings.of((_SLOT.sub(value, phrasings.choose(scene.random, scene.split)),))


def ask_about_topic(scene: Scene) -> Exchange:
    """The user wants to talk about a topic."""
    kind = scene.random.random()
    topic = scene.random.choice(SLOTS["topic"] if kind < 0.6 else _LISTS["SUBJECT"])
    if kind > 0.85:
        topic = scene.random.choice(_LISTS["THINGS"])
    values = {"x": topic}
    return scene.open_answer(
        "unknown: says so", scene.say(_ABOUT, values), [_TEXTS["about_answer"]], _BRIEF, values
    )


_KNOWN: Final = {name: frozenset(pairs(table["pairs"])) for name, table in load("facts").items()}
_KNOWN_TO: Final[Mapping[str, frozenset[str]]] = {
    "opposite": _KNOWN["opposite"],
    "meaning": _KNOWN["meaning"],
    "color": _KNOWN["color_of_animal"] | _KNOWN["color_of_stuff"],
    "inventor": frozenset(word for key in _KNOWN["inventor"] for word in key.split()),
    "superlative": _KNOWN["superlative"] | _KNOWN["superlative_planet"],
    "translation": frozenset(
        key for name, known in _KNOWN.items() if "translation" in name for key in known
    ),
}
_SUPERLATIVES: Final = tuple(f"{most} {what}" for most in SLOTS["super"] for what in SLOTS["geo"])
_UNKNOWN_TO: Final = {
    kind: tuple(
        word for word in (_SUPERLATIVES if kind == "superlative" else WORDS) if word not in known
    )
    for kind, known in _KNOWN_TO.items()
}


def ask_nearly_known(scene: Scene) -> Exchange:
    """The user asks for a fact of a known kind, but about something that is not in the tables."""
    kind = scene.random.choice(list(_NEARLY))
    user = scene.say(_NEARLY[kind], {"k": scene.random.choice(_UNKNOWN_TO[kind])})
    return scene.open_answer("unknown: says so", user, _ANSWERS, _BRIEF)


_COMMANDS: Final = load("cannot")
_COMMAND_WORDS: Final = {
    "DO": lines(_COMMANDS["other_words"]["do"]),
    "OBJECT": lines(_COMMANDS["other_words"]["object"]),
}
_BY_FAMILY: Final = {
    family: (Phrasings.of(table["says"]), table["answer"])
    for family, table in _COMMANDS.items()
    if "says" in table
}
_BEYOND: Final = {
    family: Phrasings.of(table["beyond"])
    for family, table in _COMMANDS.items()
    if "beyond" in table
}
"""What the usual tool of a family cannot do either."""
_CANNOT: Final = "Sorry, I can't do that yet."
_FAMILIES: Final = list(_BY_FAMILY)
_WEIGHTS: Final = [3.0 if family == "other" else 1.0 for family in _FAMILIES]


def command_without_tool(scene: Scene) -> Exchange | None:
    """The user asks for something that no tool in the list does; None if one may do it."""
    family = scene.random.choices(_FAMILIES, _WEIGHTS)[0]
    if scene.offers_family("made up"):
        return None
    phrasings, answer = _BY_FAMILY[family]
    is_beyond = family in _BEYOND and scene.chance(0.5)
    if scene.offers_family(family):
        if family not in _BEYOND:
            return None
        is_beyond, answer = True, _CANNOT
    phrasings = _BEYOND[family] if is_beyond else phrasings
    values = {"clock": clock_time(scene.random)}
    user = scene.say(_with_lists(scene, phrasings, _COMMAND_WORDS), values)
    return scene.open_answer("command without a tool", user, [answer], ["I can't do that yet."])
