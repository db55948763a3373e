"""What a prompt offers to call, and what users ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from starter.dialogues.conversation import Argument, Tool, ToolCall

__all__ = ["Invention", "Offer", "Outcome", "ParameterKind", "Request"]

Outcome: TypeAlias = Literal["done", "weather", "time", "text"]
"""What kind of result a tool gives."""


@dataclass(frozen=True, slots=True)
class ParameterKind:
    """A kind of parameter of made-up tools.

    Attributes:
        type: Of its values.
        names: Under which it goes: those that no training shows (True), and the others.
        said: How a value is said: p is the name, v the value.
        values: Slot that strings come from.
    """

    type: Literal["string", "integer"]
    names: Mapping[bool, tuple[str, ...]]
    said: tuple[str, ...]
    values: str


@dataclass(frozen=True, slots=True)
class Invention:
    """What a made-up tool does, and the kinds of its parameters by name."""

    verb: str
    noun: str
    kinds: Mapping[str, ParameterKind]


@dataclass(frozen=True, slots=True)
class Offer:
    """A tool that a prompt lists, and what is behind it.

    Attributes:
        family: What it does: "light", or "made up".
        tool: As the model sees it.
        roles: What a parameter is for -> its name in this tool.
        invention: What a made-up tool was made of; None for others.
    """

    family: str
    tool: Tool
    roles: Mapping[str, str]
    invention: Invention | None = None

    def takes(self, role: str) -> bool:
        """Return whether it has such a parameter."""
        return role in self.roles

    def call(self, arguments: Mapping[str, Argument]) -> ToolCall:
        """Return the call with arguments by role, in the order of the schema."""
        role_of = {name: role for role, name in self.roles.items()}
        shown = {
            parameter.name: arguments[role_of[parameter.name]]
            for parameter in self.tool.parameters
            if role_of[parameter.name] in arguments
        }
        return ToolCall(self.tool.name, shown)


@dataclass(frozen=True, slots=True)
class Request:
    """What the user wants of a tool.

    Attributes:
        user: What he says.
        arguments: By role.
        outcome: What kind of result the tool gives.
        spoken: What is said when it is done; of weather the city.
    """

    user: str
    arguments: Mapping[str, Argument]
    outcome: Outcome
    spoken: str
