"""Interruptions: the reply is cut to what was heard, as the product cuts it, and the user goes on.

The history holds the words that had sounded, without a mark of the cut. Where none had, the reply
is gone, and what the user said before and after are one message.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from starter.dialogues.conversation import Expected, Message
from starter.dialogues.phrasings import Phrasings, load
from starter.dialogues.scene import Exchange, Scene

__all__ = ["cut_reply", "interrupted", "stopped"]

_PHRASINGS: Final = {name: Phrasings.of(text) for name, text in load("barge_in").items()}
_CUT_MARKS: Final = ("...", "…", " ...", "—")
"""How other programs mark a cut."""


def cut_reply(scene: Scene, reply: str) -> Message:
    """Return what was heard of a reply: its first words, at least one and not all."""
    words = reply.split()
    heard = " ".join(words[: scene.random.randrange(1, len(words))])
    if scene.chance(0.5):
        heard = heard.rstrip(",.!?;:")
    if scene.chance(0.12):
        heard = heard.rstrip(",.") + scene.random.choice(_CUT_MARKS)
    return Message("assistant", heard)


def stopped(scene: Scene) -> Exchange:
    """The user wants the assistant to stop talking."""
    user = scene.say(_PHRASINGS["stop"])
    answers = ["Okay.", "Okay, I'm listening."]
    return scene.open_answer("barge-in: stop", user, answers, ["Okay."])


def interrupted(scene: Scene, exchange: Exchange) -> list[Message]:
    """Return an exchange that the user interrupts, and what he wants then, if anything.

    Afterwards he may also simply ask for something else: that is up to the caller.
    """
    reply = scene.styled(exchange.answer)
    if scene.chance(0.06):
        return _before_a_word(scene, exchange)
    messages = [Message("user", exchange.user), cut_reply(scene, reply)]
    scene.last = ""
    luck = scene.random.random()
    if luck < 0.32 and (exchange.is_certain or _is_told_apart(exchange, messages[1].content)):
        messages += scene.messages(_resumed(scene, exchange))
    elif luck < 0.62:
        messages += scene.messages(stopped(scene))
        scene.last = ""
    return messages


def _is_told_apart(exchange: Exchange, heard: str) -> bool:
    """Return whether the words that were heard tell which of several answers it was."""
    begin = heard.rstrip("….—")
    fitting = [right for right in exchange.expected.answers if right.startswith(begin)]
    return len(fitting) == 1 and len(begin.split()) > 3


def _resumed(scene: Scene, exchange: Exchange) -> Exchange:
    """The user wants to hear the rest, or everything again: it is said from the beginning."""
    kind = "go on" if scene.chance(0.6) else "what did you say"
    user = scene.say(_PHRASINGS["go_on" if kind == "go on" else "what"])
    expected = Expected((exchange.answer,))
    return replace(exchange, behaviour=f"barge-in: {kind}", user=user, expected=expected)


def _before_a_word(scene: Scene, exchange: Exchange) -> list[Message]:
    """The user interrupts before a word was heard: the reply has never been."""
    second = stopped(scene)
    both = replace(second, user=f"{exchange.user} {second.user}")
    messages = scene.messages(both)
    scene.last = ""
    return messages
