from datetime import UTC, datetime

import gguf
import pytest

from pipeline.engines import Message
from pipeline.engines.chat_template import CHATML, ChatTemplate, merge_roles, split_turns
from pipeline.errors import EngineUnavailable

NOW = datetime(2026, 3, 3, 15, 42, tzinfo=UTC)

# Layouts as the model families publish them, in templates of our own.
LLAMA_3 = """{{- bos_token }}
{%- if messages[0].role == 'system' %}{% set system = messages[0].content | trim %}
{%- set messages = messages[1:] %}{%- else %}{% set system = '' %}{%- endif %}
{{- '<|start_header_id|>system<|end_header_id|>\n\nToday Date: ' }}
{{- strftime_now('%d %b %Y') + '\n\n' + system + '<|eot_id|>' }}
{%- for message in messages %}
{{- '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' }}
{{- message.content | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %}"""

GEMMA = """{{ bos_token }}
{%- if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}
{%- for message in messages %}
{%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}
{{- raise_exception('Roles must alternate user/assistant/user/assistant/...') }}
{%- endif %}
{%- set role = 'model' if message.role == 'assistant' else message.role %}
{{- '<start_of_turn>' + role + '\n' + message.content | trim + '<end_of_turn>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"""

GEMMA_3 = """{{ bos_token }}
{%- if messages[0].role == 'system' %}{% set prefix = messages[0].content + '\n\n' %}
{%- set loop_messages = messages[1:] %}
{%- else %}{% set prefix = '' %}{% set loop_messages = messages %}{% endif %}
{%- for message in loop_messages %}
{%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}
{{- raise_exception('Conversation roles must alternate') }}
{%- endif %}
{{- '<start_of_turn>' + ('model' if message.role == 'assistant' else 'user') + '\n' }}
{{- (prefix if loop.first else '') + message.content | trim + '<end_of_turn>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"""

QWEN_3 = """{%- for message in messages %}
{%- set content = message.content %}
{%- if message.role == 'assistant' and '</think>' in content %}
{%- set content = content.split('</think>')[-1].lstrip('\n') %}{%- endif %}
{{- '<|im_start|>' + message.role + '\n' + content + '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}
{{- '<think>\n\n</think>\n\n' }}{%- endif %}{%- endif %}"""

SYSTEM = Message("system", "Be kind.")
ASKS = Message("user", "Hi.")
ANSWERS = Message("assistant", "Hello!")
GOES_ON = Message("user", "And you?")


def template(source, bos="<s>"):
    return ChatTemplate(source, bos=bos, eos="</s>", now=lambda: NOW)


