"""The training: it learns, stops, and goes on."""

import random
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tokenizers")

from rich.console import Console  # noqa: E402

from starter.language_model.looks import fixed_batches, look  # noqa: E402
from starter.language_model.network import Llama  # noqa: E402
from starter.language_model.tokenizer import Tokenizer  # noqa: E402
from starter.language_model.training import Plan, Texts, Training  # noqa: E402
from starter.training.budget import Budget  # noqa: E402
from starter.training.checkpoint import load_checkpoint  # noqa: E402
from starter.training.curve import LearningCurve  # noqa: E402
from starter.training.machine import choose_machine  # noqa: E402
from starter.training.optimizers import Rates  # noqa: E402
from tests.starter.language_model import small  # noqa: E402

_PLAN = Plan(
    rates=Rates(muon=0.02, adamw=0.01, warm_up_steps=2),
    batch_tokens=500,
    averaging=0.5,
    look_seconds=5.0,
)
_TEXTS = Texts(small.dialogue, {"seen": small.dialogue}, dialogues=20)


class _Clock:
    """A clock that goes on by 10 ms whenever it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.01
        return self.now


def _training(seed: int = 1) -> Training:
    tokenizer = Tokenizer(small.vocabulary())
    machine = choose_machine("cpu", 1, seed)
    network = Llama(small.sizes(len(tokenizer.vocabulary.tokens)))
    return Training(network, tokenizer, _PLAN, machine, seed)


def _run(training: Training, folder: Path, seconds: float) -> LearningCurve:
    curve = LearningCurve(folder / "curve.jsonl")
    budget = Budget(seconds, training.progress["seconds"], _Clock())
    saved = (folder / "checkpoint.pt", "shipped", ("from nothing",))
    training.run(_TEXTS, budget, Console(quiet=True), curve=curve, saved=saved)
    return curve


def test_a_small_network_learns_to_answer(tmp_path: Path) -> None:
    points = _run(_training(), tmp_path, 30.0).points()
    assert float(points[0]["steps"]) < float(points[-1]["steps"])
    assert float(points[-1]["seen_loss"]) < 0.5 * float(points[0]["seen_loss"])


def test_a_stopped_training_goes_on_with_its_weights_its_optimizers_and_its_time(
    tmp_path: Path,
) -> None:
    first = _training()
    _run(first, tmp_path, 12.0)
    kept = load_checkpoint(tmp_path / "checkpoint.pt", kind="language-model")
    second = _training(seed=2)
    second.restore(kept)
    assert second.progress == first.progress
    again = second.checkpoint("shipped", kept.lineage)
    for name, weight in kept.weights.items():
        assert torch.equal(again.weights[name], weight)
    for name, weight in kept.optimizer["weights"].items():
        assert torch.equal(again.optimizer["weights"][name], weight)
    steps = first.progress["steps"]
    _run(second, tmp_path, 24.0)
    assert second.progress["steps"] > steps


def test_a_look_counts_answers_that_are_right_word_for_word() -> None:
    tokenizer = Tokenizer(small.vocabulary())
    batches = fixed_batches(small.dialogue, tokenizer, seed=1, dialogues=40, longest=200)
    assert sum(len(batch.ids) for batch in batches) == 40
    training = _training()
    seen = look(training._network, batches, training._precision())
    assert 3.0 < seen.loss < 9.0  # about the logarithm of the number of tokens
    assert seen.answers == 0.0


def test_a_fixed_set_is_always_the_same() -> None:
    tokenizer = Tokenizer(small.vocabulary())
    random.seed(5)
    one, other = (
        fixed_batches(small.dialogue, tokenizer, seed=1, dialogues=9, longest=200) for _ in range(2)
    )
    assert torch.equal(one[0].ids, other[0].ids)
