from collections import Counter
from itertools import islice

from starter.dialogues.conversation import Dialogue, Expected, Message, ToolCall
from starter.evaluation.answering import (
    Answer,
    Question,
    _is_call,
    _is_spoken,
    _needs_no_made_up_tool,
    _validities,
    questions,
)


def test_questions_are_the_same_every_time_and_no_behaviour_outweighs_the_others():
    asked = list(questions("held_values", None, 80, per_behaviour=5))
    assert len(asked) == 80
    assert Counter(one.behaviour for one in asked).most_common(1)[0][1] <= 5
    assert len({(one.asked, repr(one.expected)) for one in asked}) == 80
    assert asked == list(questions("held_values", None, 80, per_behaviour=5))
    assert asked != list(questions("held_values", None, 80, per_behaviour=5, seed=1))
    assert all(one.dialogue.messages[one.at].supervised for one in asked)


def test_only_the_wanted_questions_are_asked():
    wanted = questions("train", "usual tools", 10, wanted=lambda one: one.expected.call is not None)
    assert all(one.expected.call for one in islice(wanted, 10))


def test_words_that_were_heard_take_the_place_of_those_that_were_said():
    messages = (Message("user", "Play Bach."), Message("assistant", "Fine.", supervised=True))
    question = Question(Dialogue(None, (), messages), 1, Expected(("Fine.",)), "music")
    heard = question.heard_as("Play back.")
    assert heard.asked == "Play back."
    assert heard.dialogue.messages[1] == messages[1]
    assert question.asked == "Play Bach."


def test_a_call_that_cannot_be_read_or_never_ends_is_no_valid_one():
    question = next(questions("train", "usual tools", 1))
    good, bad = ToolCall("set_timer", {"duration_s": 60}), ToolCall("", {})
    assert list(_validities(Answer(question, "", (good, bad), False))) == [True, False]
    assert list(_validities(Answer(question, '<tool_call>{"name"', (), False))) == [False]
    assert list(_validities(Answer(question, "No.", (), False))) == []


def test_answers_and_calls_of_made_up_tools_are_told_apart():
    asked = list(questions("held_values", None, 200, wanted=_needs_no_made_up_tool))
    behaviours = Counter(one.behaviour for one in asked)
    assert "tool call: made up" not in behaviours
    assert "tool call: timer" in behaviours
    assert len(behaviours) > 40
    made_up = list(questions("train", "unseen tools", 20, wanted=_is_call, per_behaviour=20))
    assert {one.behaviour for one in made_up} & set(behaviours) == set()


def test_a_question_that_is_spoken_was_a_user_s():
    for one in questions("held_values", None, 60, wanted=_is_spoken):
        assert one.dialogue.messages[one.at - 1].role == "user"
