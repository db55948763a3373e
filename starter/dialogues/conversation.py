"""A conversation as training, tests and chat completions see it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

__all__ = [
    "Argument",
    "Dialogue",
    "Expected",
    "Message",
    "Parameter",
    "Tool",
    "ToolCall",
    "openai_messages",
    "openai_tools",
]

Argument: TypeAlias = str | int
Role: TypeAlias = Literal["user", "assistant", "tool"]
Style: TypeAlias = Literal["", "brief", "pirate", "address"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a tool."""

    name: str
    type: Literal["string", "integer"] = "string"


@dataclass(frozen=True, slots=True)
class Tool:
    """What the assistant may call.

    Attributes:
        name: As it is called.
        parameters: In the order of the schema, which is the order of a call's arguments.
        description: One sentence, or "".
    """

    name: str
    parameters: tuple[Parameter, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool's name and its arguments, in the order of the schema."""

    name: str
    arguments: Mapping[str, Argument]


@dataclass(frozen=True, slots=True)
class Expected:
    """How an answer is judged; the rules are those of `starter.dialogues.judging`.

    Attributes:
        answers: Whole answers that are right.
        phrases: All of them make an answer right, too; one that begins with "=" has to end it.
        call: The tool call that is right; then there is no right text.
        style: What the system prompt demands of the form, or "".
        address: How the user wants to be called, where the style is that.
    """

    answers: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    call: ToolCall | None = None
    style: Style = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes:
        role: Who said it.
        content: What was said; "" where the assistant calls a tool instead.
        supervised: Whether the model learns to say this. False for what others say, and for a
            reply that was cut off.
        tool_calls: What the assistant calls.
        behaviour: Of a supervised message: the name of what it shows, as in tables of results.
        expected: Of a supervised message: how a model's own answer in its place is judged.
    """

    role: Role
    content: str
    supervised: bool = False
    tool_calls: tuple[ToolCall, ...] = ()
    behaviour: str = ""
    expected: Expected | None = None


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A whole conversation.

    Attributes:
        system: The system message, or None.
        tools: What may be called.
        messages: In order; the first is the user's, or a greeting of the assistant's.
    """

    system: str | None
    tools: tuple[Tool, ...]
    messages: tuple[Message, ...]


def openai_tools(tools: Sequence[Tool]) -> list[dict[str, Any]] | None:
    """Return the tools as a chat completion takes them; None for none."""
    return [_openai_tool(tool) for tool in tools] or None


def _openai_tool(tool: Tool) -> dict[str, Any]:
    properties = {parameter.name: {"type": parameter.type} for parameter in tool.parameters}
    function: dict[str, Any] = {
        "name": tool.name,
        "parameters": {
            "type": "object",
            "properties": properties,
            "required": list(properties)[:1],
        },
    }
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": function}


def openai_messages(dialogue: Dialogue, before: int | None = None) -> list[dict[str, Any]]:
    """Return the messages as a chat completion takes them.

    Args:
        dialogue: What was said.
        before: Only the messages before this index of `dialogue.messages`: the prompt of that one.
    """
    head = [{"role": "system", "content": dialogue.system}] if dialogue.system else []
    return head + [_openai_message(message) for message in dialogue.messages[:before]]


def _openai_message(message: Message) -> dict[str, Any]:
    if not message.tool_calls:
        return {"role": message.role, "content": message.content}
    calls = [
        {
            "id": f"call_{at}",
            "type": "function",
            "function": {
                "name": call.name,
                "arguments": json.dumps(dict(call.arguments), ensure_ascii=False),
            },
        }
        for at, call in enumerate(message.tool_calls)
    ]
    return {"role": message.role, "content": message.content or None, "tool_calls": calls}
