"""What the recognizer learns to hear: the grammar, rows of words, both sides of the dialogues.

Of a hundred utterances 30 are of the grammar and 25 rows of words; 21 were said by users in
dialogues and 24 by the assistant, so that a whole spoken conversation can be checked by listening.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias

from starter.domain.agreement import capitalize
from starter.domain.holding_out import Split, is_test_sentence
from starter.domain.kept_names import KEPT_WORDS
from starter.domain.matching import says_held_out
from starter.domain.sentences import user_sentence, word_salad
from starter.domain.words import is_known

__all__ = [
    "LONGEST",
    "Exchange",
    "Kind",
    "Turns",
    "Utterance",
    "as_heard",
    "can_be_heard",
    "exchange",
    "exchange_with_kept_names",
    "utterance",
    "utterance_with_kept_name",
]

Kind: TypeAlias = Literal["grammar", "salad", "user", "assistant"]

LONGEST = 124
"""Characters of the longest utterance; longer turns are heard sentence by sentence."""

_SECOND_SHARE = 0.08
_KEPT_NAMES_SHARE = 0.2
"""Of the dialogues that are heard; each of the names is then in one utterance of a thousand."""
_KINDS: tuple[Kind, ...] = ("grammar", "salad", "user", "assistant")
_SHARES = (30, 25, 21, 24)
_SPOKEN = re.compile(r"[A-Z](?:[A-Za-z',?!-]| (?! )|\.(?!\.))*[.?!]")
_NAMES = re.compile(rf"\b({'|'.join(KEPT_WORDS)})\b")
_SENTENCE_END = re.compile(r"(?<=[.?!]) ")


@dataclass(frozen=True, slots=True)
class Utterance:
    """What is said in one go: at most `LONGEST` characters, letters, blanks and ' , . ? ! - only.

    Attributes:
        text: As it is written, with its capital letter and its last mark.
        kind: Where it comes from.
    """

    text: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Turns:
    """Both sides of one dialogue.

    Attributes:
        user: What the user said, as it was meant: nothing misheard.
        assistant: What the assistant answered; tool calls and cut-off answers are not among it.
    """

    user: tuple[str, ...]
    assistant: tuple[str, ...]


Exchange: TypeAlias = Callable[[Random, Split], Turns]
"""What makes up a dialogue."""


def exchange(random: Random, split: Split) -> Turns:
    """Return the turns of a dialogue that the language model learns from."""
    return _turns(random, "held_phrasings" if split == "held" else split)


def exchange_with_kept_names(random: Random, split: Split) -> Turns:
    """Return the same, or now and then a dialogue about values that no language model learns."""
    if random.random() < _KEPT_NAMES_SHARE:
        return _about_held_values(random, split)
    return exchange(random, split)


def _turns(
    random: Random, phrasings: Literal["train", "held_phrasings", "held_values", "all"]
) -> Turns:
    from starter.dialogues.generator import dialogue  # the dialogues build on this package

    messages = dialogue(random, phrasings, noise=False).messages
    return Turns(
        tuple(one.content for one in messages if one.role == "user"),
        tuple(
            one.content
            for one in messages
            if one.role == "assistant" and one.supervised and not one.tool_calls
        ),
    )


def utterance(random: Random, split: Split, make: Exchange = exchange_with_kept_names) -> Utterance:
    """Return the next utterance of the mix: never a test sentence, every word a known one.

    Args:
        random: Draws it.
        split: "train" goes without whatever a held-out template can say, in dialogues too.
        make: Makes up the dialogues.
    """
    kind = random.choices(_KINDS, _SHARES)[0]
    while True:
        text = as_heard(_SOURCES[kind](random, split, make))
        if _is_wanted(text, split):
            return Utterance(text, kind)


def utterance_with_kept_name(random: Random, split: Split) -> Utterance:
    """Return an utterance of a dialogue with a name in it that no language model learns.

    For a recognizer that is to learn these names after all else: `utterance` has few of them.

    Args:
        random: Draws it.
        split: See `utterance`.
    """
    while True:
        kind: Kind = random.choice(("user", "assistant"))
        text = as_heard(_SOURCES[kind](random, split, _about_held_values))
        if _NAMES.search(text) and _is_wanted(text, split):
            return Utterance(text, kind)


def _about_held_values(random: Random, split: Split) -> Turns:
    return _turns(random, "held_values")


def as_heard(text: str) -> str:
    """Return a text with a capital, a last mark and no colons, which nobody hears."""
    text = capitalize(text).replace(":", ",")
    return f"{text}." if text[-1:].isalpha() else text


def can_be_heard(text: str) -> bool:
    """Say whether a text is said in one go, and in known words alone."""
    return len(text) <= LONGEST and _SPOKEN.fullmatch(text) is not None and is_known(text)


def _is_wanted(text: str, split: Split) -> bool:
    return (
        can_be_heard(text)
        and not is_test_sentence(text)
        and not (split == "train" and says_held_out(text))
    )


def _grammar(random: Random, split: Split, make: Exchange) -> str:
    return user_sentence(random, split)


def _salad(random: Random, split: Split, make: Exchange) -> str:
    return word_salad(random, split)


def _user(random: Random, split: Split, make: Exchange) -> str:
    text = random.choice(make(random, split).user or ("",))
    if random.random() < _SECOND_SHARE:
        text = f"{text} {random.choice(make(random, split).user or ('',))}"
    return text


def _assistant(random: Random, split: Split, make: Exchange) -> str:
    """Return an answer, or a run of sentences of one that is too long to be said in one go."""
    text = random.choice(make(random, split).assistant or ("",))
    if len(text) <= LONGEST:
        return text
    sentences = _SENTENCE_END.split(text)
    start = random.randrange(len(sentences))
    return functools.reduce(_longer, sentences[start:])


def _longer(run: str, sentence: str) -> str:
    return f"{run} {sentence}" if len(run) + 1 + len(sentence) <= LONGEST else run


_SOURCES: dict[Kind, Callable[[Random, Split, Exchange], str]] = {
    "grammar": _grammar,
    "salad": _salad,
    "user": _user,
    "assistant": _assistant,
}
