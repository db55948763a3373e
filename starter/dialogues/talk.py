"""Small talk, and what the assistant says about itself."""

from __future__ import annotations

from typing import Any, Final

from starter.dialogues.phrasings import Phrasings, lines, load, pairs
from starter.dialogues.scene import Exchange, Scene, answered, capitalized
from starter.dialogues.topics import read_topics

__all__ = ["ask_favorite", "ask_name", "feeling", "greeting", "small_talk", "statement"]

TOPICS: Final = read_topics("talk")
_KEYS: Final = list(TOPICS)
_WEIGHTS: Final = [topic.weight for topic in TOPICS.values()]

_SELF: Final = load("self")
_ASK_NAME: Final = Phrasings.of(_SELF["name"])
_FAVORITE: Final = Phrasings.of(_SELF["favorite"])
_FAVORITES: Final = pairs(_SELF["favorites"])

_FEELINGS: Final = load("feelings")
_GREET_BY_NAME: Final = Phrasings.of("Hello {me}.\nHi {me}.\nHey {me}.\nHi there {me}.")


def small_talk(scene: Scene, *keys: str) -> Exchange:
    """One of the topics of data/talk.toml, or one of these."""
    key = scene.random.choices(_KEYS, _WEIGHTS)[0]
    return TOPICS[scene.random.choice(keys) if keys else key].exchange(scene)


def greeting(scene: Scene) -> Exchange:
    """The user says hello, sometimes by name."""
    if scene.name and scene.chance(0.2):
        user = scene.say(_GREET_BY_NAME, {"me": scene.name})
        hello = TOPICS["greeting"]
        return scene.open_answer("greeting", user, hello.answers, hello.brief)
    times = ("greeting", "greeting", "good_morning", "good_evening", "good_afternoon")
    return small_talk(scene, *times)


def statement(scene: Scene) -> Exchange:
    """The user tells something to which there is nothing to do."""
    return small_talk(scene, "statement")


def ask_name(scene: Scene) -> Exchange:
    """The user asks for the assistant's name, which the system prompt tells, or does not."""
    user = scene.say(_ASK_NAME)
    if not scene.name:
        return scene.open_answer(
            "identity",
            user,
            ["I'm a small voice assistant that runs on this computer."],
            ["A small voice assistant."],
        )
    sentences = (f"My name is {scene.name}.", f"I'm {scene.name}, your voice assistant.")
    answer = f"{scene.name}." if scene.is_brief else scene.random.choice(sentences)
    return answered("name (from the prompt)", user, answer, scene.name)


def ask_favorite(scene: Scene) -> Exchange:
    """The user asks what the assistant likes best."""
    kind = scene.random.choice(list(_FAVORITES))
    user = scene.say(_FAVORITE, {"k": kind})
    favorite = _FAVORITES[kind]
    answer = f"My favorite {kind} is {favorite}."
    return scene.open_answer("small talk", user, [answer], [f"{capitalized(favorite)}."])


def feeling(scene: Scene) -> Exchange:
    """The user says how he feels."""
    return _well(scene, _FEELINGS["good"]) if scene.chance(0.4) else _unwell(scene)


_GOOD: Final = Phrasings.of(_FEELINGS["good"]["says"])
_BAD: Final = Phrasings.of(_FEELINGS["bad"]["says"])
_ADVICE: Final = pairs(_FEELINGS["bad"]["advice"])


def _well(scene: Scene, texts: dict[str, Any]) -> Exchange:
    values = {"f": scene.random.choice(lines(texts["feelings"]))}
    user = scene.say(_GOOD, values)
    return scene.open_answer("small talk", user, lines(texts["answers"]), [texts["brief"]])


def _unwell(scene: Scene) -> Exchange:
    feeling = scene.random.choice(list(_ADVICE))
    user = scene.say(_BAD, {"f": feeling})
    brief = [_FEELINGS["bad"]["brief"]]
    return scene.open_answer("small talk", user, [_ADVICE[feeling]], brief)
