import numpy as np
import pytest

from starter.speech.clips import at_level, sampled, trimmed
from starter.speech.speaker import Speech


def noise(samples: int, level: float = 0.1) -> np.ndarray:
    return np.random.default_rng(2).normal(0, level, samples).astype(np.float32)


def test_the_silence_around_speech_is_cut_but_for_a_breath():
    silence = np.zeros(8000, np.float32)
    left = trimmed(np.concatenate([silence, noise(4000), silence]))
    assert left is not None
    assert 4440 < len(left) <= 4480


@pytest.mark.parametrize("audio", [np.zeros(0, np.float32), np.zeros(9000, np.float32), noise(900)])
def test_what_is_no_word_is_left_out(audio):
    assert trimmed(audio) is None


def test_speech_is_brought_to_one_level():
    for level in (0.001, 0.3):
        rms = np.sqrt(np.mean(at_level(noise(16_000, level)) ** 2))
        assert rms == pytest.approx(0.1, rel=1e-3)


def test_peaks_are_not_cut():
    click = np.zeros(1000, np.float32)
    click[500] = 0.3
    assert at_level(click).max() == pytest.approx(0.98)


def test_a_larger_speaker_is_longer_and_deeper():
    seconds = np.arange(22_050) / 22_050
    speech = Speech(np.sin(2 * np.pi * 880 * seconds).astype(np.float32), 22_050)
    assert len(sampled(speech)) == 16_000
    large = sampled(speech, 1.1)
    assert len(large) == 17_600
    pitch = np.argmax(np.abs(np.fft.rfft(large[:16_000])))
    assert pitch == pytest.approx(800, abs=2)


def test_what_needs_no_resampling_is_left_as_it_is():
    speech = Speech(noise(100), 16_000)
    assert sampled(speech) is speech.samples
