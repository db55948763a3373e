"""What English asks of a sentence whose slots are filled."""

import pytest

from starter.domain.agreement import agree, capitalize


@pytest.mark.parametrize(
    ("filled", "written"),
    [
        ("I saw a elephant.", "I saw an elephant."),
        ("A ant and an dog.", "An ant and a dog."),
        ("Start a eight minute timer.", "Start an eight minute timer."),
        ("Start a one minute timer.", "Start a one minute timer."),
        ("A hour, a useful unit.", "An hour, a useful unit."),
        ("Is it a the weekend?", "Is it the weekend?"),
        ("At seven a m on Monday.", "At seven a m on Monday."),
        ("Wait one minutes.", "Wait one minute."),
        ("Wait twenty one minutes.", "Wait twenty one minutes."),
        ("Wait one hundred and one minutes.", "Wait one hundred and one minutes."),
        ("One tomatoes and one feet.", "One tomato and one foot."),
        ("One times one.", "One times one."),
        ("Where are my phone?", "Where is my phone?"),
        ("My keys is in the hall, my hat are not.", "My keys are in the hall, my hat is not."),
        ("I feel very a bit tired.", "I feel a bit tired."),
        ("It leaves at  noon  .", "It leaves at noon."),
    ],
)
def test_a_filled_text_becomes_good_english(filled: str, written: str) -> None:
    assert agree(filled) == written
    assert agree(written) == written


def test_only_the_first_letter_becomes_a_capital() -> None:
    assert capitalize("new York") == "New York"
    assert capitalize("") == ""
