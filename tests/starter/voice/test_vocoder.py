from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from starter.voice import frames  # noqa: E402
from starter.voice.vocoder import Vocoder  # noqa: E402

BEGIN = torch.zeros(1, dtype=torch.int64)
START = torch.zeros(1, dtype=torch.float64)


def flat(count: int, *, voiced: bool, pitch: float = 200.0) -> torch.Tensor:
    """Frames of an even spectrum of power one."""
    spoken = torch.zeros(count + 2, frames.SIZE)
    spoken[:, frames.PITCH] = math.log(pitch)
    spoken[:, frames.VOICING] = float(voiced)
    spoken[:, frames.APERIODICITY :] = float(not voiced)
    return spoken


@pytest.mark.parametrize("voiced", [True, False])
def test_an_even_spectrum_has_the_power_one(voiced: bool) -> None:
    samples, _ = Vocoder()(flat(200, voiced=voiced), START, BEGIN)
    assert len(samples) == 200 * frames.HOP
    assert float(samples[400:].square().mean().sqrt()) == pytest.approx(1, abs=0.08)


def test_a_voice_repeats_itself_with_its_pitch() -> None:
    samples, _ = Vocoder()(flat(50, voiced=True, pitch=160.0), START, BEGIN)
    sound, period = samples.numpy()[800:], 100
    assert np.corrcoef(sound[:-period], sound[period:])[0, 1] > 0.98
    assert np.corrcoef(sound[: -period // 2], sound[period // 2 :])[0, 1] < 0.5


def test_windows_put_together_are_the_whole() -> None:
    generator = torch.Generator().manual_seed(0)
    spoken = torch.randn(62, frames.SIZE, generator=generator) * 0.3
    spoken[:, frames.PITCH] = torch.linspace(4.9, 5.4, 62)
    spoken[:, frames.VOICING] = (torch.arange(62) % 20 < 12).float()
    vocoder = Vocoder()
    whole, _ = vocoder(spoken, START, BEGIN)
    phase, parts = START, []
    for begin, end in ((0, 1), (1, 8), (8, 40), (40, 60)):
        part, phase = vocoder(spoken[begin : end + 2], phase, torch.tensor([begin]))
        parts.append(part)
    assert torch.allclose(torch.cat(parts), whole, atol=1e-5 * float(whole.abs().max()))


def test_a_window_needs_its_neighbours() -> None:
    spoken = flat(20, voiced=False)
    vocoder = Vocoder()
    whole, _ = vocoder(spoken, START, BEGIN)
    alone, _ = vocoder(spoken[10:], START, BEGIN)
    assert not torch.allclose(alone, whole[10 * frames.HOP :], atol=1e-2)


def test_noise_does_not_beat_with_the_frames() -> None:
    samples, _ = Vocoder()(flat(790, voiced=False), START, BEGIN)
    power = samples.reshape(-1, frames.HOP).square().mean(0)[: frames.HOP // 8 * 8]
    eighths = power.reshape(8, -1).mean(1)
    assert float(eighths.max() / eighths.min()) < 1.1
