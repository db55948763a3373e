"""Draws conversations, as many as are asked for, in the mix that the language model learns from.

``python -m starter.dialogues.generator 5`` prints five of them; a kind may follow.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from random import Random
from typing import Final

from starter.dialogues.conversation import Dialogue, Message
from starter.dialogues.hearing import Hearing
from starter.dialogues.kinds import MAKERS
from starter.dialogues.phrasings import Split
from starter.dialogues.rendering import render
from starter.dialogues.scene import Scene

__all__ = ["KINDS", "MIX", "dialogue"]

MIX: Final[Mapping[str, float]] = {
    "talk": 22,
    "prompt": 15,
    "sums": 15,
    "copying": 10,
    "memory": 10,
    "look up": 5,
    "reading": 5,
    "facts": 15,
    "modesty": 14,
    "control": 6,
    "long": 4,
    "two sentences": 7,
    "barge-in": 8,
    "usual tools": 20,
    "tools": 26,
}
"""How often each kind of conversation is drawn. The evaluation's questions are drawn so, too: other
shares make other test sets, and what a training needs more of belongs into its curriculum."""
KINDS: Final = (*MIX, "unseen tools")
"""Kinds of conversation. "unseen tools" lists only tools whose words no training shows: a test."""


def dialogue(random: Random, split: Split, kind: str | None = None, noise: bool = True) -> Dialogue:
    """Draw a conversation.

    Args:
        random: What everything is drawn with: the same state gives the same conversation.
        split: What it is made of; see `Split`.
        kind: One of `KINDS`; None for the mix of a training.
        noise: Whether the user is heard as an imperfect recognizer hears him.
    """
    kind = kind or random.choices(list(MIX), list(MIX.values()))[0]
    while True:
        hearing = Hearing.drawn(random) if noise else Hearing()
        scene = Scene(random, split, hearing)
        system, messages = MAKERS[kind](scene)
        if any(message.supervised for message in messages):
            tools = tuple(offer.tool for offer in scene.offers)
            return Dialogue(system, tools, (*_greeting(scene), *messages))


def _greeting(scene: Scene) -> tuple[Message, ...]:
    """Now and then the assistant speaks first, as a product may be told to."""
    if not scene.chance(0.04):
        return ()
    name = f" I'm {scene.name}." if scene.name else ""
    hello = scene.random.choice(("Hello!", "Hi!", "Welcome!", "Good day!"))
    offer = scene.random.choice((" How can I help you?", " What can I do for you?", ""))
    return (Message("assistant", f"{hello}{name}{offer}"),)


def _print(count: int, kind: str | None) -> None:
    source = Random()
    for _ in range(count):
        print("".join(text for text, _ in render(dialogue(source, "all", kind))), end="\n\n")


if __name__ == "__main__":
    _print(int(sys.argv[1]) if len(sys.argv) > 1 else 5, " ".join(sys.argv[2:]) or None)
