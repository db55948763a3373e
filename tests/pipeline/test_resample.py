"""The resampler: exact lengths, right positions, clean signals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import AudioError
from pipeline.resample import Resampler, resampled_length

RATES = [8000, 12000, 16000, 22050, 24000, 44100, 48000]
PAIRS = [(source, target) for source in RATES for target in (8000, 16000, 24000, 48000)]


def through(resampler: Resampler, audio: np.ndarray, chunk: int) -> np.ndarray:
    parts = [resampler.process(audio[i : i + chunk]) for i in range(0, len(audio), chunk)]
    return np.concatenate([*parts, resampler.flush()])


@settings(max_examples=150, deadline=None)
@given(
    pair=st.sampled_from(PAIRS),
    chunks=st.lists(st.integers(0, 2000), max_size=12),
)
def test_the_output_is_exactly_as_long_as_the_rates_say(pair, chunks):
    resampler = Resampler(*pair)
    given_out = 0
    for chunk in chunks:
        given_out += len(resampler.process(np.ones(chunk, np.int16)))
        assert resampler.held >= 0
    held = resampler.held
    rest = resampler.flush()
    assert len(rest) == held
    assert given_out + len(rest) == resampled_length(sum(chunks), *pair)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_an_impulse_lands_where_it_belongs(source, target):
    audio = np.zeros(source, np.int16)
    audio[source // 2] = 30_000
    out = through(Resampler(source, target), audio, source // 50)
    energy = out.astype(float) ** 2
    centre = (np.arange(len(out)) * energy).sum() / energy.sum()
    assert abs(np.abs(out.astype(int)).argmax() - target // 2) <= 1
    assert abs(centre - target / 2) < 0.1


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_tone_keeps_its_level_and_its_phase(source, target):
    tone = np.sin(2 * np.pi * 997 * np.arange(source) / source) * 12_000
    out = through(Resampler(source, target), tone.astype(np.int16), 441).astype(float)
    ideal = np.sin(2 * np.pi * 997 * np.arange(len(out)) / target) * 12_000
    inner = slice(target // 10, -target // 10)
    error = ((out - ideal)[inner] ** 2).mean()
    assert 10 * np.log10((ideal[inner] ** 2).mean() / error) > 60


@pytest.mark.parametrize("hertz", [100, 300, 2000, 3400])
def test_the_whole_telephone_band_is_doubled_cleanly(hertz):
    tone = np.sin(2 * np.pi * hertz * np.arange(8000) / 8000) * 12_000
    out = through(Resampler(8000, 16_000), tone.astype(np.int16), 160)[2000:-2000].astype(float)
    ideal = np.sin(2 * np.pi * hertz * np.arange(2000, 14_000) / 16_000) * 12_000
    assert 10 * np.log10((ideal**2).mean() / ((out - ideal) ** 2).mean()) > 65


@pytest.mark.parametrize("value", [-1000, -3, 1, 2, 999])
def test_quiet_audio_is_rounded_not_cut_off(value):
    # One part in a million below a whole number would become the next one towards zero.
    out = through(Resampler(24_000, 16_000), np.full(24_000, value, np.int16), 480)
    assert set(out[1000:-1000].tolist()) == {value}


def test_a_ten_minute_stream_has_its_exact_length():
    resampler = Resampler(22_050, 16_000)
    chunk = np.ones(220_507, np.int16)
    length = sum(len(resampler.process(chunk)) for _ in range(60))
    assert length + len(resampler.flush()) == resampled_length(60 * 220_507, 22_050, 16_000)


def test_what_the_target_cannot_hold_is_filtered_out():
    tone = (np.sin(2 * np.pi * 11_000 * np.arange(48_000) / 48_000) * 12_000).astype(np.int16)
    out = through(Resampler(48_000, 16_000), tone, 960).astype(float)
    assert out[1000:-1000].std() < 5


@pytest.mark.parametrize(
    ("source", "bound_ms"), [(48_000, 40), (24_000, 40), (22_050, 45), (8000, 30), (12_000, 80)]
)
def test_no_more_is_held_back_than_documented(source, bound_ms):
    resampler = Resampler(source, 16_000)
    held = []
    for _ in range(100):
        resampler.process(np.zeros(source // 50, np.int16))
        held.append(resampler.held)
    assert max(held) / 16 <= bound_ms


def test_chunking_changes_nothing():
    audio = np.random.default_rng(2).integers(-9000, 9000, 11_025).astype(np.int16)
    whole = through(Resampler(22_050, 16_000), audio, len(audio))
    pieces = through(Resampler(22_050, 16_000), audio, 37)
    assert np.array_equal(whole, pieces)


def test_equal_rates_pass_samples_through_untouched():
    resampler = Resampler(16_000, 16_000)
    audio = np.arange(100, dtype=np.int16)
    assert resampler.process(audio) is audio
    assert resampler.held == 0
    assert len(resampler.flush()) == 0


def test_after_a_flush_the_next_stream_starts_anew():
    resampler = Resampler(24_000, 16_000)
    audio = np.random.default_rng(3).integers(-9000, 9000, 7001).astype(np.int16)
    first = through(resampler, audio, 480)
    assert len(first) == 4667
    assert np.array_equal(through(resampler, audio, 480), first)


def test_silence_stays_silent_and_loud_audio_is_clipped_not_wrapped():
    silence = through(Resampler(22_050, 16_000), np.zeros(4410, np.int16), 441)
    assert not silence.any()
    square = np.repeat(np.array([32_767, -32_768] * 50, np.int16), 40)
    out = through(Resampler(24_000, 48_000), square, 480).astype(int)
    assert out.max() == 32_767
    assert out.min() == -32_768
    assert (out[20:60] > 20_000).all()
    assert (out[100:140] < -20_000).all()


@pytest.mark.parametrize("audio", [np.zeros(4, np.float32), np.zeros((4, 1), np.int16)])
@pytest.mark.parametrize("source", [16_000, 24_000])
def test_other_types_and_shapes_are_refused(audio, source):
    with pytest.raises(AudioError, match="expected int16"):
        Resampler(source, 16_000).process(audio)


def test_a_rate_must_be_positive():
    with pytest.raises(AudioError, match="0 Hz"):
        Resampler(0, 16_000)
