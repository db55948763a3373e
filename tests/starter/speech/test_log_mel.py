import numpy as np
import pytest

from starter.speech.log_mel import BANDS, log_mel, mel_filters, normalized


@pytest.fixture(scope="module")
def extractor():
    from faster_whisper.feature_extractor import FeatureExtractor

    return FeatureExtractor()


def sound(samples: int) -> np.ndarray:
    random = np.random.default_rng(5)
    melody = np.sin(np.cumsum(random.uniform(0.01, 1.5, samples)))
    return (0.2 * melody + random.normal(0, 0.01, samples)).astype(np.float32)


@pytest.mark.parametrize("samples", [16_000, 16_001, 40_159, 3_000])
def test_the_spectra_are_those_that_faster_whisper_computes(extractor, samples):
    audio = sound(samples)
    theirs = extractor(audio).T
    ours = log_mel(audio)
    assert ours.shape == theirs.shape == ((samples + 160) // 160, BANDS)
    assert np.abs(normalized(ours) - theirs).max() < 2e-3  # float16 keeps three digits


def test_the_filters_are_those_of_faster_whisper(extractor):
    assert np.abs(mel_filters() - extractor.mel_filters).max() < 1e-6


def test_silence_is_the_floor_and_not_clamped_to_the_loudest():
    audio = np.concatenate([np.zeros(16_000, np.float32), sound(16_000)])
    spectra = log_mel(audio)
    assert spectra.dtype == np.float16
    assert (spectra[:90] == -10).all()
    assert normalized(spectra).min() > -1.2
