from hypothesis import given
from hypothesis import strategies as st

from pipeline.agreement import LocalAgreement, joined
from pipeline.engines import Word


def words(text, *, each=0.3, start=0.0, probability=0.9):
    """Words of equal length, one after the other."""
    return [
        Word(word, start + number * each, start + (number + 1) * each, probability)
        for number, word in enumerate(text.split())
    ]


def update(agreement, text, *, heard=10.0, **timing):
    return agreement.update(text, words(text, **timing), heard=heard)


def test_nothing_is_stable_after_one_hypothesis():
    found = update(LocalAgreement(), "What is the")
    assert (found.text, found.stable, found.words) == ("What is the", 0, 0)


def test_words_on_which_two_hypotheses_agree_are_stable():
    agreement = LocalAgreement()
    update(agreement, "What is the cap")
    found = update(agreement, "What is the capital of")
    assert found.text == "What is the capital of"
    assert found.text[: found.stable] == "What is the"
    assert found.words == 3


def test_words_within_the_margin_are_not_stable_yet():
    agreement = LocalAgreement(margin=0.4)
    update(agreement, "What is the", heard=0.9)
    found = update(agreement, "What is the", heard=1.0)  # "is" ends at 0.6 s, "the" at 0.9 s
    assert found.text[: found.stable] == "What is"
    found = update(agreement, "What is the", heard=1.4)
    assert found.text[: found.stable] == "What is the"


def test_a_doubtful_word_holds_back_itself_and_all_behind_it():
    agreement = LocalAgreement(doubt=0.3)
    heard = [Word("turn", 0, 0.2, 0.9), Word("lift", 0.2, 0.4, 0.1), Word("on", 0.4, 0.6, 0.9)]
    agreement.update("turn lift on", heard, heard=5)
    found = agreement.update("turn lift on", heard, heard=5)
    assert found.text[: found.stable] == "turn"


def test_case_and_punctuation_are_no_disagreement():
    agreement = LocalAgreement()
    update(agreement, "well. what is it?")
    found = update(agreement, "Well, what is it?")
    assert found.text == "Well, what is it?"
    assert found.text[: found.stable] == "Well, what is it"


def test_punctuation_is_stable_only_when_a_word_follows():
    agreement = LocalAgreement()
    update(agreement, "Stop.")
    assert update(agreement, "Stop.").stable == len("Stop")
    update(agreement, "Stop, now")
    found = update(agreement, "Stop, now")
    assert found.text[: found.stable] == "Stop, now"


def test_a_later_contradiction_does_not_touch_the_stable_text():
    agreement = LocalAgreement()
    update(agreement, "I want two")
    update(agreement, "I want two")
    found = update(agreement, "I went to the shop")
    assert found.text.startswith("I want two")
    assert found.text == "I want two the shop"


def test_after_a_contradiction_further_words_become_stable_by_their_times():
    agreement = LocalAgreement()
    update(agreement, "I want two")
    update(agreement, "I want two")
    update(agreement, "I went to the shop")
    found = update(agreement, "I went to the shop now")
    assert found.text[: found.stable] == "I want two the shop"


def test_a_shifted_alignment_shows_no_word_twice():
    agreement = LocalAgreement()
    update(agreement, "play some jazz")
    update(agreement, "play some jazz")
    found = update(agreement, "pray some jazz music", start=0.2)
    assert found.text == "play some jazz music"


def test_a_shorter_hypothesis_keeps_the_stable_text():
    agreement = LocalAgreement()
    update(agreement, "What time is it")
    update(agreement, "What time is it")
    assert update(agreement, "").text == "What time is it"


def test_a_closed_window_is_stable_and_the_next_one_goes_on_behind_it():
    agreement = LocalAgreement()
    update(agreement, "Set a timer")
    update(agreement, "Set a timer")
    text = "Set a time for ten minutes."
    found = agreement.close(text, words(text))
    assert found.text[: found.stable] == "Set a timer for ten minutes"
    found = update(agreement, "And play")
    assert found.text == "Set a timer for ten minutes. And play"
    found = update(agreement, "And play")
    assert found.text[: found.stable] == "Set a timer for ten minutes. And play"
    assert found.words == 8


def test_a_sentence_end_counts_when_two_hypotheses_with_the_same_words_show_it():
    agreement = LocalAgreement()
    assert not update(agreement, "How are you?").punctuated_twice
    assert update(agreement, "How are you?").punctuated_twice
    assert not update(agreement, "How are you doing?").punctuated_twice
    assert not update(agreement, "How are you doing").punctuated_twice
    assert not update(agreement, "How are you doing?").punctuated_twice
    assert not update(agreement, "").punctuated_twice


def test_a_text_without_word_times_is_committed_by_agreement_alone():
    agreement = LocalAgreement()
    agreement.update("good morning every", (), heard=2)
    found = agreement.update("good morning everybody", (), heard=2)
    assert found.text[: found.stable] == "good morning"


def test_scripts_without_spaces_keep_theirs_out():
    agreement = LocalAgreement()
    heard = [Word("今日", 0, 0.3, 0.9), Word("は。", 0.3, 0.6, 0.9)]
    agreement.update("今日は。", heard, heard=5)
    found = agreement.update("今日は。", heard, heard=5)
    assert found.text == "今日は。"
    assert found.text[: found.stable] == "今日は"
    agreement.close("今日は。", heard)
    assert agreement.update("明日", [Word("明日", 0, 0.3, 0.9)], heard=5).text == "今日は。明日"


def test_windows_are_joined_as_their_script_is():
    assert joined(["One two.", "", "Three."]) == "One two. Three."
    assert joined(["今日は。", "明日"]) == "今日は。明日"
    assert joined([]) == ""


GUESSES = st.lists(
    st.tuples(
        st.lists(
            st.sampled_from(["a", "b", "c", "a,", "b.", "C?", "...", "'s", "今"]), max_size=6
        ).map(" ".join),
        st.floats(0, 4),
        st.booleans(),
    ),
    max_size=12,
)


@given(GUESSES)
def test_the_stable_text_only_ever_grows(guesses):
    agreement = LocalAgreement()
    stable = ""
    for text, heard, closes in guesses:
        if closes:
            found = agreement.close(text, words(text))
        else:
            found = update(agreement, text, heard=heard)
        assert found.text.startswith(stable)
        assert found.stable >= len(stable)
        stable = found.text[: found.stable]
