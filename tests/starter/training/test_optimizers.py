"""Muon and AdamW together find the way down; averages follow them."""

import pytest

torch = pytest.importorskip("torch")

from starter.training.averaging import MovingAverage  # noqa: E402
from starter.training.muon import orthogonalized  # noqa: E402
from starter.training.optimizers import Optimizers, Rates  # noqa: E402


def network():
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.GELU(), torch.nn.Linear(16, 3))


def optimizers(net) -> Optimizers:
    rates = Rates(muon=0.02, adamw=0.01, warm_up_steps=5)
    return Optimizers(
        net.named_parameters(), is_matrix=lambda _, value: value.ndim == 2, rates=rates
    )


def loss_of(net) -> object:
    rows = torch.linspace(-1, 1, 60).view(10, 6)
    return ((net(rows) - rows[:, :3].sin()) ** 2).mean()


def descend(net, both, steps, first=0) -> list[float]:
    losses = []
    for step in range(first, first + steps):
        loss = loss_of(net)
        loss.backward()
        both.step(step, share=0.0)
        losses.append(loss.item())
    return losses


def test_the_loss_falls():
    net = network()
    losses = descend(net, optimizers(net), 60)
    assert losses[-1] < 0.2 * losses[0]


def test_a_restored_optimizer_goes_on_as_if_never_stopped():
    through = network()
    whole = descend(through, optimizers(through), 12)
    stopped = network()
    both = optimizers(stopped)
    first = descend(stopped, both, 6)
    resumed = network()
    resumed.load_state_dict(stopped.state_dict())
    again = optimizers(resumed)
    again.restore(both.state())
    assert first + descend(resumed, again, 6, first=6) == pytest.approx(whole, rel=1e-6)


def test_rates_rise_hold_and_fall():
    rates = Rates(muon=1.0, adamw=1.0, warm_up_steps=10, hold=0.5)
    assert rates.factor(0, 0.0) == pytest.approx(0.1)
    assert rates.factor(10, 0.4) == 1.0
    assert rates.factor(10, 0.75) == pytest.approx(0.5)
    assert rates.factor(10, 1.0) == pytest.approx(0.01)


@pytest.mark.parametrize("shape", [(8, 8), (4, 12), (12, 4)])
def test_singular_values_come_close_to_one(shape):
    torch.manual_seed(2)
    values = torch.linalg.svdvals(orthogonalized(torch.randn(shape), 5))
    assert values.min() > 0.5
    assert values.max() < 1.5


def test_averages_lag_behind_and_are_put_back():
    net = network()
    average = MovingAverage(net, decay=0.9)
    before = [one.detach().clone() for one in net.parameters()]
    with torch.no_grad():
        for one in net.parameters():
            one.add_(1.0)
    average.update()
    with average.applied():
        inside = [one.detach().clone() for one in net.parameters()]
    for old, between, now in zip(before, inside, net.parameters(), strict=True):
        assert torch.all(old < between)
        assert torch.all(between < now)
    assert set(average.weights()) == {name for name, _ in net.named_parameters()}


def test_rates_of_another_height_rise_and_fall_as_before():
    rates = Rates(muon=0.02, adamw=0.01, warm_up_steps=7, hold=0.4)
    lower = rates.times(0.3)
    assert (lower.muon, lower.adamw) == pytest.approx((0.006, 0.003))
    assert [lower.factor(step, step / 20) for step in range(20)] == [
        rates.factor(step, step / 20) for step in range(20)
    ]
