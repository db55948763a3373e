"""Where the engines run: decided by the configuration, the machine, and what works there."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from gateway.engine_loading import (
    load_language_model,
    load_recognizers,
    load_voice,
    load_voices,
    place,
    voices_of,
)
from gateway.provisioning.hardware import Hardware
from pipeline.devices import Gpu
from pipeline.engines import SpeakJob
from pipeline.engines.recognizers import RecognizersByLanguage
from pipeline.engines.thread import StopToken
from pipeline.engines.voices import VoicesByLanguage
from pipeline.errors import EngineUnavailable, ModelError
from pipeline.models import Catalogue
from tests.end_to_end.servers import config
from tests.models import tiny_whisper

GPU = Gpu("RTX 3060", 12_000_000_000, (8, 6), "550")
PLAIN = Hardware("EPYC", "x86_64", 8, 8)
WITH_GPU = Hardware("EPYC", "x86_64", 8, 8, gpus=(GPU,))
WORKS = dict.fromkeys(("stt", "llm", "tts"), lambda: "")
FAILS = {
    "stt": lambda: "libcublas.so.12 is missing; pip install nvidia-cublas-cu12",
    "llm": lambda: "llama.cpp finds no GPU",
    "tts": lambda: "this onnxruntime is built without CUDA",
}


def unasked():
    raise AssertionError("nobody should have asked")


def engines(**values):
    return config(engines=values)


def test_without_a_gpu_nothing_is_asked_and_all_cores_are_shared():
    found = place(engines(), PLAIN, dict.fromkeys(("stt", "llm", "tts"), unasked))
    assert dict(found.devices) == {"stt": "auto", "llm": "auto", "tts": "cpu"}
    assert found.threads.total == 8


def test_with_a_gpu_that_works_the_voice_alone_stays_on_the_cpu():
    found = place(engines(), WITH_GPU, WORKS)
    assert dict(found.devices) == {"stt": "cuda", "llm": "cuda", "tts": "cpu"}
    assert found.gpu == GPU
    assert found.threads.recognizer.total == found.threads.language_model.total == 1
    assert "recognizer CUDA" in found.describe()


def test_with_a_gpu_that_does_not_work_the_missing_package_is_named_and_the_cpu_taken(caplog):
    found = place(engines(), WITH_GPU, FAILS)
    assert dict(found.devices) == dict.fromkeys(("stt", "llm", "tts"), "cpu")
    assert found.threads.language_model.threads == 4
    assert "nvidia-cublas-cu12" in caplog.text


@pytest.mark.parametrize("engine", ["stt", "llm", "tts"])
def test_cuda_that_was_asked_for_and_does_not_work_stops_the_start(engine):
    with pytest.raises(EngineUnavailable, match=f"engines.{engine}_device"):
        place(engines(**{f"{engine}_device": "cuda"}), PLAIN, FAILS)


def test_placement_may_be_mixed():
    found = place(engines(device="cpu", stt_device="cuda"), WITH_GPU, WORKS)
    assert dict(found.devices) == {"stt": "cuda", "llm": "cpu", "tts": "cpu"}
    assert found.threads.language_model.threads > 4


def test_one_device_for_all_does_not_include_the_voice_which_has_its_own():
    assert place(engines(device="cuda"), WITH_GPU, WORKS).device("tts") == "cpu"
    assert place(engines(tts_device="cuda"), WITH_GPU, WORKS).device("tts") == "cuda"


def test_threads_that_are_configured_are_taken_as_they_are():
    plan = place(engines(stt_threads=3, llm_threads=5, tts_threads=2), PLAIN, WORKS).threads
    assert (plan.recognizer.threads, plan.language_model.threads, plan.voice.threads) == (3, 5, 2)


def test_a_setting_that_an_engine_does_not_have_names_its_model():
    profile = Catalogue.load().profile("starter")
    placement = place(engines(), PLAIN, WORKS)
    with pytest.raises(ModelError, match="starter-voice"):
        load_voice(replace(profile.voice, settings={"nonsense": 1}), placement)
    with pytest.raises(ModelError, match="context_tokens is 0"):
        load_language_model(
            replace(profile.language_model, settings={"context_tokens": 0}), placement
        )


# -- languages ------------------------------------------------------------------------------------


def speak(engine, text, **more):
    stretches = engine.speak(SpeakJob(text, **more), stop=StopToken())
    return np.concatenate([stretch.audio for stretch in stretches])


@pytest.fixture(scope="module")
def starter():
    return Catalogue.load().profile("starter")


def named(model, name, *languages, **settings):
    return replace(model, id=name, languages=languages, settings=settings)


@pytest.mark.engines
def test_a_profile_with_one_voice_gives_that_voice(starter):
    voice = load_voices(starter, place(engines(), PLAIN, WORKS))
    assert voice.sample_rate == 16_000
    assert not isinstance(voice, VoicesByLanguage)
    assert [model.id for model in voices_of(starter)] == ["starter-voice"]


@pytest.mark.engines
def test_voices_by_language_are_loaded_and_chosen(starter):
    slow = named(starter.voice, "slow", "de", length_scale=2.0)
    profile = replace(starter, voices={"de": slow, "fr": slow})
    voice = load_voices(profile, place(engines(), PLAIN, WORKS))
    assert [model.id for model in voices_of(profile)] == ["starter-voice", "slow"]
    english = speak(voice, "Good day.", language="en")
    assert len(speak(voice, "Good day.", language="de")) > 1.5 * len(english)
    assert len(speak(voice, "Good day.", language="fr")) > 1.5 * len(english)
    assert len(speak(voice, "Good day.", language="en", voice="slow")) == len(english)


@pytest.mark.engines
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_the_voice_of_last_resort_speaks_what_no_voice_of_the_profile_does(starter):
    voice = load_voices(starter, place(engines(), PLAIN, WORKS), fallback=True)
    assert voice.sample_rate == 22_050
    assert len(speak(voice, "Dzień dobry.", language="pl")) > 5000
    assert not np.array_equal(
        speak(voice, "Die Nation.", language="de"), speak(voice, "Die Nation.", language="en")
    )


@pytest.mark.engines
def test_espeak_may_be_a_profile_s_own_voice(starter):
    robot = replace(starter.voice, id="robot", engine="espeak-ng", settings={"nonsense": 1})
    with pytest.raises(ModelError, match=r"models.robot.settings"):
        load_voice(robot, place(engines(), PLAIN, WORKS))


@pytest.mark.engines
def test_recognizers_by_language_are_loaded_once_each(starter, tmp_path):
    tiny = replace(
        starter.recognizer,
        id="tiny",
        path=tiny_whisper.build(tmp_path / "tiny", multilingual=True),
        settings={"window_seconds": 4.0},
    )
    profile = replace(starter, recognizers={"de": tiny, "fr": tiny, "en": starter.recognizer})
    placement = place(engines(), PLAIN, WORKS)
    recognizer = load_recognizers(profile, placement)
    assert isinstance(recognizer, RecognizersByLanguage)
    assert recognizer.window_seconds == 4.0
    assert len(set(map(id, recognizer._by_language.values()))) == 2
    assert not isinstance(load_recognizers(starter, placement), RecognizersByLanguage)


@pytest.mark.engines
def test_a_language_of_the_profile_that_its_only_voice_does_not_speak_is_told(starter, caplog):
    profile = replace(starter, voice=named(starter.voice, "english", "en"), languages=("en", "de"))
    voice = load_voices(profile, place(engines(), PLAIN, WORKS))
    assert len(speak(voice, "Guten Tag.", language="de")) > 5000
    assert "no voice speaks 'de'" in caplog.text
