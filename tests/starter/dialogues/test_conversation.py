import json

from starter.dialogues.conversation import (
    Dialogue,
    Message,
    Parameter,
    Tool,
    ToolCall,
    openai_messages,
    openai_tools,
)

LIGHT = Tool(
    "set_light", (Parameter("room"), Parameter("brightness", "integer")), "Control a light."
)
CALL = ToolCall("set_light", {"room": "café", "brightness": 40})
DIALOGUE = Dialogue(
    "You are Nova.",
    (LIGHT,),
    (
        Message("user", "Forty percent in the café."),
        Message("assistant", "", supervised=True, tool_calls=(CALL,)),
        Message("tool", "ok"),
    ),
)


def test_tools_are_written_as_a_chat_completion_takes_them():
    (tool,) = openai_tools(DIALOGUE.tools)
    assert tool["type"] == "function"
    assert tool["function"] == {
        "name": "set_light",
        "description": "Control a light.",
        "parameters": {
            "type": "object",
            "properties": {"room": {"type": "string"}, "brightness": {"type": "integer"}},
            "required": ["room"],
        },
    }
    assert openai_tools(()) is None


def test_messages_are_written_as_a_chat_completion_takes_them():
    system, user, call, result = openai_messages(DIALOGUE)
    assert system == {"role": "system", "content": "You are Nova."}
    assert user == {"role": "user", "content": "Forty percent in the café."}
    assert call["content"] is None
    function = call["tool_calls"][0]["function"]
    assert function["name"] == "set_light"
    assert json.loads(function["arguments"]) == {"room": "café", "brightness": 40}
    assert result == {"role": "tool", "content": "ok"}


def test_the_prompt_of_a_message_is_what_was_said_before_it():
    assert [one["role"] for one in openai_messages(DIALOGUE, before=1)] == ["system", "user"]
    assert openai_messages(Dialogue(None, (), ())) == []
