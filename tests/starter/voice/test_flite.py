from __future__ import annotations

import ctypes
from collections.abc import Iterator

import numpy as np
import pytest

from starter.errors import RecipeError
from starter.voice import flite


@pytest.fixture
def _forgotten() -> Iterator[None]:
    flite._library.cache_clear()
    yield
    flite._library.cache_clear()


@pytest.mark.usefixtures("_forgotten")
def test_without_flite_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, mode: int = 0) -> ctypes.CDLL:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(flite.ctypes, "CDLL", missing)
    with pytest.raises(RecipeError, match="sudo apt-get install libflite1") as caught:
        flite.require()
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("_flite")
def test_tracks_and_sound_last_as_long_as_the_phones() -> None:
    tracks = flite.speak("Are you ready to go?")
    assert tracks.phones[:3] == ("pau", "aa", "r")
    assert tracks.phones[-1] == "pau"
    assert list(tracks.ends) == sorted(tracks.ends)
    seconds = len(tracks.pitch) * flite.FRAME_SECONDS
    assert tracks.ends[-1] == pytest.approx(seconds, abs=0.02)
    assert len(tracks.audio) / 16_000 == pytest.approx(seconds, abs=0.02)
    assert tracks.cepstra.shape == (len(tracks.pitch), 25)
    assert tracks.strengths.shape == (len(tracks.pitch), 5)
    assert 120 < np.median(tracks.pitch[tracks.pitch > 0]) < 250


@pytest.mark.usefixtures("_flite")
def test_tracks_are_the_same_without_sound() -> None:
    heard, unheard = (flite.speak("Good morning.", with_audio=one) for one in (True, False))
    assert len(unheard.audio) == 0
    assert np.array_equal(heard.cepstra, unheard.cepstra)
    assert np.array_equal(heard.pitch, unheard.pitch)
