"""Drills: lines that nobody has seen, of which one is asked for by its first word.

Looking something up in the prompt is what remembering, reading tools and answering from the system
message have in common; a conversation shows it in a few tokens, a drill in nearly all (induction:
Olsson et al. 2022). Drills are learnt between conversations, and no test asks for them.
"""

from __future__ import annotations

from random import Random
from typing import Final

from starter.dialogues.invented import invented_name, nonsense_word
from starter.dialogues.made_up_tools import is_held
from starter.domain.words import VOCABULARY
from starter.language_model.rows import Segments

__all__ = ["drill"]

_LINES: Final = (3, 8)
_WORDS: Final = (2, 6)
_JOINTS: Final = (" ", " ", "_", ",", ", ", ": ", '": "')
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


def drill(random: Random) -> Segments:
    """Return lines as a system message, and then each of them asked for, in another order."""
    lines = _lines(random)
    pieces = [(f"<|system|>{''.join(line + chr(10) for line in lines.values())}<|end|>", False)]
    for first in random.sample(list(lines), len(lines)):
        pieces.append((f"<|user|>{first}<|end|><|assistant|>", False))
        pieces.append((f"{lines[first]}<|end|>", True))
    return pieces


def _lines(random: Random) -> dict[str, str]:
    """Return lines by their first words."""
    lines: dict[str, str] = {}
    while len(lines) < random.randint(*_LINES):
        words = [_word(random) for _ in range(random.randint(*_WORDS))]
        lines[words[0]] = random.choice(_JOINTS).join(words)
    return lines


def _word(random: Random) -> str:
    while is_held((word := _drawn(random)).lower()):
        pass
    return word


def _drawn(random: Random) -> str:
    luck = random.random()
    if luck < 0.4:
        return random.choice(VOCABULARY)
    if luck < 0.6:
        return nonsense_word(random)
    if luck < 0.8:
        return invented_name(random)
    if luck < 0.9:
        return str(random.randint(0, 2000))
    return "".join(random.choice(_LETTERS) for _ in range(random.randint(2, 6)))
