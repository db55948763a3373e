"""Which voice speaks, with scripted voices of several rates."""

import pytest

from pipeline.engines import SpeakJob
from pipeline.engines.scripted import Meter, ScriptedVoice
from pipeline.engines.thread import StopToken
from pipeline.engines.voices import NamedVoice, VoicesByLanguage, chosen_voice


def voice(name, *languages, rate=16_000):
    return NamedVoice(name, languages, ScriptedVoice(Meter(), sample_rate=rate))


KRISTIN = voice("kristin", "en", rate=22_050)
NORMAN = voice("norman", "en", rate=22_050)
THORSTEN = voice("thorsten", "de")
ANYBODY = voice("anybody")
ESPEAK = voice("espeak-ng", "fr", "en", "de")


@pytest.mark.parametrize(
    ("name", "language", "speaker"),
    [
        ("", "", KRISTIN),
        ("", "en", KRISTIN),
        ("", "en-GB", KRISTIN),
        ("", "de", THORSTEN),
        ("", "de_AT", THORSTEN),
        ("norman", "en", NORMAN),
        ("norman", "", NORMAN),
        ("norman", "de", THORSTEN),
        ("nobody", "de", THORSTEN),
        ("", "fr", ESPEAK),
        ("thorsten", "fr", ESPEAK),
        ("", "xx", KRISTIN),
    ],
)
def test_the_voice_that_was_asked_for_speaks_if_it_can_and_else_its_language_s(
    name, language, speaker
):
    assert chosen_voice([KRISTIN, NORMAN, THORSTEN], name, language, ESPEAK) is speaker


def test_a_voice_of_unknown_language_is_given_anything():
    assert chosen_voice([ANYBODY, THORSTEN], "", "fr", ESPEAK) is ANYBODY


def spoken(voices, job):
    return list(voices.speak(job, stop=StopToken()))


def test_every_voice_comes_out_at_the_highest_rate_with_its_words_in_place():
    voices = VoicesByLanguage([KRISTIN, THORSTEN])
    assert voices.sample_rate == 22_050
    (low,) = spoken(voices, SpeakJob("Guten Tag.", language="de"))
    (high,) = spoken(voices, SpeakJob("Guten Tag.", language="en"))
    assert len(low.audio) == len(high.audio)
    for one, other in zip(low.words, high.words, strict=True):
        assert (one.start, one.end) == (other.start, other.end)
        assert abs(one.end_sample - other.end_sample) <= 2


def test_a_language_that_nobody_speaks_is_read_by_the_default_and_told_once(caplog):
    voices = VoicesByLanguage([KRISTIN])
    for _ in range(2):
        assert spoken(voices, SpeakJob("Bonjour.", language="fr"))
    assert len(caplog.records) == 1
    assert "engines.fallback_voice" in caplog.text


def test_the_fallback_s_rate_counts_too():
    assert VoicesByLanguage([THORSTEN], voice("espeak-ng", rate=22_050)).sample_rate == 22_050
