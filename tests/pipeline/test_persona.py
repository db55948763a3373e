from datetime import UTC, datetime

import pytest

from pipeline.persona import ClockPlacement, Persona, tell_time

NOON = datetime(2026, 3, 3, 15, 42, tzinfo=UTC)
SENTENCE = "Current time: Tuesday, 3 March 2026, 15:42."


def test_the_time_is_a_sentence_to_the_minute():
    assert tell_time(NOON) == SENTENCE


@pytest.mark.parametrize(
    ("clock", "system", "note"),
    [
        (ClockPlacement.OFF, "Be brief.", ""),
        (ClockPlacement.TURN, "Be brief.", SENTENCE),
        (ClockPlacement.SYSTEM, f"Be brief. {SENTENCE}", ""),
    ],
)
def test_the_time_stands_in_one_place_or_none(clock, system, note):
    persona = Persona("Be brief.", clock)
    assert persona.system(NOON) == system
    assert persona.note(NOON) == note


def test_without_instructions_the_system_message_is_the_time_alone():
    assert Persona("", ClockPlacement.SYSTEM).system(NOON) == SENTENCE
    assert Persona("").system(NOON) == ""
