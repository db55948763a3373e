"""A budget counts what earlier runs used, and ends on a signal."""

import os
import signal

from starter.training.budget import Budget, interruptible


def test_a_stopped_training_goes_on_with_what_it_had_left():
    now = [100.0]
    budget = Budget(60.0, spent_before=45.0, clock=lambda: now[0])
    assert (budget.spent, budget.share, budget.over) == (45.0, 0.75, False)
    now[0] = 116.0
    assert budget.share == 1.0
    assert budget.over


def test_no_budget_is_over_at_once():
    assert Budget(0.0).over


def test_a_first_signal_ends_the_training_after_its_step():
    budget = Budget(60.0)
    before = signal.getsignal(signal.SIGTERM)
    with interruptible(budget):
        os.kill(os.getpid(), signal.SIGTERM)
        assert budget.stopped
        assert budget.over
        assert signal.getsignal(signal.SIGTERM) == before
    assert signal.getsignal(signal.SIGINT) != budget.stop
