from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from starter.voice import phones  # noqa: E402
from starter.voice.intonation import QuestionRise  # noqa: E402


def rise_of(text: str) -> torch.Tensor:
    numbers = phones.identifiers()
    symbols = phones.spelled(text)[0]
    steps = torch.tensor([0.0 if phones.is_silent(symbol) else 8.0 for symbol in symbols])
    rise: torch.Tensor = QuestionRise()(torch.tensor([numbers[one] for one in symbols]), steps)
    assert len(rise) == int(steps.sum())
    return rise


@pytest.mark.parametrize(
    "text", ["Are you ready?", "Will it rain in Paris?", "Was it good?", "And you?", "A timer?"]
)
def test_a_question_for_yes_or_no_rises_at_its_end(text: str) -> None:
    rise = rise_of(text)
    assert float(rise[0]) == 0
    assert float(rise[-1]) > 0.3
    assert bool((rise[1:] >= rise[:-1]).all())
    assert float(rise.diff().max()) < 0.2  # glides


@pytest.mark.parametrize(
    "text",
    [
        "You are ready.",
        "Where are you?",
        "What is the time?",
        "When does it begin?",
        "Why not?",
        "Who is there?",
        "Who's there?",
        "How are you?",
        "Which one do you want?",
        "Sure, what is your name?",
        "Yes!",
    ],
)
def test_statements_and_questions_with_a_question_word_do_not(text: str) -> None:
    assert not rise_of(text).any()
