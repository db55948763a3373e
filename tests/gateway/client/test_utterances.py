"""The utterances that come with Parley."""

from __future__ import annotations

from pathlib import Path

import pytest

import gateway.client
from gateway.client.demo import UTTERANCES, bundled

FOLDER = Path(gateway.client.__file__).parent / "utterances"
NAMES = sorted(path.stem for path in FOLDER.glob("*.wav"))


@pytest.mark.parametrize("name", NAMES)
def test_an_utterance_is_short_clean_speech(name):
    recording = bundled(name)
    begin, end = recording.speech()
    assert recording.rate == 16_000
    assert (FOLDER / f"{name}.wav").stat().st_size < 100_000
    assert 0.3 < (end - begin) / recording.rate < 2.5
    assert -35 < recording.rms_db() < -10
    assert f"{name}.wav" in (FOLDER / "README.md").read_text()


def test_what_the_demo_says_is_there():
    assert set(UTTERANCES) <= set(NAMES)
