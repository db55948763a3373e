"""Simple facts: from tables, single ones, from sizes and calendars; and questions that go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from starter.dialogues.phrasings import Phrasings, lines, load, pairs
from starter.dialogues.scene import Exchange, Scene, answered, capitalized, fill
from starter.domain.slots import SLOTS

__all__ = ["fact", "follow_up", "spelling"]


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    weight: float
    questions: Phrasings
    answer: str
    brief: str
    pairs: Mapping[str, str]

    def sentence(self, scene: Scene, key: str) -> str:
        template = self.brief if scene.is_brief else self.answer
        values = {"k": key, "v": self.pairs[key]}
        return capitalized(fill(scene.random, template, values))

    def ask(self, scene: Scene) -> Exchange:
        key = scene.random.choice(list(self.pairs))
        values = {"k": key, "where": scene.random.choice(("", "", " in the world", " on earth"))}
        user = scene.say(self.questions, values)
        phrase = fill(scene.random, self.pairs[key], {})
        return answered(f"facts: {self.name}", user, self.sentence(scene, key), phrase)


@dataclass(frozen=True, slots=True)
class _Single:
    questions: Phrasings
    answer: str
    key: str

    def ask(self, scene: Scene) -> Exchange:
        is_short = scene.is_brief and "because" not in self.answer.lower()
        answer = f"{capitalized(self.key)}." if is_short else self.answer
        return answered("facts: single", scene.say(self.questions), answer, self.key)


_TABLES: Final = {
    name: _Table(
        name.replace("_", " "),
        table["weight"],
        Phrasings.of(table["questions"]),
        table["answer"],
        table["brief"],
        pairs(table["pairs"]),
    )
    for name, table in load("facts").items()
}
_SINGLES: Final = [
    _Single(Phrasings.of(one["questions"]), one["answer"], one["key"])
    for one in load("single_facts")["fact"]
]
_ORDERS: Final = load("orders")
_CALENDAR: Final = {
    (kind, way): Phrasings.of(_ORDERS[kind][way])
    for kind in ("month", "day")
    for way in ("after", "before")
}
_SIZES: Final = {name: Phrasings.of(text) for name, text in _ORDERS["size"].items()}
_ANIMALS: Final[tuple[str, ...]] = tuple(_ORDERS["animals_by_size"])
_PLANETS: Final[tuple[str, ...]] = tuple(_ORDERS["planets_by_size"])
_WORDS_TO_SPELL: Final[tuple[str, ...]] = tuple(load("spelling")["words"].split())
_SPELLING: Final = Phrasings.of(load("spelling")["asked"])
_FOLLOWED: Final = ("capital", "capital", "opposite", "language", "legs", "days_in_month")
_CHECKS: Final = {name: Phrasings.of(text) for name, text in _ORDERS["checks"].items()}
_DO_NOT_KNOW: Final = lines(load("unknown")["answers"])
_FOLLOWING: Final = Phrasings.of(_ORDERS["follow_up"])


def fact(scene: Scene) -> Exchange:
    """The user asks for a simple fact."""
    return scene.random.choices(_ASKING, _WEIGHTS)[0](scene)


def _single_fact(scene: Scene) -> Exchange:
    return scene.random.choice(_SINGLES).ask(scene)


def _neighbour(scene: Scene) -> Exchange:
    """The month or the day before or after another."""
    kind = scene.random.choice(("month", "day"))
    way, step = scene.random.choice((("after", 1), ("before", -1)))
    names = SLOTS["month"] if kind == "month" else SLOTS["wday1"]
    at = scene.random.randrange(len(names))
    asked, right = names[at], names[(at + step) % len(names)]
    user = scene.say(_CALENDAR[kind, way], {"k": asked})
    answer = f"{right}." if scene.is_brief else f"{right} comes {way} {asked}."
    return answered(f"facts: {kind} {way}", user, answer, right)


def _bigger(scene: Scene) -> Exchange:
    """Which of two animals, or of two planets, is bigger or smaller."""
    is_planet = scene.chance(0.25)
    ranks, article = (_PLANETS, "") if is_planet else (_ANIMALS, "a ")
    small, big = (ranks[at] for at in sorted(scene.random.sample(range(len(ranks)), 2)))
    x, y = scene.random.sample((article + small, article + big), 2)
    way, first, second = scene.random.choice((("bigger", big, small), ("smaller", small, big)))
    user = scene.say(_SIZES[way], {"x": x, "y": y})
    answer = capitalized(
        fill(scene.random, f"{article}{first} is {way} than {article}{second}.", {})
    )
    phrase = fill(scene.random, f"{article}{first} is {way}", {})
    if scene.is_brief:
        phrase = fill(scene.random, f"{article}{first}", {})
        answer = f"{capitalized(phrase)}."
    return answered(f"facts: {way}", user, answer, phrase)


def _is_capital(scene: Scene) -> Exchange:
    """Whether a city is a country's capital."""
    capitals = _TABLES["capital"].pairs
    country = scene.random.choice(list(capitals))
    right = capitals[country]
    city = right if scene.chance(0.5) else scene.random.choice(SLOTS["city"])
    user = scene.say(_CHECKS["capital"], {"c": city, "k": country})
    return _checked(scene, "facts: capital", user, city == right,
                    f"the capital of {country} is {right}")  # fmt: skip


