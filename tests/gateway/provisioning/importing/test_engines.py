"""Imported models are loaded from the store and run by their engines."""

import tarfile

import numpy as np
import pytest

from pipeline.engines import (
    HypothesisKind,
    Message,
    Prompt,
    RecognitionJob,
    SpeakJob,
    faster_whisper,
    llama_cpp,
    piper,
)
from pipeline.engines.thread import StopToken
from pipeline.models import Catalogue
from pipeline.models.store import Store
from tests.gateway.provisioning.importing.layouts import (
    copy,
    hugging_face,
    ollama,
    parley_import,
)
from tests.models.spoken import STARTER, say

pytestmark = pytest.mark.engines

RECOGNIZER = {path.name: path for path in (STARTER / "recognizer").iterdir()}
CHAT = STARTER / "language-model" / "starter-q8_0.gguf"
VOICE = [STARTER / "voice" / name for name in ("starter.onnx", "starter.onnx.json")]


def installed(store, id):
    return Catalogue.load(store=Store(store)).model(id)


def test_a_recognizer_of_a_hugging_face_cache_hears(store, tmp_path):
    hugging_face(tmp_path / "hub", "someone/starter", RECOGNIZER)
    parley_import(store, tmp_path / "hub", "--as", "heard")
    model = installed(store, "heard")
    recognizer = faster_whisper.load(
        faster_whisper.WhisperSettings.from_model(model.path, model.settings, device="cpu")
    )
    audio = say("Set a timer for ten minutes.", after=0.5).astype(np.float32) / 32768
    found = recognizer.utterance(language="en").recognize(
        RecognitionJob(audio, HypothesisKind.FINAL, ""), stop=StopToken()
    )
    assert found.text == "Set a timer for ten minutes."


def test_a_language_model_of_ollama_s_answers(store, tmp_path):
    ollama(tmp_path / "ollama", "starter:4m", CHAT)
    parley_import(store, tmp_path / "ollama", "--link", "--as", "said")
    model = llama_cpp.load(
        llama_cpp.LlamaSettings(installed(store, "said").path, context_tokens=512, sessions=1)
    )
    try:
        prompt = Prompt([Message("user", "What is two plus two?")], max_tokens=24, temperature=0.0)
        reply = "".join(piece.text for piece in model.open().generate(prompt, stop=StopToken()))
    finally:
        model.close()
    assert "four" in reply.lower()


@pytest.mark.parametrize("packed", [False, True])
def test_a_voice_of_a_folder_or_a_tar_speaks(store, tmp_path, packed):
    path = copy(VOICE, tmp_path / "voices")
    if packed:
        with tarfile.open(tmp_path / "voices.tar.gz", "w:gz", compresslevel=1) as tar:
            tar.add(path, "voices")
        path = tmp_path / "voices.tar.gz"
    parley_import(store, path, "--as", "spoken")
    voice = piper.load(piper.PiperSettings(installed(store, "spoken").path))
    audio = np.concatenate(
        [each.audio for each in voice.speak(SpeakJob("Hello."), stop=StopToken())]
    )
    assert voice.language == "en-US"
    assert len(audio) > 4000
    assert np.abs(audio).max() > 1000
