"""System prompts: the product's own, and many like it, with a name, rules, a style, the time."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from starter.dialogues.clock import draw_moment
from starter.dialogues.invented import invented_name
from starter.dialogues.memory import know
from starter.dialogues.names import HELD_NAMES, NAMES
from starter.dialogues.phrasings import lines, load
from starter.dialogues.scene import Scene

__all__ = ["product_prompt", "short_prompt", "sparse_prompt", "system_prompt"]

_TEXTS: Final = {name: lines(text) for name, text in load("system").items()}


def _product_clock(now: datetime) -> str:
    return f"Current time: {now:%A}, {now.day} {now:%B} {now.year}, {now:%H:%M}."


def _clock(scene: Scene) -> str:
    """Tell the date and the time: half of the time as the product does it."""
    now = scene.now = draw_moment(scene)
    if scene.chance(0.5):
        return _product_clock(now)
    return scene.random.choice(
        (
            _product_clock(now)[:-1],
            f"The current time is {now:%H:%M} on {now:%A}, {now.day} {now:%B} {now.year}.",
            f"Current time: {now:%A} {now.day} {now:%B} {now.year} {now:%H:%M}.",
            f"Time: {now:%H:%M}. Date: {now:%A}, {now.day} {now:%B} {now.year}.",
            f"Current time: {now:%H:%M}. Today is {now:%A}, {now:%B} {now.day}, {now.year}.",
            f"It is {now:%A}, {now.day} {now:%B} {now.year}, {now:%H:%M}.",
            f"Now: {now:%A}, {now.day} {now:%B} {now.year}, {now:%H:%M}.",
        )
    )


def _name(scene: Scene) -> str:
    scene.name = scene.word(NAMES, HELD_NAMES, 0.45, invented_name)
    return scene.name


def _named(scene: Scene) -> str:
    return scene.random.choice(_TEXTS["named"]).format(n=_name(scene))


def product_prompt(scene: Scene) -> str:
    """Return the product's system prompt, in nine of ten cases with the time."""
    prompt = f"You are {_name(scene)}, a friendly voice assistant. Keep your answers short."
    if scene.chance(0.9):
        scene.now = draw_moment(scene)
        prompt += f" {_product_clock(scene.now)}"
    return prompt


def short_prompt(scene: Scene) -> str | None:
    """Return one sentence that tells nothing, or nothing."""
    texts = (*_TEXTS["unnamed"], *_TEXTS["rules"][:4])
    return scene.random.choice(texts) if scene.chance(0.3) else None


def sparse_prompt(scene: Scene) -> str | None:
    """Return only the lines that questions are about: name, time, or both; rarely neither."""
    kind = scene.random.random()
    if kind < 0.2:
        return product_prompt(scene)
    parts = []
    if kind < 0.6 or kind > 0.8:
        parts.append(_named(scene) if kind < 0.7 or scene.chance(0.35) else _nothing(scene))
    if kind > 0.4:
        parts.append(_clock(scene))
    if scene.chance(0.15):
        parts.insert(scene.random.randrange(len(parts) + 1), scene.random.choice(_TEXTS["rules"]))
    if scene.chance(0.06):
        scene.style = "brief"
        parts.append(scene.random.choice(_TEXTS["brief"]))
    parts += _about_the_user(scene, 0.2)
    return _joined(scene, parts)


def _nothing(scene: Scene) -> str:
    return scene.random.choice(_TEXTS["unnamed"]) if scene.chance(0.4) else ""


def system_prompt(scene: Scene) -> str | None:
    """Return a system prompt of any kind, or None."""
    kind = scene.random.random()
    if kind < 0.15:
        return None
    if kind < 0.4:
        return product_prompt(scene)
    parts = []
    role = scene.random.random()
    if role < 0.55:
        parts.append(_named(scene))
    elif role < 0.85:
        parts.append(scene.random.choice(_TEXTS["unnamed"]))
    count = scene.random.choices((0, 1, 2, 3), (6, 4, 1.5, 0.5))[0]
    parts += scene.random.sample(_TEXTS["rules"], count)
    parts += _style(scene)
    parts += _about_the_user(scene, 0.08)
    if scene.chance(0.5):
        at = len(parts) if scene.chance(0.7) else scene.random.randrange(len(parts) + 1)
        parts.insert(at, _clock(scene))
    return _joined(scene, parts)


def _style(scene: Scene) -> list[str]:
    """Draw what the prompt demands of the form of answers."""
    luck = scene.random.random()
    if luck < 0.14:
        scene.style = "brief"
        return [scene.random.choice(_TEXTS["brief"])]
    if luck < 0.18:
        scene.style = "pirate"
        return [scene.random.choice(_TEXTS["pirate"])]
    if luck < 0.23:
        scene.style, scene.address = "address", scene.random.choice(_TEXTS["addresses"])
        return [scene.random.choice(_TEXTS["address"]).format(x=scene.address)]
    return []


def _about_the_user(scene: Scene, share: float) -> list[str]:
    """Tell the user's name or city in this share of prompts."""
    if not scene.chance(share):
        return []
    key = scene.random.choice(("name", "name", "city"))
    texts = _TEXTS["user_name" if key == "name" else "user_city"]
    return [scene.random.choice(texts).format(v=know(scene, key))]


def _joined(scene: Scene, parts: list[str]) -> str | None:
    joint = scene.random.choice((" ", " ", " ", "\n"))
    return joint.join(part for part in parts if part) or None
