"""Tools of well known families under many names, and how users ask for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from starter.dialogues.conversation import Argument, Parameter, Tool
from starter.dialogues.copying import WORDS
from starter.dialogues.invented import invented_title
from starter.dialogues.names import ARTISTS, CITIES, HELD_ARTISTS, HELD_CITIES
from starter.dialogues.offers import Offer, Request
from starter.dialogues.phrasings import Phrasings, lines, load
from starter.dialogues.scene import Scene, fill
from starter.dialogues.spoken_values import clock_time
from starter.domain.numbers import say
from starter.domain.slots import SLOTS

__all__ = [
    "CORRECTED_TIMER",
    "HELD_FAMILIES",
    "PARAMETER_NAMES",
    "USUAL",
    "ask_for_weather",
    "family_offer",
    "name_the_city",
    "other_families",
    "request",
    "usual_offer",
]

USUAL: Final = ("light", "timer", "weather", "music")
"""Families of the four usual tools."""
HELD_FAMILIES: Final = ("door", "table")
"""Families that no training shows."""

_TABLES: Final = load("tools")
PARAMETER_NAMES: Final = frozenset(
    name.split(":")[0]
    for family, table in _TABLES.items()
    if family not in HELD_FAMILIES
    for names in table["parameters"].values()
    for name in names
)
"""All names of parameters that training shows with these families."""
_HELD_NAMES: Final = frozenset(
    (
        *("lamp_control", "light_set", "new_timer", "kitchen_timer", "fetch_weather"),
        *("weather_info", "music_player", "stream_music", "appliance_switch", "climate_set"),
        *("tell_time", "wake_up", "remind_me", "list_append", "send_sms", "dial", "query_web"),
        "audio_level",
    )
)
"""Names that no training shows."""


def other_families() -> list[str]:
    """Return the families that training shows beside the usual ones."""
    return [name for name in _TABLES if name not in (*USUAL, *HELD_FAMILIES)]


def usual_offer(family: str) -> Offer:
    """Return a usual tool as it usually is: the first of all names."""
    table = _TABLES[family]
    shown = {role: names[0] for role, names in table["parameters"].items()}
    return _offer(family, table["names"][0], shown, table["descriptions"][0])


def family_offer(scene: Scene, family: str, *, held: bool) -> Offer:
    """Return a tool of a family under one of its names, with some of its parameters.

    Args:
        scene: What it is drawn for.
        family: Its family.
        held: Whether its name is one that no training shows.
    """
    table = _TABLES[family]
    names = [name for name in table["names"] if (name in _HELD_NAMES) == held]
    optional = table.get("optional", ())
    shown: dict[str, str] = {}
    for role, choices in table["parameters"].items():
        if role in optional and scene.chance(0.3):
            continue
        free = [name for name in choices if name.split(":")[0] not in _bare(shown)]
        shown[role] = scene.random.choice(free)
    description = scene.random.choice(table["descriptions"]) if scene.chance(0.65) else ""
    return _offer(family, scene.random.choice(names or table["names"]), shown, description)


def _bare(shown: Mapping[str, str]) -> set[str]:
    return {name.split(":")[0] for name in shown.values()}


def _offer(family: str, name: str, shown: Mapping[str, str], description: str) -> Offer:
    parameters = tuple(_parameter(text) for text in shown.values())
    roles = {role: text.split(":")[0] for role, text in shown.items()}
    return Offer(family, Tool(name, parameters, description), roles)


def _parameter(text: str) -> Parameter:
    name, _, kind = text.partition(":")
    return Parameter(name, "integer" if kind else "string")


_PHRASINGS: Final = {
    (family, key): Phrasings.of(text)
    for family, table in _TABLES.items()
    for key, text in table.items()
    if isinstance(text, str)
}
CORRECTED_TIMER: Final = _PHRASINGS["timer", "corrected"]


def request(scene: Scene, offer: Offer) -> Request | None:
    """Return what the user asks of a tool; None if there is nothing to ask of it here."""
    return _REQUESTS[offer.family](scene, offer)


def _light(scene: Scene, offer: Offer) -> Request:
    kinds = ["state"] * 4
    kinds += ["color"] * 2 if offer.takes("color") else []
    kinds += ["brightness"] * 2 if offer.takes("brightness") else []
    return _LIGHT[scene.random.choice(kinds)](scene)


def _in_room(
    scene: Scene, kind: str, room: str, values: Mapping[str, str], argument: Argument
) -> Request:
    """Return a request about a room's light, or about all lights."""
    value = values[next(iter(values))]
    end = {"state": value, "color": value, "brightness": f"at {value} percent"}[kind]
    if scene.chance(0.12):
        user = scene.say(_PHRASINGS["light", f"{kind}_anywhere"], values)
        return Request(user, {kind: argument}, "done", f"The lights are {end}.")
    user = scene.say(_PHRASINGS["light", kind], {**values, "room": room})
    arguments: dict[str, Argument] = {"room": room, kind: argument}
    return Request(user, arguments, "done", f"The {room} light is {end}.")


