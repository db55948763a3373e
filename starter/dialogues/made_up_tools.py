"""Tools that nobody has heard of: they must be read from the list in the prompt.

A made-up tool is a verb and a noun of a large vocabulary, or a word without a meaning and a
description. Its parameters have names of a large pool, and their values are in the user's sentence:
numbers as words, everything else to be copied. One verb, noun and parameter name in six is kept for
`held` tools, which no training shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Final

from starter.dialogues.conversation import Argument, Parameter, Tool
from starter.dialogues.invented import invented_name, nonsense_word
from starter.dialogues.offers import Invention, Offer, ParameterKind, Request
from starter.dialogues.phrasings import Phrasings, lines, load
from starter.dialogues.scene import Scene, capitalized, fill
from starter.dialogues.spoken_values import clock_time
from starter.dialogues.tools import PARAMETER_NAMES
from starter.domain.holding_out import stable_hash
from starter.domain.numbers import say
from starter.domain.slots import SLOTS

__all__ = ["MADE_UP", "is_held", "made_up_offer", "request_of_another", "request_of_made_up"]

MADE_UP: Final = "made up"
"""The family of all of them."""

_TEXTS: Final = load("made_up_tools")
_ADJECTIVES: Final = ("quiet", "fast", "slow", "gentle", "strong", "silent", "automatic", "manual",
                      "classic", "modern", "eco", "turbo", "normal", "large", "small", "round",
                      "soft", "heavy", "light", "double", "simple", "express",
                      "secret")  # fmt: skip


def is_held(word: str) -> bool:
    """Return whether a word of a made-up tool is kept for `held` ones."""
    return stable_hash(f"tool {word}") % 6 == 0


def _split(words: str) -> dict[bool, tuple[str, ...]]:
    """Return the words that are held out, and those that are not."""
    every = tuple(dict.fromkeys(words.split()))
    return {
        True: tuple(word for word in every if is_held(word) and word not in PARAMETER_NAMES),
        False: tuple(word for word in every if not is_held(word)),
    }


_NONSENSE: Final = 0.2
"""So many words of made-up tools mean nothing, as to a model every word does that it never saw."""
_VERBS: Final = _split(_TEXTS["verbs"])
_NOUNS: Final = _split(_TEXTS["nouns"])
_SENTENCES: Final = Phrasings.of(_TEXTS["sentences"]["plain"])
_DESCRIPTIONS: Final = lines(_TEXTS["sentences"]["descriptions"])


def _kind(table: Mapping[str, Any]) -> ParameterKind:
    return ParameterKind(table["type"], _split(table["names"]), tuple(table["said"]),
                 table.get("values", ""))  # fmt: skip


_KINDS: Final = [_kind(table) for table in _TEXTS["parameters"].values()]


def made_up_offer(scene: Scene, *, held: bool, like: Offer | None = None) -> Offer:
    """Return a made-up tool.

    Args:
        scene: What it is drawn for.
        held: Whether its words are those that no training shows.
        like: Another one of which it shares the verb or the noun, so that both must be read.
    """
    random = scene.random
    verb, noun = random.choice(_VERBS[held]), random.choice(_NOUNS[held])
    if like and like.invention:
        verb, noun = random.choice(((like.invention.verb, noun), (verb, like.invention.noun)))
    else:
        noun = _nonsense(random, held) if random.random() < _NONSENSE else noun
        verb = _nonsense(random, held) if random.random() < _NONSENSE / 2 else verb
    kinds = _parameter_kinds(random, held=held)
    parameters = tuple(Parameter(name, kind.type) for name, kind in kinds.items())
    name, description = _named(random, held=held, verb=verb, noun=noun)
    tool = Tool(name, parameters, description)
    return Offer(MADE_UP, tool, {name: name for name in kinds}, Invention(verb, noun, kinds))


def _parameter_kinds(random: Random, *, held: bool) -> dict[str, ParameterKind]:
    count = random.choices((0, 1, 2, 3), (12, 48, 32, 8))[0]
    kinds = {}
    for kind in random.sample(_KINDS, count):
        is_word = random.random() > _NONSENSE and kind.names[held]
        kinds[random.choice(kind.names[held]) if is_word else _nonsense(random, held)] = kind
    return kinds


def _nonsense(random: Random, held: bool) -> str:
    while True:
        word = random.choice((nonsense_word, invented_name))(random).lower()
        if is_held(word) == held:
            return word


def _named(random: Random, *, held: bool, verb: str, noun: str) -> tuple[str, str]:
    """Return a name and a description, of which at least one says what the tool does."""
    template = random.choice(_DESCRIPTIONS)
    description = fill(random, template, {"Verb": capitalized(verb), "verb": verb, "noun": noun})
    luck = random.random()
    if luck < 0.08:
        return _nonsense(random, held), description
    name = random.choice((f"{verb}_{noun}", f"{verb}_{noun}", f"{verb}_{noun}", f"{noun}_{verb}",
                          f"{verb}_the_{noun}", f"{verb}_{noun}_now"))  # fmt: skip
    return name, description if random.random() < 0.95 else ""


def request_of_made_up(scene: Scene, invention: Invention) -> Request:
    """Return what the user asks of a made-up tool."""
    kinds = invention.kinds
    names = [name for name in kinds if not scene.chance(0.12)]
    values = {name: _value(scene, kinds[name]) for name in names}
    scene.random.shuffle(names)
    rest = "".join(f" {_said(scene, kinds, name, values[name])}" for name in names)
    slots = {"verb": invention.verb, "noun": invention.noun, "rest": rest}
    return Request(scene.say(_SENTENCES, slots), values, "done", "Okay, done.")


def _value(scene: Scene, kind: ParameterKind) -> Argument:
    if kind.type == "integer":
        return scene.random.randint(1, 100) if scene.chance(0.9) else scene.random.randint(1, 999)
    if kind.values == "adjective":
        return scene.random.choice(_ADJECTIVES)
    if kind.values == "clock":
        return clock_time(scene.random)
    # An invented value can only be copied, and so shows how values are found.
    if kind.values in ("city", "name", "word") and scene.chance(0.4):
        return invented_name(scene.random)
    return scene.random.choice(SLOTS[kind.values])


def _said(scene: Scene, kinds: Mapping[str, ParameterKind], name: str, value: Argument) -> str:
    """Say a parameter's value; with its name where it could be meant for another one."""
    kind = kinds[name]
    words = say(value) if isinstance(value, int) else value
    is_word = name in kind.names[True] or name in kind.names[False]
    has_like = sum(other.type == kind.type for other in kinds.values()) > 1
    forms = kind.said
    if not is_word or (has_like and scene.chance(0.85)):
        forms = tuple(form for form in forms if "{p}" in form)
    return scene.random.choice(forms).format(p=name, v=words)


def request_of_another(scene: Scene) -> str:
    """Return a request for something that no listed tool does, though one may be like it."""
    does = [
        (offer.invention.verb, offer.invention.noun) for offer in scene.offers if offer.invention
    ]
    taken = {word for pair in does for word in pair}
    verb = scene.random.choice([word for word in _VERBS[False] if word not in taken])
    noun = scene.random.choice([word for word in _NOUNS[False] if word not in taken])
    if does and scene.chance(0.3):
        verb = scene.random.choice(does)[0]
    return scene.say(_SENTENCES, {"verb": verb, "noun": noun, "rest": ""})
