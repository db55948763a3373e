import pytest

from starter.dialogues.conversation import Expected, ToolCall
from starter.dialogues.judging import judge, obeys_style, parse_calls

SUM = Expected(("Seven plus five is twelve.",), ("=twelve",))
TIME = Expected(("It's three oh five in the afternoon.",), ("three oh five in the afternoon",))
LIGHT = ToolCall("set_light", {"room": "kitchen", "brightness": 40})


@pytest.mark.parametrize(
    ("answer", "expected", "is_right"),
    [
        ("Seven plus five is twelve.", SUM, True),
        ("seven plus five is twelve", SUM, True),
        ("Seven plus five is twelve, I think.", SUM, False),
        ("Seven plus five is thirteen.", SUM, False),
        ("Three oh five in the afternoon!", TIME, True),
        ("", TIME, False),
        ("There are twenty one.", Expected((), ("twenty",)), False),
        ("There are twenty of them.", Expected((), ("twenty",)), True),
        ("It is minus five degrees.", Expected((), ("five degrees",)), False),
        ("It is minus five degrees.", Expected((), ("minus five degrees",)), True),
        ("Okay.", Expected(("Okay.", "All right.")), True),
        ("Okay then.", Expected(("Okay.", "All right.")), False),
    ],
)
def test_an_answer_is_judged_by_its_words(answer, expected, is_right):
    assert judge(answer, [], expected) == is_right


def test_a_call_is_right_with_its_name_and_all_arguments():
    wanted = Expected(call=LIGHT)
    assert judge("", [ToolCall("set_light", {"brightness": 40, "room": "Kitchen"})], wanted)
    assert not judge("", [ToolCall("set_light", {"room": "kitchen"})], wanted)
    assert not judge("", [ToolCall("set_light", {"room": "kitchen", "brightness": "40"})], wanted)
    assert not judge("", [ToolCall("light", dict(LIGHT.arguments))], wanted)
    assert not judge("The light is on.", [], wanted)
    assert not judge("", [LIGHT, LIGHT], wanted)


def test_a_call_that_nobody_asked_for_is_wrong_whatever_is_said():
    assert not judge("Okay.", [LIGHT], Expected(("Okay.",)))


def test_calls_are_read_from_the_text():
    text = '<tool_call>{"name": "set_light", "arguments": {"room": "kitchen"}}</tool_call>'
    assert parse_calls(text) == ("", [ToolCall("set_light", {"room": "kitchen"})])
    assert parse_calls("Hello.") == ("Hello.", [])


@pytest.mark.parametrize("body", ["{", "[]", '{"name": "a"}', '{"name": 1, "arguments": {}}'])
def test_a_call_that_cannot_be_read_is_no_right_call(body):
    _, calls = parse_calls(f"<tool_call>{body}</tool_call>")
    assert [call.name for call in calls] == [""]


def test_a_style_is_judged_apart_from_the_answer():
    pirate = Expected(("The capital of France is Paris.",), ("paris",), style="pirate")
    assert judge("Arr, the capital of France is Paris.", [], pirate)
    assert judge("The capital of France is Paris.", [], pirate)
    assert obeys_style("Arr, Paris.", pirate) is True
    assert obeys_style("Paris.", pirate) is False
    captain = Expected(("Okay.",), style="address", address="Captain")
    assert judge("Okay, Captain.", [], captain)
    assert obeys_style("Okay.", captain) is False
    brief = Expected(("Paris.",), style="brief")
    assert obeys_style("Paris.", brief) is True
    assert obeys_style("The capital of France is Paris.", brief) is False
    assert obeys_style("Anything.", Expected()) is None
