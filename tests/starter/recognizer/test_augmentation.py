"""Noise at the level that is asked for, and silence that is silent."""

import numpy as np
import pytest

pytest.importorskip("torch")

from starter.recognizer.augmentation import mixed, power_level, silence_of
from starter.recognizer.sounds import SOUNDS, made, white
from starter.speech.log_mel import log_mel, normalized


def test_mixing_spectra_equals_mixing_waveforms() -> None:
    random = np.random.default_rng(1)
    time = np.arange(32_000) / 16_000
    speech = (0.2 * np.sin(2 * np.pi * 300 * time) * (np.sin(9 * time) > 0)).astype(np.float32)
    noise = random.normal(0, 1, 32_000).astype(np.float32)
    factor = np.sqrt(np.mean(speech**2) / np.mean(noise**2) / 10)  # 10 dB
    heard = log_mel((speech + factor * noise).astype(np.float32)).astype(np.float32)
    separate = mixed(log_mel(speech).astype(np.float32), log_mel(noise).astype(np.float32), 10.0)
    assert abs(power_level(heard) - power_level(separate)) < 0.05
    assert np.abs(np.median(heard - separate)) < 0.1


def test_silence_behind_a_spectrum_is_what_the_front_end_makes_of_zeros() -> None:
    sound = made(white, 1.0, np.random.default_rng(1))
    whole = normalized(log_mel(np.pad(sound, (0, 16_000))))
    alone = normalized(log_mel(sound))
    assert whole[-1].max() == pytest.approx(silence_of(alone), abs=0.01)


@pytest.mark.parametrize("kind", SOUNDS, ids=lambda kind: kind.__name__)
def test_every_sound_is_finite_and_not_too_loud(kind) -> None:
    sound = made(kind, 1.0, np.random.default_rng(2))
    assert sound.dtype == np.float32
    assert len(sound) == 16_000
    assert 1e-3 < np.abs(sound).max() < 1.1
