from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

torch = pytest.importorskip("torch")

from starter.voice import flite, frames  # noqa: E402
from starter.voice.analysis import frames_of  # noqa: E402
from starter.voice.vocoder import Vocoder  # noqa: E402

pytestmark = pytest.mark.usefixtures("_flite")


def levels(audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Levels in dB of eight bands, every 10 ms."""
    count = (len(audio) - 400) // 160
    windows = np.stack([audio[at * 160 : at * 160 + 400] for at in range(count)])
    power = np.abs(np.fft.rfft(windows * np.hamming(400), 512)) ** 2
    edges = np.searchsorted(frames.mel_position(np.arange(257) * 31.25), np.linspace(0.08, 0.95, 9))
    bands = [power[:, low:high].mean(1) for low, high in pairwise(edges)]
    return 10 * np.log10(np.stack(bands, 1) + 1e-9)


def test_the_vocoder_makes_of_flites_tracks_what_flite_makes_of_them() -> None:
    tracks = flite.speak("The birch canoe slid on the smooth planks.")
    spoken = torch.from_numpy(frames_of(tracks))
    window = torch.cat([spoken[:1], spoken, spoken[-1:]])
    begin = torch.zeros(1, dtype=torch.int64)
    ours = levels(Vocoder()(window, begin.double(), begin)[0].numpy())
    its = levels(tracks.audio)
    count = min(len(ours), len(its))
    loud = its[:count].max(1) > its.max() - 35
    difference = (ours[:count] - its[:count])[loud]
    assert abs(difference.mean()) < 3
    assert np.abs(difference.mean(0) - difference.mean()).max() < 3
    assert difference.std() < 4


def test_pitch_goes_on_where_nothing_is_voiced() -> None:
    spoken = frames_of(flite.speak("Six fish.", with_audio=False))
    voicing = spoken[:, frames.VOICING]
    assert set(voicing) == {0.0, 1.0}
    assert np.exp(spoken[:, frames.PITCH]).min() > 100
    shares = spoken[:, frames.APERIODICITY :]
    assert shares.min() >= 0
    assert shares.max() <= 1
    assert shares[voicing == 0] == pytest.approx(1)
