from collections import Counter
from random import Random

import pytest

from starter.domain.spoken import Utterance
from starter.speech.casting import cast
from starter.speech.voices import VOICES

HELLO = Utterance("Hello.", "user")


@pytest.fixture(scope="module")
def takes():
    random = Random(7)
    return [cast(random, HELLO, held=False) for _ in range(6000)]


def test_no_voice_is_cast_that_no_build_may_learn_from(takes):
    assert all(VOICES[take.voice].learnt_by for take in takes)


def test_half_of_the_speech_is_espeaks_and_everybody_has_a_part(takes):
    families = Counter(VOICES[take.voice].family for take in takes)
    assert families["espeak"] == pytest.approx(3000, abs=200)
    assert families["reply"] == pytest.approx(780, abs=120)
    others = {name for name, voice in VOICES.items() if voice.family != "espeak"}
    assert others <= {take.voice for take in takes}
    assert len({take.voice for take in takes}) > 500


def test_one_family_can_speak_alone():
    random = Random(5)
    takes = [cast(random, HELLO, held=False, family="reply") for _ in range(20)]
    assert {take.voice for take in takes} == {"starter"}


def test_one_in_six_is_transmitted_and_one_in_three_echoes(takes):
    channels = Counter(take.channel for take in takes)
    assert channels["phone"] == pytest.approx(480, abs=100)
    assert channels["opus"] == pytest.approx(480, abs=100)
    assert sum(take.room is not None for take in takes) == pytest.approx(1800, abs=150)


def test_the_same_draw_is_the_same_take():
    assert cast(Random(3), HELLO, held=True) == cast(Random(3), HELLO, held=True)
    assert cast(Random(3), HELLO, held=True) != cast(Random(4), HELLO, held=True)
