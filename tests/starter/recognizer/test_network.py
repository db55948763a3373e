"""The encoder's sampled padding, and what attention is watched for."""

import pytest

torch = pytest.importorskip("torch")

import math  # noqa: E402

import numpy as np  # noqa: E402

from starter.recognizer.context import Contexts  # noqa: E402
from starter.recognizer.network import MARGIN, Padding, Watch  # noqa: E402
from tests.starter.recognizer.tiny import network  # noqa: E402


def _features(sound: int, frames: int) -> "torch.Tensor":
    generator = torch.Generator().manual_seed(1)
    features = torch.full((2, 80, frames), -0.8)
    features[..., :sound] = torch.randn(2, 80, sound, generator=generator)
    return features


def test_padding_by_its_positions_equals_padding_by_its_frames() -> None:
    sound, frames = 120, 300
    whole = _features(sound, frames)
    padding = Padding(torch.arange(sound // 2 + 1, frames // 2))
    with torch.no_grad():
        plain = network().encoder(whole, None).states
        sampled = network().encoder(whole[..., : sound + MARGIN], padding).states
    # The last position sees the border of the context, which sampled padding leaves out.
    assert torch.allclose(plain[:, :-1], sampled[:, :-1], atol=2e-3)


def test_a_few_positions_stand_for_many_by_their_weight() -> None:
    sound = 60
    features = _features(sound, sound + MARGIN)
    first = sound // 2 + 1
    with torch.no_grad():
        encoder = network().encoder
        encoder.positions[first:] = encoder.positions[first]
        every = encoder(features, Padding(torch.arange(first, first + 64))).states[:, :first]
        few = Padding(torch.arange(first, first + 4), math.log(64 / 4))
        weighted = encoder(features, few).states[:, :first]
    assert torch.allclose(every, weighted, atol=1e-4)


def test_contexts_reach_from_a_third_of_a_second_to_thirty() -> None:
    draw, contexts = np.random.default_rng(1), Contexts()
    drawn = [contexts.draw(150, draw) for _ in range(300)]
    assert all(int(each.positions.min()) >= 151 for each in drawn)
    assert all(int(each.positions.max()) < 1500 and len(each.positions) <= 16 for each in drawn)
    full = math.log((1500 - 151) / 16)
    share = sum(each.bias == pytest.approx(full) for each in drawn) / len(drawn)
    assert 0.3 < share < 0.55
    assert min(each.bias for each in drawn) < 0.5


def test_no_padding_is_left_behind_the_longest_sound() -> None:
    padding = Contexts(full=1.0).draw(1499, np.random.default_rng(1))
    assert len(padding.positions) == 0
    features = torch.zeros(1, 80, 2 * 1499 + MARGIN)
    with torch.no_grad():
        assert network().encoder(features, padding).states.shape[1] == 1500


def test_attention_at_the_right_place_costs_nothing_and_elsewhere_something() -> None:
    attention = torch.zeros(1, 2, 1, 200)
    attention[..., 50] = 1.0
    right, wrong = (
        Watch(torch.tensor([[center]]), reach=25, gaussian=False) for center in (60.0, 120.0)
    )
    right.look(attention)
    wrong.look(attention)
    assert float(right.loss) == pytest.approx(0, abs=1e-3)
    assert float(wrong.loss) > 5
    unknown = Watch(torch.tensor([[-1.0]]), reach=25, gaussian=True)
    unknown.look(attention)
    assert float(unknown.loss) == 0
