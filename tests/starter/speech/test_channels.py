import numpy as np
import pytest

from starter.speech.channels import over_opus, over_telephone

SECOND = np.arange(16_000) / 16_000


def tone(hertz: float) -> np.ndarray:
    return (0.2 * np.sin(2 * np.pi * hertz * SECOND)).astype(np.float32)


def decibels(after: np.ndarray, before: np.ndarray) -> float:
    middle = slice(2000, 14_000)
    return float(10 * np.log10(np.mean(after[middle] ** 2) / np.mean(before[middle] ** 2)))


def bursts() -> np.ndarray:
    noise = np.random.default_rng(3).normal(0, 0.1, 16_160)
    smooth = np.convolve(noise, np.hanning(16) / 8, "same")
    return (smooth * (np.sin(2 * np.pi * 3 * np.arange(16_160) / 16_000) > 0)).astype(np.float32)


def lag(after: np.ndarray, before: np.ndarray) -> int:
    shifts = range(-200, 201)
    likeness = [float(np.dot(np.roll(after, -shift), before)) for shift in shifts]
    return shifts[int(np.argmax(likeness))]


def test_a_telephone_keeps_one_kilohertz_and_loses_six():
    assert abs(decibels(over_telephone(tone(1000)), tone(1000))) < 0.5
    assert np.abs(over_telephone(tone(6000))[2000:14_000]).max() < 0.002


def test_a_telephone_is_heard_as_eight_bits():
    low = over_telephone(tone(1000))
    error = decibels(low - tone(1000), tone(1000))
    assert -45 < error < -25  # mu-law is about 37 dB below what it carries


@pytest.mark.parametrize("carried", [over_telephone, lambda audio: over_opus(audio, 24_000)])
def test_speech_is_as_long_as_before_and_in_its_place(carried):
    before = bursts()
    after = carried(before)
    assert after.dtype == np.float32
    assert after.shape == before.shape
    assert abs(lag(after, before)) <= 2


def test_fewer_bits_do_more_harm():
    harm = [decibels(over_opus(bursts(), rate) - bursts(), bursts()) for rate in (10_000, 32_000)]
    assert harm[0] > harm[1]
