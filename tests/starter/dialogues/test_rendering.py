import functools
from pathlib import Path
from random import Random
from typing import Any

import pytest

from starter.dialogues.conversation import Dialogue, openai_messages, openai_tools
from starter.dialogues.generator import KINDS, dialogue
from starter.dialogues.rendering import render

TEMPLATE = Path("starter/language_model/chat_template.jinja")


@functools.cache
def template() -> Any:
    jinja2 = pytest.importorskip("jinja2")
    sandbox = pytest.importorskip("jinja2.sandbox")
    # As transformers and llama.cpp set it up.
    environment = sandbox.ImmutableSandboxedEnvironment(
        loader=jinja2.BaseLoader(), trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


def templated(one: Dialogue) -> str:
    return template().render(messages=openai_messages(one), tools=openai_tools(one.tools))


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_that_is_learnt_is_what_the_chat_template_writes(kind):
    random = Random(1)
    for _ in range(20):
        one = dialogue(random, "all", kind)
        assert "".join(text for text, _ in render(one)) == templated(one)


def test_only_what_the_assistant_says_is_learnt():
    random = Random(2)
    for _ in range(100):
        one = dialogue(random, "train")
        learnt = [text for text, is_learnt in render(one) if is_learnt]
        assert len(learnt) == sum(message.supervised for message in one.messages)
        assert all(text.endswith("<|end|>") and "<|user|>" not in text for text in learnt)
