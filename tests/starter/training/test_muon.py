"""Muon's step: what becomes of a gradient, and that it minimizes."""

import pytest

torch = pytest.importorskip("torch")

from starter.training.muon import Muon, orthogonalized  # noqa: E402


def test_singular_values_end_near_one() -> None:
    generator = torch.Generator().manual_seed(1)
    for shape in ((24, 24), (48, 16), (16, 48)):
        matrix = torch.randn(shape, generator=generator)
        values = torch.linalg.svdvals(orthogonalized(matrix, steps=5))
        assert values.min() > 0.3
        assert values.max() < 1.5


def test_the_sign_of_a_single_number_is_kept() -> None:
    assert orthogonalized(torch.tensor([[-3.0]])).item() < -0.5


def test_it_finds_the_matrix_that_explains_what_is_seen() -> None:
    generator = torch.Generator().manual_seed(2)
    inputs = torch.randn(64, 8, generator=generator)
    wanted = inputs @ torch.randn(8, 4, generator=generator)
    matrix = torch.nn.Parameter(torch.zeros(8, 4))
    muon, losses = Muon([matrix], lr=0.05), []
    for step in range(300):
        for group in muon.param_groups:
            group["lr"] = 0.05 * (1 - step / 300)
        loss = ((inputs @ matrix - wanted) ** 2).mean()
        loss.backward()
        losses.append(loss.item())
        muon.step()
        muon.zero_grad()
    assert losses[-1] < 0.01 * losses[0]
