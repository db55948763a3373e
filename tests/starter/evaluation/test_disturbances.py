import numpy as np
import pytest

from starter.evaluation.disturbances import (
    beginning_cut,
    in_room,
    over_mu_law,
    over_opus,
    with_noise,
)

RATE = 16_000


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype("f4")


def level(sound: np.ndarray) -> float:
    return 10 * np.log10(np.mean(np.square(sound, dtype=np.float64)))


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def test_noise_lies_as_far_below_the_speech_as_was_asked_silence_aside():
    speech = np.pad(tone(200), (RATE, RATE))
    noise = np.random.default_rng(1).standard_normal(speech.size).astype("f4")
    added = with_noise(speech, noise, 10) - speech
    assert level(speech[RATE : 2 * RATE]) - level(added) == pytest.approx(10, abs=0.1)


def test_a_telephone_keeps_300_hz_in_place_and_nothing_above_4_khz():
    low, high = tone(300), tone(6000)
    assert correlation(over_mu_law(low), low) > 0.999
    assert level(over_mu_law(high)) < level(high) - 30


def test_opus_keeps_speech_like_sound_in_its_place():
    time = np.arange(2 * RATE) / RATE
    buzz = sum(np.sin(2 * np.pi * 120 * n * time) / n for n in range(1, 20))
    sound = (0.1 * buzz * (1 + np.sin(2 * np.pi * 4 * time)) / 2).astype("f4")
    heard = over_opus(sound)
    assert heard.shape == sound.shape
    envelopes = [np.abs(one).reshape(-1, 400).mean(1) for one in (sound, heard)]
    assert correlation(*envelopes) > 0.95
    shifted = np.roll(envelopes[1], 2)
    assert correlation(envelopes[0], shifted) < correlation(*envelopes)


def test_a_room_adds_a_tail_and_leaves_the_direct_sound_first():
    click = np.zeros(RATE, "f4")
    click[0] = 1
    heard = in_room(click, np.random.default_rng(2))
    assert heard[0] == pytest.approx(1, abs=1e-3)
    assert np.abs(heard[1:30]).max() < 1e-3
    assert -11 < 10 * np.log10(np.sum(heard[1:].astype("f8") ** 2)) < -2


def test_the_beginning_is_cut_50_ms_into_the_first_sound():
    speech = np.concatenate([np.full(3000, 1e-4, "f4"), tone(400)])
    cut = beginning_cut(speech)
    assert speech.size - cut.size == pytest.approx(3000 + 0.05 * RATE, abs=5)
