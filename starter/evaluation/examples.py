"""Writes down what the models heard and said: thirty transcripts and thirty replies to read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from starter.errors import RecipeError
from starter.evaluation.answering import Answer, answers
from starter.evaluation.bench import Bench
from starter.evaluation.hearing import transcripts
from starter.evaluation.listening import Heard
from starter.evaluation.wording import plain

__all__ = ["EXAMPLES", "write_examples"]

EXAMPLES: Final = Path(__file__).with_name("examples.md")

_TRANSCRIPTS: Final = {
    "new": ("New sentences, trained voices", 8),
    "espeak": ("Voices never trained", 4),
    "shuffled": ("Random word order", 5),
    "joined": ("Four sentences in one utterance", 3),
    "white": ("White noise at 10 dB", 5),
    "cut": ("Beginning cut", 5),
}
_REPLIES: Final = {
    "answers-values": ("Values never trained", 14),
    "answers-heard": ("Asked by voice and recognised", 8),
    "tools-values": ("Tools, values never trained", 8),
}


def write_examples(bench: Bench, path: Path = EXAMPLES) -> None:
    """Write the first items of the test sets, right and wrong ones alike.

    Raises:
        RecipeError: If something is missing, or the file cannot be written.
    """
    transcribed = [
        _heard(title, transcripts(name, bench, f"examples: {name}", most=items))
        for name, (title, items) in _TRANSCRIPTS.items()
    ]
    replied = [
        _said(title, answers(key, bench)[:items]) for key, (title, items) in _REPLIES.items()
    ]
    head = ["# What the starter models heard and said", _INTRODUCTION]
    text = "\n\n".join([*head, *transcribed, *replied])
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"{path} cannot be written: {error.strerror}") from error


_INTRODUCTION: Final = (
    "The first items of the [evaluation](command.py)'s test sets, not chosen; "
    "`python -m starter evaluate --keep` writes them. A cross marks what counts as wrong."
)


def _heard(title: str, pairs: Sequence[Heard]) -> str:
    lines = [f"## Heard: {title}", "", "| said | heard | |", "|---|---|---|"]
    for pair in pairs:
        fault = "" if plain(pair.said) == plain(pair.heard) else "✗"
        lines.append(f"| {_cell(pair.said)} | {_cell(pair.heard)} | {fault} |")
    return "\n".join(lines)


def _said(title: str, found: Sequence[Answer]) -> str:
    lines = [f"## Replied: {title}", "", "| asked | replied | |", "|---|---|---|"]
    for one in found:
        calls = " ".join(f"`{call.name}({_arguments(call.arguments)})`" for call in one.calls)
        reply = " ".join(part for part in (_cell(one.text), _cell(calls)) if part)
        lines.append(f"| {_cell(one.question.asked)} | {reply} | {'' if one.right else '✗'} |")
    return "\n".join(lines)


def _arguments(arguments: object) -> str:
    assert isinstance(arguments, dict)
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").strip()
