import threading
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.engine_room import (
    SCRIPTED_REPLY,
    RealEngines,
    ScriptedEngines,
    engine_room,
)
from pipeline.engines import Prompt, SpeakJob
from pipeline.engines.scripted import Meter, ScriptedVoice
from pipeline.engines.thread import EngineThread, call
from pipeline.errors import EngineUnavailable, ModelError
from pipeline.models import Catalogue
from tests.end_to_end.servers import SCRIPTED, config

ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine_threads():
    """The engine threads that a test has started; other tests' servers may have theirs."""
    names = ("recognizer-", "language-model-", "voice-")
    before = set(threading.enumerate())

    def started():
        new = set(threading.enumerate()) - before
        return [thread for thread in new if thread.name.startswith(names)]

    return started


def test_a_model_file_that_is_missing_is_one_error_before_anything_is_loaded(
    tmp_path, engine_threads
):
    copy = tmp_path / "models.toml"
    copy.write_bytes((ROOT / "models.toml").read_bytes())  # and none of the models beside it
    with pytest.raises(ModelError, match=str(tmp_path)):
        engine_room(config(models={"file": copy}))
    assert engine_threads() == []


def test_a_profile_that_does_not_exist_is_named():
    with pytest.raises(ModelError, match="nonsense"):
        engine_room(config(models={"profile": "nonsense"}))


def real(**changes):
    settings = config()
    profile = Catalogue.load(settings.models.file).profile(settings.models.profile)
    return RealEngines(settings, replace(profile, **changes)), profile


async def test_engines_that_cannot_be_loaded_are_all_named_and_no_thread_stays(
    tmp_path, engine_threads
):
    _, profile = real()
    broken = tmp_path / "broken"
    broken.write_bytes(b"this is no model")
    room, _ = real(
        recognizer=replace(profile.recognizer, path=tmp_path / "missing"),
        language_model=replace(profile.language_model, path=broken),
        voice=replace(profile.voice, path=broken),
    )
    with pytest.raises(ExceptionGroup) as failure:
        async with room:
            pass
    assert failure.group_contains(EngineUnavailable)
    assert engine_threads() == []


async def test_a_detector_that_cannot_be_loaded_leaves_no_thread(monkeypatch, engine_threads):
    def load():
        raise EngineUnavailable("onnxruntime is not installed")

    room, _ = real()
    room._recognizer = EngineThread("recognizer", object)
    room._language_model = EngineThread("language-model", object)
    room._voice = EngineThread("voice", lambda: ScriptedVoice(Meter()))
    monkeypatch.setattr("pipeline.engines.silero.load", load)
    with pytest.raises(EngineUnavailable, match="onnxruntime"):
        async with room:
            pass
    assert engine_threads() == []


@pytest.mark.engines
async def test_inside_the_room_the_engines_work_and_outside_they_are_gone(engine_threads):
    room, profile = real()
    async with room:
        rate = await call(room.engines.voice, lambda voice, _: voice.sample_rate)
        assert room.engines.voice_rate == rate
        assert room.traits.voices == (profile.voice.id,)
        assert room.traits.warning == profile.warning
        assert len(engine_threads()) == 3
        counts = {name: statistics().jobs for name, statistics in room.statistics.items()}
        assert counts.keys() == {"recognizer", "language-model", "voice"}
        assert room.engines.detector() is not room.engines.detector()
    assert engine_threads() == []
    with pytest.raises(EngineUnavailable):
        await call(room.engines.voice, lambda voice, _: voice.sample_rate)


async def test_the_scripted_room_has_the_stated_costs_and_no_threads(engine_threads):
    settings = config(engines={**SCRIPTED["engines"], "llm_ms": 40, "tts_ms": 7})
    room = engine_room(settings)
    assert isinstance(room, ScriptedEngines)
    async with room:
        assert engine_threads() == []

        def say(model, stop):
            pieces = model.open().generate(Prompt(()), stop=stop)
            return "".join(piece.text for piece in pieces)

        assert await call(room.engines.language_model, say) == SCRIPTED_REPLY

        def speak(voice, stop):
            return sum(len(spoken.audio) for spoken in voice.speak(SpeakJob("Hi."), stop=stop))

        assert await call(room.engines.voice, speak) > 0
        spent = {name: report().busy_seconds for name, report in room.statistics.items()}
        assert spent == {"recognizer": 0, "language-model": 0.04, "voice": 0.007}
