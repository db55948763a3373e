"""A dialogue as the text that the model learns from, exactly as its chat template writes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from starter.dialogues.conversation import Dialogue, Message, Parameter, Tool, ToolCall

__all__ = ["call_text", "listed", "render", "signature"]


def render(dialogue: Dialogue) -> list[tuple[str, bool]]:
    """Return the pieces of the text in order, each with whether the model learns to say it."""
    pieces = []
    if dialogue.system or dialogue.tools:
        pieces.append((f"<|system|>{_system(dialogue)}<|end|>", False))
    for message in dialogue.messages:
        if message.role == "assistant":
            pieces.append(("<|assistant|>", False))
            pieces.append((f"{_said(message)}<|end|>", message.supervised))
        else:
            pieces.append((f"<|{message.role}|>{message.content}<|end|>", False))
    return pieces


def _system(dialogue: Dialogue) -> str:
    system = dialogue.system or ""
    if not dialogue.tools:
        return system
    joint = "\n" if system else ""
    return f"{system}{joint}<tools>\n{_signatures(dialogue.tools)}</tools>"


def _signatures(tools: Sequence[Tool]) -> str:
    return "".join(signature(tool) + "\n" for tool in tools)


def signature(tool: Tool) -> str:
    """Write a tool as the model reads it: what it is about first, then how it is called.

    `` set light: Control a light. =set_light( room=room, level=level:int)``. A network that reads
    from left to right finds the line by the words of the question, which stand there as they are
    said (a word after a space is made of other tokens than one after a mark), and copies what
    follows the equals sign, which has the tokens that it has in a call.
    """
    description = f" {tool.description}" if tool.description else ""
    return listed(f"{_words(tool.name)}:{description}", tool.name, tool.parameters)


def listed(about: str, name: str, parameters: Iterable[Parameter]) -> str:
    """Write a line of the list of tools: what it is about, and how it is called."""
    return f" {about} ={name}({','.join(map(_parameter, parameters))})"


def _parameter(parameter: Parameter) -> str:
    type_ = ":int" if parameter.type == "integer" else ""
    return f" {_words(parameter.name)}={parameter.name}{type_}"


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")


def _said(message: Message) -> str:
    return message.content + "".join(call_text(call) for call in message.tool_calls)


def call_text(call: ToolCall) -> str:
    """Write a call as the model says it: a JSON object between two tags."""
    arguments = json.dumps(dict(call.arguments), ensure_ascii=False)
    return f'<tool_call>{{"name": "{call.name}", "arguments": {arguments}}}</tool_call>'
