import numpy as np
import pytest

from starter.errors import RecipeError
from starter.speech import flite
from starter.speech.festival import script
from starter.speech.speaker import Manner, Speaker, Speech
from starter.speech.voices import NEVER_LEARNT, VARIANTS, VOICES, speakers

TEXT = "Set a timer for five minutes."


def speaker(name: str, *, repeatable: bool = True) -> Speaker:
    try:
        return speakers([name], repeatable=repeatable)[0]
    except RecipeError as error:
        pytest.skip(str(error))


def seconds(speech: Speech) -> float:
    return len(speech.samples) / speech.rate


def pitch(speech: Speech) -> float:
    """Return the most frequent period's pitch, in Hz, over the loud parts."""
    size = speech.rate // 20
    frames = speech.samples[: len(speech.samples) // size * size].reshape(-1, size)
    loud = frames[np.sqrt(np.mean(frames**2, axis=1)) > 0.3 * np.abs(speech.samples).std()]
    spectra = np.abs(np.fft.rfft(loud, 2 * size, axis=1)) ** 2
    likeness = np.fft.irfft(spectra, axis=1)[:, : size // 2]
    first, last = speech.rate // 350, speech.rate // 70
    periods = first + np.argmax(likeness[:, first:last], axis=1)
    return float(speech.rate / np.median(periods))


def test_the_voices_have_the_names_that_rows_keep():
    names = {"espeak:en-us+f3", "flite:slt", "festival:voice_ked_diphone", "starter"}
    assert names <= VOICES.keys()
    assert all(voice.name == name for name, voice in VOICES.items())


def test_the_measuring_build_goes_without_two_voices_and_nobody_learns_twelve_variants():
    assert VOICES["flite:rms"].learnt_by == {"shipped"}
    assert VOICES["festival:voice_ked_diphone"].learnt_by == {"shipped"}
    never = {name for name, voice in VOICES.items() if not voice.learnt_by}
    assert {name.partition("+")[2] for name in never} == set(NEVER_LEARNT)
    assert len(never) == 8 * 12
    assert not set(NEVER_LEARNT) & set(VARIANTS)
    assert not VOICES["flite:slt"].held_out
    assert VOICES["flite:rms"].held_out


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("espeak:en-us+f3", 22_050),
        ("flite:kal", 8_000),
        ("flite:kal16", 16_000),
        ("flite:slt", 16_000),
        ("starter", 16_000),
    ],
)
def test_a_voice_speaks_at_its_rate_slower_when_asked_and_the_same_again(name, rate):
    voice = speaker(name)
    plain = voice.speak(TEXT)
    slow = voice.speak(TEXT, Manner(stretch=1.3))
    again = voice.speak(TEXT)
    assert (voice.name, plain.rate, plain.samples.dtype) == (name, rate, np.float32)
    assert 1.2 < seconds(plain) < 3.0
    assert seconds(slow) > 1.15 * seconds(plain)
    assert np.array_equal(plain.samples, again.samples)
    assert 0.1 < np.abs(plain.samples).max() <= 1.0


@pytest.mark.parametrize("name", ["espeak:en-us", "flite:slt", "flite:kal16"])
def test_a_voice_is_higher_when_asked(name):
    voice = speaker(name)
    assert pitch(voice.speak(TEXT, Manner(pitch=1.3))) > 1.15 * pitch(voice.speak(TEXT))


def test_festival_speaks_many_sentences_in_order_whatever_marks_they_have():
    voice = speaker("festival:voice_kal_diphone")
    requests = [("Stop.", Manner()), ('Say "two \\ words", please, slowly.', Manner(1.3, 1.2))]
    try:
        short, long = voice.speak_all(requests)
    except RecipeError as error:
        pytest.skip(str(error))
    assert (short.rate, long.rate) == (16_000, 16_000)
    assert 0.2 < seconds(short) < 0.5 * seconds(long)


def test_festivals_diphone_voices_get_a_melody_and_the_other_none(tmp_path):
    requests = [("Stop.", Manner(1.25, 1.2, 0.5))]
    assert script("voice_ked_diphone", requests, tmp_path).splitlines()[:3] == [
        "(voice_ked_diphone)",
        "(set! int_lr_params '((target_f0_mean 126.0) (target_f0_std 8.4)"
        " (model_f0_mean 170) (model_f0_std 34)))",
        "(Parameter.set 'Duration_Stretch 1.250)",
    ]
    assert "int_lr_params" not in script("voice_cmu_us_slt_arctic_hts", requests, tmp_path)


def test_espeak_inside_the_process_says_the_same_words():
    inside, afresh = (speaker("espeak:en-us+f3", repeatable=each) for each in (False, True))
    said, expected = inside.speak(TEXT), afresh.speak(TEXT)
    assert said.rate == expected.rate
    assert seconds(said) == pytest.approx(seconds(expected), rel=0.03)


def test_a_voice_with_nothing_to_say_is_silent():
    assert not speaker("flite:kal16").speak("").samples.any()
    assert not speaker("espeak:en-us").speak("").samples.any()


def test_a_variant_that_espeak_does_not_know_is_refused():
    from starter.speech.espeak import library

    speaker("espeak:en-us")
    with pytest.raises(RecipeError, match=r"knows no voice en-us\+nobody"):
        library().choose("en-us+nobody")


def test_a_missing_program_names_its_package_and_the_command(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RecipeError, match=r"install festival, .*apt install espeak-ng .*flite"):
        speakers(["festival:voice_kal_diphone"])


def test_a_missing_library_names_its_package():
    with pytest.raises(RecipeError, match=r"libflite_none\.so\.1 was not found; install libflite1"):
        flite._load("libflite_none.so.1")


def test_a_missing_voice_of_festival_names_its_package(monkeypatch):
    from starter.speech.festival import PACKAGE_OF, FestivalSpeaker

    speaker("festival:voice_kal_diphone")
    monkeypatch.setitem(PACKAGE_OF, "voice_nobody", "festvox-nobody")
    with pytest.raises(RecipeError, match="install festvox-nobody"):
        FestivalSpeaker("voice_nobody").speak("Hello.")
