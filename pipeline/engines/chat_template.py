"""Renders a conversation as the text that a model was trained on: its own Jinja chat template.

Templates differ in what they accept. `ChatTemplate` tries once, when it is made, whether its
template takes a system message and a conversation that the assistant opens, and rewrites every
conversation accordingly; so the same conversation always renders to the same text, which the
prefix cache of the engine relies on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pipeline.engines import Message
from pipeline.errors import EngineUnavailable

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["CHATML", "ChatTemplate", "merge_roles", "split_turns"]

CHATML: Final = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""The layout that most models know; for a model that brings no template of its own."""

_OPENING: Final = Message("user", "Hello.")
"""Stands before the assistant's greeting where a template insists that the user begins."""

_PROBE: Final = "probe-7f3a"

_JOINTS: Final = {"system": "\n\n", "user": " ", "assistant": " "}


def merge_roles(messages: Iterable[Message]) -> list[Message]:
    """Join consecutive messages of one role (many templates insist on alternation).

    Empty messages vanish. What was spoken is joined by a space, system texts by an empty line.
    """
    merged: list[Message] = []
    for message in messages:
        if not message.content.strip():
            continue
        if merged and merged[-1].role == message.role:
            joint = _JOINTS[message.role]
            merged[-1] = Message(message.role, merged[-1].content + joint + message.content)
        else:
            merged.append(message)
    return merged


def split_turns(messages: Sequence[Message]) -> tuple[list[Message], list[list[Message]]]:
    """Split a conversation into the system messages at its head and its turns.

    A turn is a user's message with everything up to the next one, and with the system message
    right before it. An assistant's greeting that opens the conversation is a turn of its own.
    """
    head = 0
    while head < len(messages) and messages[head].role == "system":
        head += 1
    turns: list[list[Message]] = []
    before = None
    for message in messages[head:]:
        begins = message.role == "system" or (message.role == "user" and before != "system")
        if begins or not turns:
            turns.append([])
        turns[-1].append(message)
        before = message.role
    return list(messages[:head]), turns


class ChatTemplate:
    """One model's chat template.

    Args:
        source: Jinja text, as in the model file's key ``tokenizer.chat_template``.
        bos, eos: Text of the vocabulary's tokens of these names; templates may print them.
        now: Read by templates that print today's date.

    Raises:
        EngineUnavailable: If the template cannot be parsed, or refuses the plainest conversation.

    Rendering runs in Jinja's sandbox, because a template comes with a model, from anywhere.
    Reasoning models are asked not to think, by the variables that their templates know
    (``enable_thinking`` in Qwen3 and SmolLM3, ``thinking`` in Granite and DeepSeek).
    """

    def __init__(
        self, source: str, *, bos: str = "", eos: str = "", now: Callable[[], datetime]
    ) -> None:
        self._variables = {"bos_token": bos, "eos_token": eos}
        self._template, self._errors = _compile(source, now)
        user, assistant = Message("user", "Hello."), Message("assistant", "Hello.")
        self._check([user])
        self._takes_system = self._accepts([Message("system", _PROBE), user])
        self._takes_greeting = self._accepts([assistant, Message("user", _PROBE)])
        self._takes_reminders = self._accepts([user, assistant, Message("system", _PROBE), user])

    def render(self, messages: Sequence[Message]) -> str:
        """Return the prompt: the conversation, and the header of the assistant's next message.

        Raises:
            EngineUnavailable: If the template refuses the conversation nevertheless.
        """
        return self._check(self._adapt(merge_roles(messages)))

    def _adapt(self, messages: list[Message]) -> list[Message]:
        head = messages[:1] if messages and messages[0].role == "system" else []
        rest = messages[len(head) :]
        if not self._takes_reminders:
            rest = _fold_reminders(rest)
        greets = not rest or rest[0].role == "assistant"
        if head and (not self._takes_system or (greets and not self._takes_greeting)):
            # The instructions become the user's first words, or part of them.
            return _fold(head[0].content, rest)
        if not head and greets and not self._takes_greeting:
            return [_OPENING, *rest]
        return [*head, *rest]

    def _check(self, messages: Sequence[Message]) -> str:
        try:
            return self._render(messages)
        except self._errors as error:
            message = f"the model's chat template refuses the conversation: {error}; set another"
            raise EngineUnavailable(message) from error

    def _accepts(self, messages: Sequence[Message]) -> bool:
        try:
            return _PROBE in self._render(messages)
        except self._errors:
            return False

    def _render(self, messages: Sequence[Message]) -> str:
        return self._template.render(
            messages=[{"role": item.role, "content": item.content} for item in messages],
            add_generation_prompt=True,
            enable_thinking=False,
            thinking=False,
            **self._variables,
        )


def _fold(instructions: str, rest: list[Message]) -> list[Message]:
    """Put ``instructions`` in front of the first user message, or make them one."""
    if rest and rest[0].role == "user":
        return [Message("user", f"{instructions}\n\n{rest[0].content}"), *rest[1:]]
    return [Message("user", instructions), *rest]


def _fold_reminders(messages: list[Message]) -> list[Message]:
    """Put every system message in front of the user message that follows, or make it one."""
    folded: list[Message] = []
    for message in reversed(messages):
        if message.role == "system":
            folded = _fold(message.content, folded)
        else:
            folded.insert(0, message)
    return merge_roles(folded)


def _compile(
    source: str, now: Callable[[], datetime]
) -> tuple[Template, tuple[type[Exception], ...]]:
    """Return the compiled template, and what rendering it may raise."""
    import jinja2
    from jinja2.ext import Extension, loopcontrols
    from jinja2.nodes import Node
    from jinja2.parser import Parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """``{% generation %}`` marks what a model is trained on; here only its body counts."""

        tags = {"generation"}  # noqa: RUF012 - the base class declares it so

        def parse(self, parser: Parser) -> list[Node]:
            """Return the body."""
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def raise_exception(message: str) -> NoReturn:
        raise jinja2.TemplateError(message)

    def tojson(value: Any, indent: int | None = None) -> str:  # noqa: ANN401 - any JSON value
        # Jinja's own filter escapes for HTML, which models were not trained on.
        return json.dumps(value, ensure_ascii=False, indent=indent)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda layout: now().strftime(layout)
    try:
        template = environment.from_string(source)
    except jinja2.TemplateError as error:
        message = f"the model's chat template cannot be read: {error}; set another"
        raise EngineUnavailable(message) from error
    mistakes = (jinja2.TemplateError, TypeError, ValueError, LookupError, AttributeError)
    return template, (*mistakes, ArithmeticError)
