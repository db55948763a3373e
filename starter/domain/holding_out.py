"""What no training may see: test sentences, and what the measuring build goes without.

Texts are told apart by their hash, so that every recipe on every machine holds the same ones out
without a list of them. The rules must not change: speech that was made and models that were trained
under other ones would have learnt the tests.
"""

from __future__ import annotations

import hashlib
from typing import Literal, TypeAlias

__all__ = ["Split", "is_held_out_template", "is_test_sentence", "stable_hash"]

Split: TypeAlias = Literal["train", "held", "all"]
""""train" goes without the held-out templates, "held" has nothing else, "all" has both."""


def stable_hash(text: str) -> int:
    """Return a number below 2 to the 32 that is the same in every process."""
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8], 16)


def is_test_sentence(text: str) -> bool:
    """Say whether no training of any build may see this text: one in twenty.

    Args:
        text: The whole utterance as it is written, with its capital letter and its last mark.
    """
    return stable_hash(f"s{text}") % 20 == 0


def is_held_out_template(text: str) -> bool:
    """Say whether the measuring build goes without this template: one in ten of those with slots.

    Args:
        text: The template with its slots in braces.
    """
    return "{" in text and stable_hash(f"tpl{text}") % 10 == 0
