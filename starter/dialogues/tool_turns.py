"""Turns in which a tool is called: which tools are listed, what is asked, what comes back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Final

from starter.dialogues.clock import spoken_time
from starter.dialogues.conversation import Expected, Message
from starter.dialogues.made_up_tools import (
    made_up_offer,
    request_of_another,
    request_of_made_up,
)
from starter.dialogues.offers import Offer, Request
from starter.dialogues.phrasings import Phrasings
from starter.dialogues.scene import Exchange, Scene, capitalized
from starter.dialogues.tools import (
    CORRECTED_TIMER,
    HELD_FAMILIES,
    USUAL,
    ask_for_weather,
    family_offer,
    name_the_city,
    other_families,
    request,
    usual_offer,
)
from starter.domain.numbers import say
from starter.domain.slots import SLOTS

__all__ = ["ask_for_other_tool", "offer_any", "offer_unseen", "offer_usual", "tool_turn"]

_ERRORS: Final = ("device offline", "not found", "timeout", "no connection", "not allowed",
                  "service unavailable", "unknown name", "internal error", "busy",
                  "out of range")  # fmt: skip
_SKIES: Final = ("sunny", "cloudy", "rainy", "windy", "foggy", "clear", "snowy", "stormy",
                 "partly cloudy", "light rain", "overcast")  # fmt: skip
_CORRECTED: Final = Phrasings.of(
    "No, I meant {v}.\nNo, {v}.\nI said {v}.\nSorry, I meant {v}.\nAnd {v}?\nNo no, {v}.\n"
    "Not that, {v}.\nWhat about {v}?\nNow {v}."
)


def offer_usual(scene: Scene) -> list[Offer]:
    """List the four usual tools as they usually are: all of them, or some."""
    random = scene.random
    offers = [usual_offer(family) for family in USUAL]
    if random.random() < 0.5:
        random.shuffle(offers)
    if random.random() < 0.4:
        offers = offers[: random.choice((1, 1, 2, 3))]
    if random.random() < 0.25:
        offers = [_without_description(offer) for offer in offers]
    return offers


def _without_description(offer: Offer) -> Offer:
    return replace(offer, tool=replace(offer.tool, description=""))


def offer_any(scene: Scene) -> list[Offer]:
    """List tools of all kinds: usual ones, other families, and made-up ones."""
    random = scene.random
    offers = offer_usual(scene) if random.random() < 0.35 else []
    taken = {offer.family for offer in offers}
    free = [name for name in (*USUAL, *other_families()) if name not in taken]
    for family in random.sample(free, random.choices((0, 1, 2), (6, 3, 1))[0]):
        offers.append(family_offer(scene, family, held=False))
    offers += _made_up(scene, random.choices((0, 1, 2, 3, 4), (3, 17, 40, 28, 12))[0], held=False)
    random.shuffle(offers)
    return _distinct(offers) or offer_usual(scene)


def offer_unseen(scene: Scene) -> list[Offer]:
    """List only tools whose names and parameters no training shows."""
    offers = _made_up(scene, scene.random.choice((2, 3, 3, 4)), held=True)
    if scene.chance(0.2):
        family = scene.random.choice(HELD_FAMILIES)
        offers.append(family_offer(scene, family, held=False))
    scene.random.shuffle(offers)
    return _distinct(offers)


def _made_up(scene: Scene, count: int, *, held: bool) -> list[Offer]:
    offers: list[Offer] = []
    for _ in range(count):
        like = scene.random.choice(offers) if offers and scene.chance(0.3) else None
        offers.append(made_up_offer(scene, held=held, like=like))
    return offers


def _distinct(offers: list[Offer]) -> list[Offer]:
    """Keep tools that differ in their names, and made-up ones that differ in what they do."""
    found: dict[tuple[str, ...], Offer] = {}
    for offer in offers:
        made = offer.invention
        does = (made.verb, made.noun) if made else (offer.family,)
        if offer.tool.name not in {other.tool.name for other in found.values()}:
            found.setdefault(does, offer)
    return list(found.values())


def tool_turn(scene: Scene) -> list[Message] | None:
    """The user asks for what a tool does, hears the result, and perhaps corrects himself."""
    # Made-up tools take the most learning: each has to be read, none can be known.
    weights = [2.5 if offer.invention else 1.0 for offer in scene.offers]
    offer = scene.random.choices(scene.offers, weights)[0]
    invention = offer.invention
    wanted = request_of_made_up(scene, invention) if invention else request(scene, offer)
    if not wanted:
        return None
    messages = []
    if offer.family == "weather" and scene.chance(0.12):
        question = scene.open_answer(
            "tool: asks for the city", ask_for_weather(scene), ["For which city?"]
        )
        messages += scene.messages(question)
        wanted = replace(wanted, user=name_the_city(scene, str(wanted.arguments["city"])))
    messages += _called(scene, offer, wanted, f"tool call: {offer.family}")
    corrected = _corrected(scene, offer, wanted) if scene.chance(0.1) else None
    if corrected:
        messages += _called(scene, offer, corrected, "tool: correction")
    return messages


def _called(scene: Scene, offer: Offer, wanted: Request, behaviour: str) -> list[Message]:
    call = offer.call(wanted.arguments)
    result, exchange = _result(scene, offer, wanted)
    scene.last = exchange.answer
    return [
        Message("user", wanted.user),
        Message(
            "assistant",
            "",
            supervised=True,
            tool_calls=(call,),
            behaviour=behaviour,
            expected=scene.judged(Expected(call=call)),
        ),
        Message("tool", result),
        scene.reply(exchange),
    ]


def _corrected(scene: Scene, offer: Offer, wanted: Request) -> Request | None:
    """Return the request with another value, or None where there is nothing to correct."""
    if offer.family == "timer" and "label" not in wanted.arguments:
        minutes = scene.random.randrange(2, 61)
        words = f"{say(minutes)} minutes"
        user = scene.say(CORRECTED_TIMER, {"v": words})
        spoken = f"Your timer is set for {words}."
        return Request(user, {"duration": minutes * 60}, "done", spoken)
    role = {"weather": "city", "light": "room", "device": "device"}.get(offer.family, "")
    if role not in wanted.arguments:
        return None
    value = scene.random.choice(SLOTS[role])
    user = scene.say(_CORRECTED, {"v": value if role == "city" else f"the {value}"})
    spoken = wanted.spoken.replace(str(wanted.arguments[role]), value)
    return Request(user, {**wanted.arguments, role: value}, wanted.outcome, spoken)


def _result(scene: Scene, offer: Offer, wanted: Request) -> tuple[str, Exchange]:
    """Return what the tool gives, and what is said then."""
    if scene.chance(0.1):
        error = scene.random.choice(_ERRORS)
        answer = f"Sorry, that didn't work, {error}."
        return _written_error(scene.random, error), _said(answer, (answer,), (error,))
    match wanted.outcome:
        case "weather":
            return _weather_result(scene, wanted.spoken)
        case "time":
            return _time_result(scene)
        case "text":
            written = _text_result(scene.random, wanted.spoken)
            return written, _said(wanted.spoken, (wanted.spoken,))
        case "done":
            written = _done_result(scene.random, offer.call(wanted.arguments).arguments)
            if scene.is_brief:
                return written, _said("Okay.", ("Okay.", wanted.spoken))
            answer = capitalized(wanted.spoken)
            return written, _said(answer, (answer,), (wanted.spoken,))


def _said(answer: str, answers: tuple[str, ...], phrases: tuple[str, ...] = ()) -> Exchange:
    return Exchange("tool result", "", answer, Expected(answers, phrases))


def _written_error(random: Random, error: str) -> str:
    return random.choice(
        (
            json.dumps({"error": error}),
            json.dumps({"ok": False, "error": error}),
            json.dumps({"status": "error", "message": error}),
            f"Error: {error}",
        )
    )


def _done_result(random: Random, arguments: Mapping[str, object]) -> str:
    return random.choice(
        (
            '{"ok": true}',
            '{"status": "ok"}',
            "ok",
            "OK",
            '{"success": true}',
            '{"result": "ok"}',
            "done",
            '{"status": "success"}',
            json.dumps({"ok": True, **arguments}, ensure_ascii=False),
            "null",
            "true",
        )
    )


def _text_result(random: Random, text: str) -> str:
    key = random.choice(("result", "text", "answer", ""))
    return json.dumps({key: text}, ensure_ascii=False) if key else text


def _weather_result(scene: Scene, city: str) -> tuple[str, Exchange]:
    random = scene.random
    degrees, sky = random.randrange(-10, 39), random.choice(_SKIES)
    unit = "degree" if abs(degrees) == 1 else "degrees"
    temperature = f"{say(degrees)} {unit}"
    link = "with" if sky == "light rain" else "and"
    answer = f"In {city} it is {temperature} {link} {sky}."
    if scene.is_brief:
        answer = f"{capitalized(temperature)}, {sky}."
    written = _written_weather(random, city, degrees, sky)
    return written, _said(answer, (answer,), (temperature, sky))


def _written_weather(random: Random, city: str, degrees: int, sky: str) -> str:
    if random.random() < 0.15:
        texts = (f"{degrees} degrees, {sky}", f"{city}: {degrees} C, {sky}",
                 f"{sky}, {degrees} degrees")  # fmt: skip
        return random.choice(texts)
    key = random.choice(("temperature", "temp", "temperature_c", "temp_c", "degrees"))
    sky_key = random.choice(("condition", "conditions", "description", "weather", "sky"))
    result: dict[str, object] = {"city": city} if random.random() < 0.3 else {}
    parts = [(key, degrees), (sky_key, sky)]
    if random.random() < 0.15:
        parts.reverse()
    result |= dict(parts)
    if random.random() < 0.15:
        result["humidity"] = random.randrange(20, 99)
    return json.dumps(result, ensure_ascii=False)


def _time_result(scene: Scene) -> tuple[str, Exchange]:
    hour, minute = scene.random.randrange(24), scene.random.randrange(60)
    key = scene.random.choice(("time", "current_time", "now", ""))
    written = f"{hour:02d}:{minute:02d}"
    spoken = spoken_time(hour, minute)
    answer = f"{capitalized(spoken)}." if scene.is_brief else f"It's {spoken}."
    result = json.dumps({key: written}) if key else written
    return result, _said(answer, (answer,), (spoken,))


def ask_for_other_tool(scene: Scene) -> Exchange:
    """The user asks for what none of the listed tools does."""
    answer = "Sorry, I can't do that yet."
    user = request_of_another(scene)
    return scene.open_answer("command without a tool", user, [answer], ["I can't do that yet."])
