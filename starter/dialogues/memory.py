"""What the user tells about himself, asks later, or asks without ever having told it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from starter.dialogues.invented import invented_name
from starter.dialogues.names import CITIES, HELD_CITIES, HELD_NAMES
from starter.dialogues.phrasings import Phrasings, lines, load
from starter.dialogues.scene import Exchange, Scene, Told, answered, capitalized, fill
from starter.dialogues.spoken_values import clock_time, digits
from starter.domain.numbers import ordinal, say
from starter.domain.slots import SLOTS

__all__ = [
    "ask_what_was_never_told",
    "ask_what_was_told",
    "know",
    "look_up",
    "shopping_list",
    "tell",
]


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of thing that is told: its value is v; whose or what it is, if any, is k."""

    key: str
    told: Phrasings
    confirmed: tuple[str, ...]
    asked: Phrasings
    answer: str
    brief: str

    def draw(self, scene: Scene) -> dict[str, str]:
        return _VALUES[self.key](scene)


_KINDS: Final = [
    _Kind(
        key,
        Phrasings.of(table["told"]),
        lines(table["confirmed"]),
        Phrasings.of(table["asked"]),
        table["answer"],
        table["brief"],
    )
    for key, table in load("memory").items()
    if "told" in table
]
_NEVER_TOLD: Final = Phrasings.of(load("memory")["never"]["asked"])
_EXCLUSIVE: Final = ("bday", "birthdate")
"""Two ways of telling the same: of a conversation only one is part."""
_PET_NAMES: Final = (*SLOTS["name"], "Rex", "Mimi", "Lucky", "Coco", "Buddy")


def _person(scene: Scene) -> str:
    return scene.word(SLOTS["name"], HELD_NAMES, 0.45)


def _thing_and_room(scene: Scene) -> dict[str, str]:
    thing, room = scene.value(lambda: (scene.draw("thing"), scene.draw("room")), 8)
    return {"k": thing, "v": room}


_VALUES: Final[Mapping[str, Callable[[Scene], dict[str, str]]]] = {
    "name": lambda scene: {"v": _person(scene)},
    "city": lambda scene: {"v": scene.word(CITIES, HELD_CITIES, 0.3)},
    "color": lambda scene: {"v": scene.draw("color")},
    "food": lambda scene: {"v": scene.draw("food")},
    "age": lambda scene: {"v": say(scene.random.randrange(5, 100))},
    "rel": lambda scene: {"k": scene.draw("rel"), "v": _person(scene)},
    "pet": lambda scene: {
        "k": scene.draw("animal"),
        "v": scene.word(_PET_NAMES, HELD_NAMES, 0.4),
    },
    "where": _thing_and_room,
    "code": lambda scene: {"v": digits(scene.random)},
    "bday": lambda scene: {"v": scene.draw("month")},
    "sport": lambda scene: {"v": scene.draw("sport")},
    "meeting": lambda scene: {"v": clock_time(scene.random)},
    "phone": lambda scene: {"v": " ".join(digits(scene.random) for _ in range(2))},
    "relage": lambda scene: {"k": scene.draw("rel"), "v": say(scene.random.randrange(2, 100))},
    "birthdate": lambda scene: {
        "v": f"{scene.draw('month')} {ordinal(scene.random.randrange(1, 29))}"
    },
    "season": lambda scene: {"v": scene.draw("season")},
    "person": lambda scene: {"k": _person(scene), "v": scene.draw("food")},
    "home": lambda scene: {"k": _person(scene), "v": scene.word(CITIES, HELD_CITIES, 0.3)},
    "plan": lambda scene: {"v": scene.word(CITIES, HELD_CITIES, 0.4)},
}


def _memory_key(kind: _Kind, values: Mapping[str, str]) -> str:
    return f"{kind.key} {values.get('k', '')}"


def _is_told(scene: Scene, kind: _Kind, values: Mapping[str, str]) -> bool:
    keys = [_memory_key(kind, values)]
    if kind.key in _EXCLUSIVE:
        keys += [f"{key} " for key in _EXCLUSIVE]
    return any(key in scene.memory for key in keys)


