"""Topics: ways of saying something, and what is answered to all of them; kept in data/."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starter.dialogues.phrasings import Phrasings, lines, load
from starter.dialogues.scene import Exchange, Scene

__all__ = ["Topic", "read_topics"]

_SLOT: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Topic:
    """What users say in many ways, and the answers that fit all of them.

    Attributes:
        behaviour: The name that tables of results have for it.
        weight: How often it comes up among its like.
        says: What users say.
        answers: What is answered. Slots in it have the same value in what was said.
        brief: The same in few words; () if the answers are short enough.
    """

    behaviour: str
    weight: float
    says: Phrasings
    answers: tuple[str, ...]
    brief: tuple[str, ...]

    def exchange(self, scene: Scene, values: Mapping[str, str] | None = None) -> Exchange:
        """Return the user's words and the answer."""
        shared = {slot: scene.draw(slot) for text in self.answers for slot in _SLOT.findall(text)}
        values = {**shared, **(values or {})}
        user = scene.say(self.says, values)
        return scene.open_answer(self.behaviour, user, self.answers, self.brief, values)


def read_topics(name: str, behaviour: str = "") -> Mapping[str, Topic]:
    """Read the topics of data/NAME.toml.

    Args:
        name: Of the file.
        behaviour: What a topic shows that does not say so itself; "" for its own name.
    """
    return {key: _topic(table, behaviour or key) for key, table in load(name).items()}


def _topic(table: Mapping[str, Any], behaviour: str) -> Topic:
    return Topic(
        behaviour=table.get("behaviour", behaviour),
        weight=table.get("weight", 1.0),
        says=Phrasings.of(table["says"]),
        answers=lines(table["answers"]),
        brief=lines(table.get("brief", "")),
    )
