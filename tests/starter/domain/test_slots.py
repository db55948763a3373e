"""What may stand in a slot."""

import random
import re

import pytest

from starter.domain.slots import DRAWN, SLOTS, draw, fill
from starter.domain.templates import TEMPLATES


def slots_of(texts: list[str]) -> set[str]:
    return {slot.lower() for text in texts for slot in re.findall(r"\{(\w+)\}", text)}


def test_every_slot_that_a_template_or_a_value_names_exists() -> None:
    values = [value for each in SLOTS.values() for value in each]
    assert slots_of([*(one.text for one in TEMPLATES), *values]) <= {*SLOTS, *DRAWN}


def test_slots_within_values_are_filled_too() -> None:
    source = random.Random(1)
    tasks = {fill(source, "{task}") for _ in range(300)}
    assert not any("{" in task for task in tasks)
    assert any(task.startswith("call my ") for task in tasks)


@pytest.mark.parametrize(("slot", "most"), [("n10", 11), ("n20", 20), ("n60", 59), ("hr", 12)])
def test_a_number_slot_has_as_many_values_as_its_range(slot: str, most: int) -> None:
    source = random.Random(2)
    assert len({draw(source, slot) for _ in range(4000)}) == most


def test_an_unknown_slot_is_an_error() -> None:
    with pytest.raises(KeyError):
        fill(random.Random(1), "Play {nothing}.")
