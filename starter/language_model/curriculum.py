"""Which dialogues are learnt when, and which are only looked at."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Final

from starter.dialogues.conversation import Dialogue
from starter.dialogues.generator import MIX, dialogue
from starter.dialogues.phrasings import Split
from starter.dialogues.rendering import render
from starter.language_model.drills import drill
from starter.language_model.renaming import renamed
from starter.language_model.rows import Segments, Source
from starter.language_model.training import Texts
from starter.order import Build

__all__ = ["dialogues_for", "weights"]

_FIRST: Final[Mapping[str, float]] = {"copying": 3.0, "look up": 3.0, "prompt": 1.5, "tools": 2.5}
"""At the beginning these kinds are drawn so many times as often: a network that cannot copy yet
learns nothing from questions whose answer is in the text, and what it then learns is to guess."""
_LASTING: Final[Mapping[str, float]] = {
    "two sentences": 2.0,
    "usual tools": 1.6,
    "modesty": 1.3,
    "memory": 1.3,
}
"""These to the end: what goes wrong in them is composing and copying, which loss hardly shows."""
_DRILLS: Final = 0.15
"""So many rows are drills at the beginning, and a third of that in the end."""
_FIRST_SHARE: Final = 0.7
"""After this share of the training only the lasting shares differ from the generator's own."""
_SOUGHT: Final[Mapping[str, str]] = {
    "tools": "command without a tool",
    "usual tools": "tool: correction",
    "memory": "remember: never told",
}
"""Kinds, and a behaviour of each that is learnt late."""
_SOUGHT_SHARE: Final = 0.3
"""So many dialogues of these kinds are drawn until one shows it."""
_RENAMED: Final[Mapping[str, float]] = {"usual tools": 0.5, "tools": 0.3, "memory": 0.3}
"""So many dialogues of these kinds get names that are read nowhere else."""


def dialogues_for(build: Build) -> Texts:
    """Return what a build learns and what it is looked at with.

    Neither build learns the values that tests ask for; the measuring build leaves phrasings out,
    too. The sets that are looked at steer the training, so no figure is reported of them.
    """
    learnt: Split = "all" if build == "shipped" else "train"
    looks = {"values": _source("held_values"), "unseen_tools": _source(learnt, "unseen tools")}
    if build == "measuring":
        looks["phrasings"] = _source("held_phrasings")
    return Texts(_lesson(learnt), looks)


def weights(share: float) -> dict[str, float]:
    """Return how often each kind is drawn when `share` of the training is over."""
    early = max(0.0, 1 - share / _FIRST_SHARE)
    return {
        kind: weight * _LASTING.get(kind, 1.0) * (1 + early * (_FIRST.get(kind, 1.0) - 1))
        for kind, weight in MIX.items()
    }


def _lesson(split: Split) -> Source:
    def make(generator: Random, share: float) -> Segments:
        if generator.random() < _DRILLS * (1 - share * 2 / 3):
            return drill(generator)
        odds = weights(share)
        kind = generator.choices(list(odds), list(odds.values()))[0]
        pieces = render(_drawn(generator, split, kind))
        return renamed(pieces, generator) if generator.random() < _RENAMED.get(kind, 0) else pieces

    return make


def _drawn(generator: Random, split: Split, kind: str) -> Dialogue:
    sought = _SOUGHT.get(kind) if generator.random() < _SOUGHT_SHARE else None
    while True:
        found = dialogue(generator, split, kind)
        if not sought or any(message.behaviour == sought for message in found.messages):
            return found


def _source(split: Split, kind: str | None = None) -> Source:
    def make(generator: Random, share: float) -> Segments:
        return render(dialogue(generator, split, kind))

    return make
