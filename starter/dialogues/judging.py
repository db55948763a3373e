"""Whether an answer is right: by its words, not by its punctuation.

Texts are compared in lower case, without punctuation. An answer is right if it is one of the
expected whole answers, or if it holds all expected phrases. No phrase counts that a number word
goes on ("twenty" in "twenty one"), and where an answer has to end with a phrase, it must.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from starter.dialogues.conversation import Argument, Expected, ToolCall

__all__ = ["judge", "normalized", "obeys_style", "parse_calls"]

_NUMBER_WORD: Final = (
    "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen"
    "|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
    "|hundred|thousand"
)
_CALL: Final = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)


def judge(answer: str, calls: Sequence[ToolCall], expected: Expected) -> bool:
    """Return whether an answer is right.

    Args:
        answer: What the assistant said.
        calls: What it called; see `parse_calls` for a model that writes calls into its text.
        expected: What is right.
    """
    if expected.call:
        return len(calls) == 1 and _same_call(calls[0], expected.call)
    if calls:
        return False
    said = _plain(answer, expected)
    if said in {_plain(right, expected) for right in expected.answers}:
        return True
    return bool(expected.phrases) and all(_holds(said, phrase) for phrase in expected.phrases)


def obeys_style(answer: str, expected: Expected) -> bool | None:
    """Return whether an answer has the form that the system prompt demands; None for no demand.

    Brief is what is not longer than the longest right answer by more than a word.
    """
    said = normalized(answer)
    match expected.style:
        case "pirate":
            return said.startswith("arr")
        case "address":
            return said.endswith(normalized(expected.address))
        case "brief":
            longest = max((len(normalized(right).split()) for right in expected.answers), default=0)
            return len(said.split()) <= longest + 1
        case "":
            return None


def parse_calls(text: str) -> tuple[str, list[ToolCall]]:
    """Take the calls out of what a model wrote: ``<tool_call>{"name": ...}</tool_call>``.

    Returns:
        The text without calls, and the calls. A call that cannot be read has the name "".
    """
    return _CALL.sub("", text).strip(), [_parse_call(body) for body in _CALL.findall(text)]


def _parse_call(body: str) -> ToolCall:
    try:
        call = json.loads(body)
        name, arguments = call["name"], call["arguments"]
    except (ValueError, KeyError, TypeError):
        return ToolCall("", {})
    readable = isinstance(name, str) and isinstance(arguments, dict)
    return ToolCall(name, arguments) if readable else ToolCall("", {})


def normalized(text: str) -> str:
    """Return the words in lower case, with single spaces and without punctuation."""
    return " ".join(re.sub(r"[^a-z0-9' ]", " ", text.lower()).split())


def _plain(text: str, expected: Expected) -> str:
    """Return the words without the marks of a style, which are judged apart."""
    said = normalized(text)
    if expected.style == "pirate":
        return re.sub(r"^arr ", "", said)
    if expected.style == "address":
        return said.removesuffix(normalized(expected.address)).strip()
    return said


def _holds(said: str, phrase: str) -> bool:
    words = normalized(phrase)
    end = "$" if phrase.startswith("=") else rf"(?![\w'])(?! (?:{_NUMBER_WORD})\b)"
    begin = "(?:^| )" if words.startswith("minus") else "(?:^|(?<!minus) )"
    return re.search(begin + re.escape(words) + end, said) is not None


def _same_call(call: ToolCall, right: ToolCall) -> bool:
    return call.name == right.name and _folded(call.arguments) == _folded(right.arguments)


def _folded(arguments: Mapping[str, Argument]) -> dict[str, Any]:
    """Case is the recognizer's affair: "play jazz" and "Play Jazz" ask for the same."""
    return {
        name: value.casefold() if isinstance(value, str) else value
        for name, value in arguments.items()
    }
