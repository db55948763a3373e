"""A training that is stopped goes on where it was."""

import itertools
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from starter.order import Order  # noqa: E402
from starter.recognizer.backgrounds import Backgrounds  # noqa: E402
from starter.recognizer.course import Course  # noqa: E402
from starter.recognizer.development import Development, development_sets  # noqa: E402
from starter.recognizer.training import Intervals, Training  # noqa: E402
from starter.recognizer.utterances import Utterance  # noqa: E402
from starter.training.budget import Budget  # noqa: E402
from starter.training.checkpoint import load_checkpoint  # noqa: E402
from starter.training.curve import LearningCurve  # noqa: E402
from starter.training.optimizers import Rates  # noqa: E402
from tests.starter.recognizer.tiny import (  # noqa: E402
    CPU,
    PHONES,
    QUIET,
    composer,
    network,
    order,
    tokens,
    utterances,
)

_NO_LOOKS = Development({})


def _training(folder: Path, minutes: float = 1.0) -> Training:
    asked: Order = order(folder, minutes)
    rates = Rates(muon=0.02, adamw=3e-3, warm_up_steps=1)
    return Training(network(), tokens(), PHONES, asked, CPU, rates, begun=False)


def _limited(training: Training, looks: int) -> None:
    """Let every look at the clock take a second."""
    clock = itertools.count(int(training.budget.spent_before))
    spent = training.budget.spent_before
    training.budget = Budget(spent + looks, spent, clock=lambda: float(next(clock)))


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    return utterances(tmp_path_factory.mktemp("speech"))


def test_a_stopped_training_goes_on_where_it_was(tmp_path: Path, known: list[Utterance]) -> None:
    first = _training(tmp_path)
    _limited(first, 12)
    first.run(composer(known), _NO_LOOKS, QUIET)
    assert first.steps > 1
    saved = load_checkpoint(order(tmp_path).checkpoint, kind="recognizer")
    second = _training(tmp_path, minutes=5.0)
    second.resume(saved)
    assert second.steps == first.steps
    assert second.budget.spent >= saved.progress["seconds"] > 0
    for ours, theirs in zip(second.network.parameters(), first.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    for name, weight in second.average.weights().items():
        assert torch.equal(weight, saved.weights[name])
    _limited(second, 12)
    second.run(composer(known), _NO_LOOKS, QUIET)
    assert second.steps > first.steps


def test_training_lowers_the_loss_and_writes_the_curve(
    tmp_path: Path, known: list[Utterance]
) -> None:
    training = _training(tmp_path)
    _limited(training, 90)
    training.run(composer(known), _NO_LOOKS, QUIET, intervals=Intervals(point=0))
    losses = [float(each["words"]) for each in LearningCurve(order(tmp_path).curve).points()]
    assert len(losses) > 10
    assert sum(losses[-4:]) < 0.85 * sum(losses[:4])


def test_a_look_measures_word_errors_of_every_set(tmp_path: Path, known: list[Utterance]) -> None:
    import numpy as np

    sets = development_sets(known, Backgrounds(known, np.random.default_rng(1), clips=1), items=4)
    errors = sets.word_errors(network(), tokens())
    assert set(errors) == {"clean", "salads", "joined", "noise", "nobody"}
    assert errors["clean"] > 0
    said = {name: items[0][1] for name, items in sets.sets.items()}
    assert said["nobody"] == ""
    assert said["joined"].count(" ") > said["clean"].count(" ")


def test_a_network_from_nothing_is_first_told_where_to_listen() -> None:
    begun, fresh = Course(begun=True), Course(begun=False)
    assert fresh.at(0.1).weights.gaussian
    assert fresh.at(0.1).padding_offset == -6
    assert not fresh.at(0.8).weights.gaussian
    assert fresh.at(0.8).padding_offset == 0
    assert begun.at(0.0).padding_offset == 0
    assert begun.at(0.9).token_noise < begun.at(0.1).token_noise
