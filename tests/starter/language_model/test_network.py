"""The network: what it may look at, and that its shortcuts change nothing."""

import pytest

torch = pytest.importorskip("torch")

from starter.language_model import network  # noqa: E402
from starter.language_model.network import Llama  # noqa: E402
from tests.starter.language_model import small  # noqa: E402


def _network() -> Llama:
    torch.manual_seed(2)
    return Llama(small.sizes(50))


def test_no_position_sees_what_comes_after_it() -> None:
    one, other = torch.tensor([[1, 2, 3, 4, 5]]), torch.tensor([[1, 2, 3, 9, 8]])
    llama = _network()
    torch.testing.assert_close(llama(one)[:3], llama(other)[:3])
    assert not torch.allclose(llama(one)[3], llama(other)[3])


def test_positions_matter() -> None:
    logits = _network()(torch.tensor([[7, 7, 3, 7]]))
    assert not torch.allclose(logits[0], logits[3])


def test_only_wanted_positions_are_computed_and_they_are_the_same() -> None:
    llama, ids = _network(), torch.randint(0, 50, (3, 7))
    wanted = torch.tensor([0, 8, 20])
    torch.testing.assert_close(llama(ids, wanted), llama(ids)[wanted])


def test_both_forms_of_attention_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    llama, ids = _network(), torch.randint(0, 50, (2, 12))
    plain = llama(ids)
    monkeypatch.setattr(network, "_PLAIN_ATTENTION", 4)
    torch.testing.assert_close(llama(ids), plain, atol=1e-5, rtol=1e-5)