def tell(scene: Scene) -> Exchange | None:
    """The user tells something; None if he has told that already."""
    kind = scene.random.choice(_KINDS)
    values = kind.draw(scene)
    if _is_told(scene, kind, values):
        return None
    _note(scene, kind, values)
    user = scene.say(kind.told, values)
    return scene.open_answer("remember: told", user, kind.confirmed, values=values)


def know(scene: Scene, key: str) -> str:
    """Draw what the system prompt tells about the user, and return it: his "name" or his "city".

    It can be asked for as if he had told it.
    """
    kind = next(kind for kind in _KINDS if kind.key == key)
    values = kind.draw(scene)
    _note(scene, kind, values)
    return values["v"]


def _note(scene: Scene, kind: _Kind, values: Mapping[str, str]) -> None:
    template = kind.brief if scene.is_brief else kind.answer
    answer = capitalized(fill(scene.random, template, values))
    scene.memory[_memory_key(kind, values)] = Told(kind.asked, values, answer, values["v"])


def ask_what_was_told(scene: Scene) -> Exchange | None:
    """The user asks for something that he told before."""
    if not scene.memory:
        return tell(scene)
    one = scene.memory[scene.random.choice(list(scene.memory))]
    return answered(
        "remember: asked later", scene.say(one.asked, one.values), one.answer, one.phrase
    )


def ask_what_was_never_told(scene: Scene) -> Exchange | None:
    """The user asks for something that he never told."""
    kind = scene.random.choice(_KINDS)
    values = kind.draw(scene)
    if _is_told(scene, kind, values):
        return None
    is_never = scene.chance(0.15)
    user = scene.say(_NEVER_TOLD if is_never else kind.asked, values)
    return scene.open_answer(
        "remember: never told",
        user,
        ["I don't know. You haven't told me yet."],
        ["You haven't told me."],
    )


_SHOPPING: Final = {name: Phrasings.of(text) for name, text in load("shopping").items()}


def shopping_list(scene: Scene) -> Exchange | None:
    """The user puts things on the shopping list, takes them off, or asks what is on it."""
    if scene.offers_family("list", "made up"):
        return None
    kinds = ("add",) if not scene.shopping and scene.chance(0.85) else tuple(_SHOPPING_TURNS)
    return _SHOPPING_TURNS[scene.random.choice(kinds)](scene)


def _add(scene: Scene) -> Exchange | None:
    if len(scene.shopping) > 4:
        return None
    new = [item for item in SLOTS["item"] if item not in scene.shopping]
    items = scene.random.sample(new, scene.random.choice((1, 1, 2, 2, 3)))
    items = [_counted(scene, item) for item in items]
    scene.shopping += items
    user = scene.say(_SHOPPING["added"], {"i": _listed(items)})
    if scene.is_brief:
        return scene.open_answer("shopping list", user, ["Okay."])
    return answered("shopping list", user, f"Okay, {_listed(items)} on the list.", *items)


def _counted(scene: Scene, item: str) -> str:
    """Say how many of it, where it can be counted and now and then."""
    if not item.endswith("s") or not scene.chance(0.2):
        return item
    return f"{say(scene.random.randrange(2, 21))} {item}"


def _read_list(scene: Scene) -> Exchange:
    user = scene.say(_SHOPPING["asked"])
    if not scene.shopping:
        return scene.open_answer("shopping list", user, [_EMPTY_LIST])
    on_it = _listed(scene.shopping)
    answer = f"{capitalized(on_it)}." if scene.is_brief else f"You have {on_it} on the list."
    return answered("shopping list", user, answer, *scene.shopping)


def _remove(scene: Scene) -> Exchange:
    item = _listed_or_not(scene)
    user = scene.say(_SHOPPING["removed"], {"i": item})
    if item not in scene.shopping:
        return scene.open_answer("shopping list", user, [f"Okay, {item} was not on the list."])
    scene.shopping.remove(item)
    return scene.open_answer("shopping list", user, [f"Okay, {item} is off the list."], ["Okay."])


