"""Drills ask for what stands in the prompt, and for nothing else."""

import random

import pytest

pytest.importorskip("torch")

from starter.language_model.drills import drill


def test_every_answer_is_a_line_of_the_system_message_that_begins_as_asked() -> None:
    generator = random.Random(3)
    for _ in range(200):
        (shown, learnt), *turns = drill(generator)
        assert not learnt
        lines = shown.removeprefix("<|system|>").removesuffix("<|end|>").splitlines()
        answers = [text.removesuffix("<|end|>") for text, learnt in turns if learnt]
        asked = [
            text[len("<|user|>") :].split("<|end|>")[0] for text, learnt in turns if not learnt
        ]
        assert sorted(answers) == sorted(lines)
        assert all(line.startswith(word) for line, word in zip(answers, asked, strict=True))


def test_drills_are_rarely_the_same() -> None:
    generator = random.Random(4)
    assert len({"".join(text for text, _ in drill(generator)) for _ in range(300)}) == 300