def _light_state(scene: Scene) -> Request:
    state = scene.random.choice(("on", "off"))
    return _in_room(scene, "state", scene.draw("room"), {"s": state}, state)


def _light_color(scene: Scene) -> Request:
    room, color = scene.value(lambda: (scene.draw("room"), scene.draw("color")), 8)
    return _in_room(scene, "color", room, {"v": color}, color)


def _light_brightness(scene: Scene) -> Request:
    percent = (
        scene.random.randint(1, 100) if scene.chance(0.5) else scene.random.randint(1, 10) * 10
    )
    return _in_room(scene, "brightness", scene.draw("room"), {"v": say(percent)}, percent)


_LIGHT: Final[Mapping[str, Callable[[Scene], Request]]] = {
    "state": _light_state,
    "color": _light_color,
    "brightness": _light_brightness,
}
_SECONDS: Final = {"seconds": 1, "minutes": 60, "hours": 3600}
_SPECIAL_DURATIONS: Final = {
    "half an hour": 1800,
    "an hour": 3600,
    "one hour": 3600,
    "one minute": 60,
    "a minute": 60,
    "an hour and a half": 5400,
    "one hour and thirty minutes": 5400,
    "two and a half hours": 9000,
    "a quarter of an hour": 900,
    "three quarters of an hour": 2700,
}
_ROUND: Final = (5, 10, 15, 20, 25, 30, 45, 60)
_LABELS: Final = (*SLOTS["food"], "tea", "eggs", "laundry", "workout", "nap", "oven", "pizza")


def draw_duration(scene: Scene) -> tuple[str, int]:
    """Draw a duration: in words, and in seconds."""
    random = scene.random
    if scene.chance(0.12):
        return random.choice(list(_SPECIAL_DURATIONS.items()))
    if scene.chance(0.06):
        hours, minutes = random.randrange(2, 6), random.randrange(2, 60)
        return f"{say(hours)} hours and {say(minutes)} minutes", hours * 3600 + minutes * 60
    unit = random.choices(("minutes", "hours", "seconds"), (6, 2, 2))[0]
    amount = random.choice(_ROUND) if scene.chance(0.3) else random.randrange(2, 61)
    if unit == "hours":
        amount = random.randrange(2, 13)
    if unit == "seconds" and scene.chance(0.2):
        amount = random.randrange(60, 100)
    return f"{say(amount)} {unit}", amount * _SECONDS[unit]


