"""The detector that knows loudness only."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.engines import energy


def test_a_loud_block_is_speech_and_a_quiet_one_is_not() -> None:
    detector = energy.load().detector()
    assert detector.probability(np.zeros(512, np.int16)) == 0.0
    assert detector.probability(np.full(512, 3000, np.int16)) == 1.0
    assert detector.probability(np.zeros(512, np.int16)) == 0.0


def test_steady_noise_becomes_the_floor_and_speech_above_it_is_heard() -> None:
    detector = energy.load().detector()
    noise = np.random.default_rng(1).normal(0, 600, (3000, 512)).astype(np.int16)
    heard = [detector.probability(block) for block in noise]
    assert heard[0] == 1.0  # at first nobody can tell noise from speech
    assert heard[-1] == 0.0
    assert detector.probability((noise[0] * 6).astype(np.int16)) == 1.0


def test_resetting_forgets_the_noise() -> None:
    detector = energy.load().detector()
    block = np.full(512, 1000, np.int16)
    for _ in range(1000):
        detector.probability(block)
    assert detector.probability(block) == 0.0
    detector.reset()
    assert detector.probability(block) == 1.0


def test_another_block_size_is_refused() -> None:
    with pytest.raises(ValueError, match="block has shape"):
        energy.load().detector().probability(np.zeros(511, np.int16))
    with pytest.raises(ValueError, match="at least 1"):
        energy.load(0)