def _is_on_it(scene: Scene) -> Exchange:
    item = _listed_or_not(scene)
    user = scene.say(_SHOPPING["contained"], {"i": item})
    if item in scene.shopping:
        return scene.open_answer("shopping list", user, [f"Yes, {item}, on the list."], ["Yes."])
    return scene.open_answer("shopping list", user, [f"No {item} on the list."], ["No."])


def _listed_or_not(scene: Scene) -> str:
    is_listed = bool(scene.shopping) and scene.chance(0.6)
    return scene.random.choice(scene.shopping if is_listed else SLOTS["item"])


def _count_list(scene: Scene) -> Exchange:
    user = scene.say(_SHOPPING["counted"])
    if not scene.shopping:
        return scene.open_answer("shopping list", user, [_EMPTY_LIST])
    count = say(len(scene.shopping))
    things = "thing" if count == "one" else "things"
    return answered("shopping list", user, f"{capitalized(count)} {things}.", count)


def _clear(scene: Scene) -> Exchange:
    scene.shopping.clear()
    user = scene.say(_SHOPPING["cleared"])
    return scene.open_answer("shopping list", user, ["Okay, your list is empty."], ["Okay."])


_EMPTY_LIST: Final = "Your list is empty."
_SHOPPING_TURNS: Final[Mapping[str, Callable[[Scene], Exchange | None]]] = {
    "add": _add,
    "read": _read_list,
    "read again": _read_list,
    "remove": _remove,
    "is on it": _is_on_it,
    "count": _count_list,
    "clear": _clear,
}


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


@dataclass(frozen=True, slots=True)
class _Relation:
    told: str
    asked: str
    draw: Callable[[Scene], str]


def _city(scene: Scene) -> str:
    return scene.word(CITIES, HELD_CITIES, 0.4)


def _goods(scene: Scene) -> str:
    return scene.draw("item" if scene.chance(0.7) else "food")


def _small_number(scene: Scene) -> str:
    return say(scene.random.randrange(1, 100))


_RELATIONS: Final = (
    _Relation("{k} is in {v}.", "Where is {k}?", _city),
    _Relation("{k} lives in {v}.", "Where does {k} live?", _city),
    _Relation("{k} is flying to {v}.", "Where is {k} flying to?", _city),
    _Relation("{k} likes {v}.", "What does {k} like?", _goods),
    _Relation("{k} wants {v}.", "What does {k} want?", _goods),
    _Relation("{k} brings {v}.", "What does {k} bring?", _goods),
    _Relation("{k} is {v} years old.", "How old is {k}?", _small_number),
    _Relation("{k} has the number {v}.", "Which number does {k} have?", _small_number),
    _Relation("{k} is in room {v}.", "In which room is {k}?", _small_number),
    _Relation("The code of {k} is {v}.", "What is the code of {k}?", lambda s: digits(s.random)),
    _Relation("{k} comes at {v}.", "When does {k} come?", lambda s: clock_time(s.random)),
    _Relation("{k} has the {v} bag.", "Which bag does {k} have?", lambda s: s.draw("color")),
)


def look_up(scene: Scene) -> list[Exchange]:
    """The user tells facts about several people in one breath and asks for some of them."""
    relation = scene.random.choice(_RELATIONS)
    pairs = [(name, relation.draw(scene)) for name in _people(scene.random)]
    user = " ".join(_stated(relation.told, *pair) for pair in pairs)
    exchanges = [
        scene.open_answer(
            "told many facts", user, ["Okay, I'll remember that.", "Got it."], ["Okay."]
        )
    ]
    asked = scene.random.sample(pairs, min(len(pairs), scene.random.choice((1, 2, 3, 3))))
    for name, value in asked:
        question = scene.say(Phrasings.of((relation.asked,)), {"k": name})
        stated = _stated(relation.told, name, value)
        answer = f"{capitalized(value)}." if scene.is_brief else stated
        exchanges.append(answered("look up one of many facts", question, answer, value))
    return exchanges


def _people(random: Random) -> list[str]:
    candidates = [*SLOTS["name"], *(invented_name(random) for _ in range(12))]
    return random.sample(candidates, random.choice((2, 2, 3, 3, 4, 5, 6)))


def _stated(template: str, name: str, value: str) -> str:
    return capitalized(template.replace("{k}", name).replace("{v}", value))
