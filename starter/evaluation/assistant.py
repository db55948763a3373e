"""The language model as it answers: by the product's engine, or by its file's own chat template."""

from __future__ import annotations

from typing import Any, Final, cast

from pipeline.engines import Message, Prompt, llama_cpp
from pipeline.engines.thread import StopToken
from starter.dialogues.conversation import Dialogue, openai_messages, openai_tools

__all__ = ["Assistant"]

_MAX_TOKENS: Final = 200
"""A session's default."""


class Assistant:
    """Gives the next answer of a dialogue, greedily.

    Dialogues without tools go the product's way. The product's engine has no tools, so for the
    others llama-cpp-python renders the template that is in the file, tools included.

    Args:
        settings: Which model.

    Raises:
        EngineUnavailable: If it cannot be loaded.
    """

    def __init__(self, settings: llama_cpp.LlamaSettings) -> None:
        self._settings = settings
        self._model = llama_cpp.load(settings)
        self._session = self._model.open()
        self._with_tools: Any = None

    def answer(self, dialogue: Dialogue, before: int) -> str:
        """Return what the model says in the place of the message of that index."""
        if dialogue.tools or any(one.role == "tool" for one in dialogue.messages[:before]):
            return self._complete(dialogue, before)
        head = [Message("system", dialogue.system)] if dialogue.system else []
        rest = [
            Message("user" if one.role == "user" else "assistant", one.content)
            for one in dialogue.messages[:before]
        ]
        return self.reply([*head, *rest])

    def reply(self, messages: list[Message]) -> str:
        """Return the product's reply to a conversation."""
        prompt = Prompt(messages, max_tokens=_MAX_TOKENS)
        pieces = self._session.generate(prompt, stop=StopToken())
        return "".join(piece.text for piece in pieces).strip()

    def close(self) -> None:
        """Free the models."""
        self._model.close()
        if self._with_tools is not None:
            self._with_tools.close()

    def _complete(self, dialogue: Dialogue, before: int) -> str:
        if self._with_tools is None:
            self._with_tools = _llama(self._settings)
        completion = self._with_tools.create_chat_completion(
            messages=openai_messages(dialogue, before),
            tools=openai_tools(dialogue.tools),
            temperature=0,
            max_tokens=_MAX_TOKENS,
        )
        return cast("str", completion["choices"][0]["message"]["content"] or "").strip()


def _llama(settings: llama_cpp.LlamaSettings) -> Any:  # noqa: ANN401 - an untyped package
    from llama_cpp import Llama

    return Llama(
        str(settings.path),
        n_ctx=settings.context_tokens,
        n_threads=settings.threads,
        n_threads_batch=settings.threads,
        verbose=False,
    )
