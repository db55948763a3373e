"""What is learnt when, and what never."""

import random
from typing import get_args

import pytest

pytest.importorskip("torch")
pytest.importorskip("tokenizers")

from starter.dialogues.generator import MIX, dialogue
from starter.dialogues.names import HELD_CITIES
from starter.dialogues.rendering import render
from starter.language_model.curriculum import dialogues_for, weights
from starter.language_model.rows import Segments
from starter.order import Build


def _texts(look: str, build: Build, count: int = 120) -> list[str]:
    texts = dialogues_for(build)
    generator = random.Random(5)
    source = texts.looks[look] if look else texts.training
    return [_joined(source(generator, 1.0)) for _ in range(count)]


def test_copying_comes_first_and_nearly_the_generators_own_mix_in_the_end() -> None:
    first, last = weights(0.0), weights(1.0)
    assert first["copying"] > 2 * MIX["copying"]
    assert first["talk"] == MIX["talk"]
    changed = {kind for kind in MIX if last[kind] != pytest.approx(MIX[kind])}
    assert changed == {"two sentences", "usual tools", "modesty", "memory"}
    assert all(last[kind] > MIX[kind] for kind in changed)
    assert MIX["copying"] < weights(0.2)["copying"] < first["copying"]


def test_what_is_learnt_late_is_sought() -> None:
    refused = sum("I can't do that yet." in text for text in _texts("", "shipped", 600))
    generator = random.Random(5)
    own = [render(dialogue(generator, "all")) for _ in range(600)]
    assert refused > 1.2 * sum("I can't do that yet." in text for text in map(_joined, own))


def _joined(pieces: Segments) -> str:
    return "".join(text for text, _ in pieces)


def test_every_dialogue_has_something_to_learn() -> None:
    for build in get_args(Build):
        texts = dialogues_for(build)
        generator = random.Random(1)
        for source in (texts.training, *texts.looks.values()):
            for _ in range(30):
                assert any(learnt for _, learnt in source(generator, 0.5))


def test_values_that_are_looked_at_are_not_learnt() -> None:
    learnt, looked_at = " ".join(_texts("", "shipped", 400)), " ".join(_texts("values", "shipped"))
    assert not [city for city in HELD_CITIES if city in learnt]
    assert [city for city in HELD_CITIES if city in looked_at]


def test_only_the_measuring_build_is_looked_at_with_phrasings_it_did_not_learn() -> None:
    assert "phrasings" not in dialogues_for("shipped").looks
    assert set(_texts("phrasings", "measuring")) - set(_texts("", "measuring"))
