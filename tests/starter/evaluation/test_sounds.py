import numpy as np
import pytest

from starter.evaluation.silence import quiet_windows
from starter.evaluation.sounds import SOUNDS, babble, sound


@pytest.mark.parametrize("kind", SOUNDS)
def test_a_sound_is_as_long_as_asked_bounded_and_the_same_every_time(kind):
    made = sound(kind, np.random.default_rng(4), 20_000)
    assert made.shape == (20_000,)
    assert made.dtype == np.float32
    assert np.abs(made).max() <= 1
    assert np.array_equal(made, sound(kind, np.random.default_rng(4), 20_000))


def test_silence_is_silent_and_the_others_are_not():
    levels = {
        kind: 10 * np.log10(np.mean(sound(kind, np.random.default_rng(5), 16_000) ** 2.0))
        for kind in SOUNDS
    }
    assert levels.pop("silence") < -90
    assert min(levels.values()) > -50


def test_babble_has_all_its_speakers_all_the_time():
    voices = [np.full(4_000, 0.1, np.float32), np.full(9_000, -0.5, np.float32)]
    mixed = babble(voices, np.random.default_rng(6), 60_000, speakers=8)
    quiet = np.mean(np.abs(mixed.reshape(-1, 1000)).max(1) == 0)
    assert mixed.shape == (60_000,)
    assert quiet < 0.2


def test_some_minutes_hold_every_kind_in_windows_of_different_lengths():
    pieces = list(quiet_windows(120, 6.0))
    assert 120 <= sum(one.seconds for _, one in pieces) < 180
    assert {kind for kind, _ in pieces} == set(SOUNDS)
    assert all(1 <= one.seconds <= 6 for _, one in pieces)
    assert len({one.seconds for _, one in pieces}) > 20
