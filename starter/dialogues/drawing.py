"""Draws what comes next in a conversation, by weight, among what is possible at that point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from starter.dialogues.conversation import Message
from starter.dialogues.copying import say_again
from starter.dialogues.scene import Exchange, Scene

__all__ = ["Ask", "Choice", "drawn", "exchanges"]

Ask: TypeAlias = Callable[[Scene], Exchange | None]
"""Makes an exchange, or None where it would make no sense."""
Choice: TypeAlias = Mapping[Ask, float]
"""What may come next, and how often."""


def drawn(scene: Scene, choice: Choice) -> Exchange:
    """Draw an exchange that is possible at this point."""
    if scene.pending:
        pending, scene.pending = scene.pending, None
        return pending
    asks, weights = list(choice), list(choice.values())
    while True:
        exchange = scene.random.choices(asks, weights)[0](scene)
        if exchange:
            return exchange


def exchanges(scene: Scene, choice: Choice, counts: Sequence[int]) -> list[Message]:
    """Return some exchanges; one more where the last one has to go on."""
    messages = []
    count = scene.random.choice(counts)
    while count > 0 or scene.pending:
        messages += scene.messages(drawn(scene, choice))
        count -= 1
    if scene.chance(0.08) and (again := say_again(scene)):
        messages += scene.messages(again)
    return messages