def _is_city_in(scene: Scene) -> Exchange:
    """Whether a city is in a country."""
    countries = _TABLES["country_of_city"].pairs
    city = scene.random.choice(list(countries))
    right = countries[city]
    country = right if scene.chance(0.5) else scene.random.choice(SLOTS["country"])
    user = scene.say(_CHECKS["country"], {"c": city, "k": country})
    return _checked(scene, "facts: country of city", user, country == right,
                    f"{city} is in {right}")  # fmt: skip


def _checked(scene: Scene, behaviour: str, user: str, is_right: bool, fact: str) -> Exchange:
    word = "Yes" if is_right else "No"
    return scene.open_answer(behaviour, user, [f"{word}, {fact}."], [f"{word}."])


def _first_letter(scene: Scene) -> Exchange:
    """The first or the last letter of a word."""
    word = _word_to_spell(scene.random)
    which, letter = scene.random.choice((("first", word[0]), ("last", word[-1])))
    user = scene.say(_CHECKS["letter"], {"w": word, "which": which})
    answer = f"The {which} letter of {word} is {letter.upper()}."
    brief = [f"{letter.upper()}."]
    return scene.open_answer("facts: letter", user, [answer], brief)


_NEVER_MIXED: Final = ("brown", "gray", "black", "white", "pink", "turquoise", "silver", "gold")


def _mixed_colors(scene: Scene) -> Exchange:
    """What two colors make that are in no table."""
    user = scene.say(_CHECKS["mix"], {"mixed": scene.random.choice(_NEVER_MIXED)})
    return scene.open_answer("unknown: says so", user, _DO_NOT_KNOW, ["I don't know."])


def _choice(scene: Scene) -> Exchange:
    """Which of two things the assistant would take: either is right."""
    first, second = scene.random.sample(SLOTS["food"], 2)
    user = scene.say(_CHECKS["choose"], {"x": first, "y": second})
    return scene.open_answer("random", user, [f"I take {first}.", f"I take {second}."])


_ASKING: Final[list[Callable[[Scene], Exchange]]] = [
    *(table.ask for table in _TABLES.values()),
    _single_fact,
    _neighbour,
    _bigger,
    _is_capital,
    _is_city_in,
    _first_letter,
    _mixed_colors,
    _choice,
]
_WEIGHTS: Final = [
    *(table.weight for table in _TABLES.values()),
    5.0,
    2.0,
    2.5,
    0.8,
    0.8,
    0.6,
    0.3,
    0.3,
]


def follow_up(scene: Scene) -> Exchange:
    """The user asks for a fact, and then the same of something else: "And of Japan?"."""
    table = _TABLES[scene.random.choice(_FOLLOWED)]
    first, second = scene.random.sample(list(table.pairs), 2)
    article = "a " if table.name == "legs" else ""
    user = scene.say(table.questions, {"k": first, "where": ""})
    again = scene.say(_FOLLOWING, {"k": article + second})
    behaviour = "facts: follow-up"
    scene.pending = answered(behaviour, again, table.sentence(scene, second), table.pairs[second])
    return answered(behaviour, user, table.sentence(scene, first), table.pairs[first])


def spelling(scene: Scene) -> Exchange:
    """The user asks how a word is spelled."""
    word = _word_to_spell(scene.random)
    user = scene.say(_SPELLING, {"w": word})
    letters = ", ".join(word.upper())
    return answered("spelling", user, f"{letters}.", f"={letters}")


def _word_to_spell(random: Random) -> str:
    kind = random.random()
    if kind < 0.4:
        return random.choice(_WORDS_TO_SPELL)
    if kind < 0.75:
        return random.choice(SLOTS["word"])
    return random.choice(SLOTS["name"])
