from datetime import date
from random import Random

import pytest

from starter.dialogues.clock import spoken_date, spoken_time, spoken_year
from starter.dialogues.generator import dialogue


@pytest.mark.parametrize(
    ("hour", "minute", "spoken"),
    [
        (0, 0, "midnight"),
        (0, 5, "twelve oh five in the morning"),
        (9, 0, "nine o'clock in the morning"),
        (12, 0, "noon"),
        (12, 30, "twelve thirty in the afternoon"),
        (15, 42, "three forty two in the afternoon"),
        (18, 0, "six o'clock in the evening"),
        (23, 59, "eleven fifty nine in the evening"),
    ],
)
def test_times_are_said_in_words(hour, minute, spoken):
    assert spoken_time(hour, minute) == spoken


def test_dates_are_said_in_words():
    assert spoken_date(date(2026, 3, 3)) == "Tuesday, March third"
    assert spoken_date(date(2027, 12, 31)) == "Friday, December thirty first"
    assert spoken_year(2026) == "twenty twenty six"


def test_nobody_guesses_a_time_that_the_prompt_does_not_tell():
    random = Random(1)
    for _ in range(200):
        one = dialogue(random, "train", "prompt")
        has_clock = ":" in (one.system or "")
        behaviours = {message.behaviour for message in one.messages}
        assert "time" not in behaviours or has_clock
        assert "time unknown" not in behaviours or not has_clock