def test_chatml_shows_roles_and_ends_with_the_assistants_header():
    assert template(CHATML).render([SYSTEM, ASKS, ANSWERS, GOES_ON]) == (
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi.<|im_end|>\n"
        "<|im_start|>assistant\nHello!<|im_end|>\n<|im_start|>user\nAnd you?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_a_llama_template_gets_its_first_token_and_the_injected_date():
    assert template(LLAMA_3, bos="<|begin_of_text|>").render([SYSTEM, ASKS]) == (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nToday Date: 03 Mar 2026\n\n"
        "Be kind.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi.<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )


def test_a_template_that_refuses_a_system_message_gets_it_in_the_first_user_message():
    assert template(GEMMA, bos="<bos>").render([SYSTEM, ASKS, ANSWERS, GOES_ON]) == (
        "<bos><start_of_turn>user\nBe kind.\n\nHi.<end_of_turn>\n"
        "<start_of_turn>model\nHello!<end_of_turn>\n<start_of_turn>user\nAnd you?<end_of_turn>\n"
        "<start_of_turn>model\n"
    )


def test_a_template_that_drops_a_system_message_silently_gets_it_the_same_way():
    forgetful = "{% for m in messages if m.role != 'system' %}[{{ m.content }}]{% endfor %}"
    assert template(forgetful).render([SYSTEM, ASKS]) == "[Be kind.\n\nHi.]"


@pytest.mark.parametrize("source", [GEMMA, GEMMA_3], ids=["gemma", "gemma-3"])
def test_a_greeting_comes_after_the_instructions_where_the_user_must_begin(source):
    assert template(source, bos="").render([SYSTEM, ANSWERS, ASKS]) == (
        "<start_of_turn>user\nBe kind.<end_of_turn>\n<start_of_turn>model\nHello!<end_of_turn>\n"
        "<start_of_turn>user\nHi.<end_of_turn>\n<start_of_turn>model\n"
    )


def test_a_greeting_without_instructions_follows_an_invented_hello():
    assert (
        template(GEMMA, bos="")
        .render([ANSWERS, ASKS])
        .startswith("<start_of_turn>user\nHello.<end_of_turn>\n<start_of_turn>model\nHello!")
    )


def test_a_greeting_stands_alone_where_the_template_allows_it():
    assert (
        template(CHATML)
        .render([SYSTEM, ANSWERS, ASKS])
        .startswith(
            "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>\n"
        )
    )


def test_repeated_roles_are_joined_before_a_strict_template_sees_them():
    prompt = template(GEMMA, bos="").render([ASKS, GOES_ON, ANSWERS, ANSWERS, ASKS])
    assert "user\nHi. And you?<end_of_turn>" in prompt
    assert "model\nHello! Hello!<end_of_turn>" in prompt


def test_a_reasoning_model_is_told_not_to_think():
    prompt = template(QWEN_3).render([ASKS, ANSWERS, GOES_ON])
    assert prompt.endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert prompt.count("<think>") == 1


def test_an_empty_conversation_still_renders():
    assert template(GEMMA, bos="").render([]).endswith("<start_of_turn>model\n")


def test_a_template_that_cannot_be_parsed_is_refused_with_its_reason():
    with pytest.raises(EngineUnavailable, match="cannot be read"):
        template("{% for message in %}")


def test_a_template_that_refuses_everything_is_refused_when_it_is_made():
    with pytest.raises(EngineUnavailable, match="no, thanks"):
        template("{{ raise_exception('no, thanks') }}")


def test_a_template_cannot_reach_out_of_its_sandbox():
    with pytest.raises(EngineUnavailable, match="unsafe"):
        template("{{ ''.__class__.__mro__[1].__subclasses__() }}")


def test_training_marks_are_transparent():
    marked = "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}"
    assert template(marked).render([ASKS]) == "Hi."


def test_json_in_a_template_is_not_escaped_for_html():
    assert template("{{ messages[0].content | tojson }}").render([Message("user", "é<a>")]) == (
        '"é<a>"'
    )


def test_merging_drops_empty_messages_and_joins_what_then_meets():
    empty = Message("assistant", " ")
    assert merge_roles([SYSTEM, ASKS, empty, GOES_ON]) == [SYSTEM, Message("user", "Hi. And you?")]


def test_turns_begin_at_user_messages_and_a_greeting_is_one():
    assert split_turns([SYSTEM, ANSWERS, ASKS, ANSWERS, GOES_ON]) == (
        [SYSTEM],
        [[ANSWERS], [ASKS, ANSWERS], [GOES_ON]],
    )


def test_a_reminder_belongs_to_the_turn_that_follows_it():
    reminder = Message("system", "It is late.")
    assert split_turns([SYSTEM, ASKS, ANSWERS, reminder, GOES_ON]) == (
        [SYSTEM],
        [[ASKS, ANSWERS], [reminder, GOES_ON]],
    )


def test_a_reminder_stands_alone_where_the_template_allows_it():
    talk = [SYSTEM, ASKS, ANSWERS, Message("system", "It is late."), GOES_ON]
    assert "<|im_start|>system\nIt is late.<|im_end|>\n<|im_start|>user\nAnd you?" in (
        template(CHATML).render(talk)
    )


def test_a_reminder_joins_the_user_message_where_the_template_refuses_it():
    talk = [SYSTEM, ASKS, ANSWERS, Message("system", "It is late."), GOES_ON]
    assert template(GEMMA_3, bos="").render(talk) == (
        "<start_of_turn>user\nBe kind.\n\nHi.<end_of_turn>\n<start_of_turn>model\nHello!"
        "<end_of_turn>\n<start_of_turn>user\nIt is late.\n\nAnd you?<end_of_turn>\n"
        "<start_of_turn>model\n"
    )


def test_the_starters_template_has_one_token_a_role():
    reader = gguf.GGUFReader("starter/models/language-model/starter-q8_0.gguf")
    source = reader.fields["tokenizer.chat_template"].contents()
    assert template(source, bos="").render([SYSTEM, ASKS, ANSWERS, GOES_ON]) == (
        "<|system|>Be kind.<|end|><|user|>Hi.<|end|><|assistant|>Hello!<|end|>"
        "<|user|>And you?<|end|><|assistant|>"
    )