def _timer(scene: Scene, offer: Offer) -> Request:
    words, seconds = draw_duration(scene)
    is_plain = words.split()[-1] in _SECONDS and " and " not in words
    if offer.takes("label") and scene.chance(0.22):
        label = scene.random.choice(_LABELS)
        user = scene.say(_PHRASINGS["timer", "labelled"], {"l": label, "d": words})
        arguments: dict[str, Argument] = {"duration": seconds, "label": label}
        return Request(user, arguments, "done", f"Your {label} timer is set for {words}.")
    if is_plain and scene.chance(0.2):
        user = scene.say(_PHRASINGS["timer", "adjective"], {"d": words.removesuffix("s")})
    else:
        user = scene.say(_PHRASINGS["timer", "plain"], {"d": words})
    return Request(user, {"duration": seconds}, "done", f"Your timer is set for {words}.")


def draw_city(scene: Scene) -> str:
    """Draw a city, or a country now and then; some are invented."""
    if scene.split != "held_values" and scene.chance(0.1):
        return scene.draw("country")
    return scene.word(CITIES, HELD_CITIES, 0.4, invented_title)


def _weather(scene: Scene, offer: Offer) -> Request:
    city = draw_city(scene)
    user = scene.say(_PHRASINGS["weather", "asked"], {"v": city})
    return Request(user, {"city": city}, "weather", city)


def ask_for_weather(scene: Scene) -> str:
    """Return a question for the weather that names no city."""
    return scene.say(_PHRASINGS["weather", "without_city"])


def name_the_city(scene: Scene, city: str) -> str:
    """Return the answer to the question for which city."""
    return scene.say(_PHRASINGS["weather", "city_named"], {"v": city})


def _music(scene: Scene, offer: Offer) -> Request:
    kind = scene.random.choices(("genre", "artist", "song", "sound"), (30, 35, 15, 20))[0]
    if scene.split == "held_values" and kind != "artist" and scene.chance(0.5):
        kind = "artist"
    query = _QUERIES[kind](scene)
    user = scene.say(_PHRASINGS["music", kind], {"v": query})
    query = "music" if query in _ANY_MUSIC else query
    return Request(user, {"query": query}, "done", f"Playing {query}.")


_ANY_MUSIC: Final = ("some music", "a song", "a playlist")
"""What asks for music without saying which."""


def _song(scene: Scene) -> str:
    return " ".join(scene.random.sample(WORDS, scene.random.choice((1, 2, 2, 3))))


_QUERIES: Final[Mapping[str, Callable[[Scene], str]]] = {
    "genre": lambda scene: scene.draw("genre"),
    "artist": lambda scene: scene.word((*ARTISTS, *SLOTS["name"]), HELD_ARTISTS, 0.45,
                                       invented_title),
    "song": _song,
    "sound": lambda scene: scene.random.choice(
        (*SLOTS["sound"], "the radio", "the news", "some music", "music", "a song", "a playlist")
    ),
}  # fmt: skip


def _device(scene: Scene, offer: Offer) -> Request:
    device, state = scene.draw("device"), scene.random.choice(("on", "off"))
    user = scene.say(_PHRASINGS["device", "asked"], {"v": device, "s": state})
    arguments = {"device": device, "state": state}
    return Request(user, arguments, "done", f"The {device} is {state}.")


def _thermostat(scene: Scene, offer: Offer) -> Request:
    degrees = scene.random.randint(10, 30) if scene.chance(0.7) else scene.random.randint(1, 100)
    values = {"n": say(degrees), "room": scene.draw("room")}
    if offer.takes("room") and scene.chance(0.6):
        user = scene.say(_PHRASINGS["thermostat", "in_room"], values)
        arguments: dict[str, Argument] = {"temperature": degrees, "room": values["room"]}
        spoken = f"The {values['room']} is set to {say(degrees)} degrees."
        return Request(user, arguments, "done", spoken)
    user = scene.say(_PHRASINGS["thermostat", "anywhere"], values)
    spoken = f"The temperature is set to {say(degrees)} degrees."
    return Request(user, {"temperature": degrees}, "done", spoken)


def _clock(scene: Scene, offer: Offer) -> Request | None:
    """With the time in the system prompt nobody needs a tool for it."""
    return None if scene.now else Request(scene.say(_PHRASINGS["clock", "asked"]), {}, "time", "")


