import pytest

from pipeline.conversation import Conversation, Item
from pipeline.engines import Message
from pipeline.errors import UnknownItem


def conversation(*texts, max_items=200):
    made = Conversation(max_items=max_items)
    for number, text in enumerate(texts, 1):
        made.add(Item(f"i_{number}", "user" if number % 2 else "assistant", text))
    return made


def texts(made):
    return [item.text for item in made.items]


def test_the_prompt_is_the_system_message_and_all_items_in_order():
    assert conversation("Hi.", "Hello.").messages("Be brief.") == [
        Message("system", "Be brief."),
        Message("user", "Hi."),
        Message("assistant", "Hello."),
    ]


def test_without_instructions_there_is_no_system_message():
    assert conversation("Hi.").messages("") == [Message("user", "Hi.")]


def test_a_reply_that_has_no_text_yet_is_no_part_of_the_prompt():
    made = conversation("Hi.", "")
    assert made.messages("") == [Message("user", "Hi.")]
    made.say("i_2", "Hello.")
    assert made.messages("")[-1] == Message("assistant", "Hello.")


def test_a_note_is_seen_by_the_model_alone():
    made = Conversation()
    made.add(Item("i_1", "user", "Hi.", note="It is noon."))
    assert made.messages("") == [Message("user", "Hi.\n(It is noon.)")]
    assert texts(made) == ["Hi."]


def test_an_item_can_be_inserted_behind_another():
    made = conversation("one", "two")
    made.add(Item("new", "user", "between"), after="i_1")
    assert texts(made) == ["one", "between", "two"]


def test_the_oldest_items_go_first():
    made = conversation("one", "two", "three", max_items=2)
    assert texts(made) == ["two", "three"]


def test_an_item_inserted_into_a_full_conversation_costs_the_oldest():
    made = conversation("one", "two", max_items=2)
    made.add(Item("new", "user", "last"), after="i_2")
    assert texts(made) == ["two", "last"]


def test_a_cut_keeps_what_was_heard_and_says_so():
    made = conversation("Hi.", "Hello there, how are you?")
    made.cut("i_2", "Hello there,")
    assert made.items[1] == Item("i_2", "assistant", "Hello there,", truncated=True)


def test_a_reply_of_which_nothing_was_heard_ceases_to_exist():
    made = conversation("Hi.", "Hello.")
    made.cut("i_2", "")
    assert texts(made) == ["Hi."]


def test_a_cut_keeps_an_items_note_and_role():
    made = Conversation()
    made.add(Item("i_1", "user", "Hi there.", note="noon"))
    made.cut("i_1", "Hi")
    assert made.items == (Item("i_1", "user", "Hi", truncated=True, note="noon"),)


def test_a_deleted_item_may_be_said_and_cut_without_coming_back():
    made = conversation("Hi.", "Hello.")
    made.delete("i_2")
    made.say("i_2", "Hello again.")
    made.cut("i_2", "Hello")
    assert texts(made) == ["Hi."]


def test_an_item_that_does_not_exist_is_named():
    made = conversation("Hi.")
    with pytest.raises(UnknownItem, match="'i_9'"):
        made.delete("i_9")
    with pytest.raises(UnknownItem, match="'i_9'"):
        made.add(Item("new", "user", "x"), after="i_9")
    assert texts(made) == ["Hi."]


def test_what_was_handed_out_does_not_change_later():
    made = conversation("Hi.")
    before = made.items
    made.delete("i_1")
    assert [item.text for item in before] == ["Hi."]