def _alarm(scene: Scene, offer: Offer) -> Request:
    time = clock_time(scene.random)
    user = scene.say(_PHRASINGS["alarm", "asked"], {"v": time})
    return Request(user, {"time": time}, "done", f"Your alarm is set for {time}.")


def _reminder(scene: Scene, offer: Offer) -> Request:
    task, time = scene.draw("task"), clock_time(scene.random)
    if offer.takes("time") and scene.chance(0.5):
        user = scene.say(_PHRASINGS["reminder", "timed"], {"v": task, "t": time})
        return Request(user, {"text": task, "time": time}, "done", "Your reminder is set.")
    user = scene.say(_PHRASINGS["reminder", "asked"], {"v": task})
    return Request(user, {"text": task}, "done", "Your reminder is set.")


def _list(scene: Scene, offer: Offer) -> Request:
    item = scene.random.choice(SLOTS["item"] if scene.chance(0.8) else WORDS)
    user = scene.say(_PHRASINGS["list", "asked"], {"v": item})
    return Request(user, {"item": item}, "done", f"I added {item} to the list.")


_TEXTS: Final = lines(_TABLES["message"]["texts"])


def _message(scene: Scene, offer: Offer) -> Request:
    name = scene.random.choice(SLOTS["name"])
    text = fill(scene.random, scene.random.choice(_TEXTS), {"clock": clock_time(scene.random)})
    user = scene.say(_PHRASINGS["message", "asked"], {"to": name, "v": text})
    return Request(user, {"to": name, "text": text}, "done", f"I sent the message to {name}.")


def _call(scene: Scene, offer: Offer) -> Request:
    if scene.chance(0.5):
        relative = scene.draw("rel")
        user = scene.say(_PHRASINGS["call", "asked"], {"v": f"my {relative}"})
        return Request(user, {"who": relative}, "done", f"Calling your {relative}.")
    name = scene.random.choice(SLOTS["name"])
    user = scene.say(_PHRASINGS["call", "asked"], {"v": name})
    return Request(user, {"who": name}, "done", f"Calling {name}.")


_FOUND: Final = lines(_TABLES["news"]["found"])


def _news(scene: Scene, offer: Offer) -> Request:
    topic = scene.random.choice((*SLOTS["topic"], *SLOTS["person"]))
    if scene.chance(0.3):
        topic = " ".join(scene.random.sample(WORDS, 2))
    user = scene.say(_PHRASINGS["news", "asked"], {"v": topic})
    values = {"clock": clock_time(scene.random)}
    found = fill(scene.random, scene.random.choice(_FOUND), values)
    return Request(user, {"query": topic}, "text", found)


def _volume(scene: Scene, offer: Offer) -> Request:
    level = scene.random.randint(0, 100)
    user = scene.say(_PHRASINGS["volume", "asked"], {"n": say(level)})
    return Request(user, {"level": level}, "done", f"The volume is at {say(level)}.")


def _door(scene: Scene, offer: Offer) -> Request:
    door = scene.random.choice(_TABLES["door"]["doors"])
    user = scene.say(_PHRASINGS["door", "asked"], {"v": door})
    return Request(user, {"door": door}, "done", "Okay, done.")


def _table(scene: Scene, offer: Offer) -> Request:
    city, people = scene.draw("city"), scene.random.randint(2, 12)
    user = scene.say(_PHRASINGS["table", "asked"], {"v": city, "n": say(people)})
    return Request(user, {"city": city, "people": people}, "done", "Okay, done.")


_REQUESTS: Final[Mapping[str, Callable[[Scene, Offer], Request | None]]] = {
    "light": _light,
    "timer": _timer,
    "weather": _weather,
    "music": _music,
    "device": _device,
    "thermostat": _thermostat,
    "clock": _clock,
    "alarm": _alarm,
    "reminder": _reminder,
    "list": _list,
    "message": _message,
    "call": _call,
    "news": _news,
    "volume": _volume,
    "door": _door,
    "table": _table,
}
