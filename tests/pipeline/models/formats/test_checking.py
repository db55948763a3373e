import shutil

import pytest

from pipeline.errors import ModelError
from pipeline.models import Catalogue
from pipeline.models.formats import check_model
from tests.models import random_gguf, tiny_whisper
from tests.models.spoken import STARTER
from tests.models.tiny_onnx import graph, model, node, write_voice


def test_whatever_the_starter_profile_names_is_what_its_engines_need():
    for each in Catalogue.load().profile("starter").models:
        found = check_model(each.engine, each.path)
        assert found.engine == each.engine
        assert set(found.files) == {part.name for part in each.files}
        assert found.languages in ((), ("en",))
        assert found.remarks == ()


def test_a_folder_with_one_model_stands_for_it(tmp_path):
    random_gguf.write(tmp_path / "chat.gguf", random_gguf.Geometry(32, 32, 1))
    assert check_model("llama.cpp", tmp_path) == check_model("llama.cpp", tmp_path / "chat.gguf")
    shutil.copy(tmp_path / "chat.gguf", tmp_path / "other.gguf")
    with pytest.raises(ModelError, match=r"has 2 \.gguf files, expected one; name the file"):
        check_model("llama.cpp", tmp_path)
    with pytest.raises(ModelError, match=r"has no \.onnx files"):
        check_model("piper", tmp_path)


def test_what_a_user_should_know_is_said(tmp_path):
    state = check_model("llama.cpp", random_gguf.write_recurrent(tmp_path / "state.gguf"))
    assert [each.split(":")[0] for each in state.remarks] == [
        "A mamba model cannot roll back its cache"
    ]
    plain = random_gguf.write(tmp_path / "plain.gguf", template=None)
    assert check_model("llama.cpp", plain).remarks == (
        "It has no chat template of its own: ChatML is used.",
    )
    voice = write_voice(tmp_path / "v.onnx", model(graph(node("Identity", "scales", "output"))))
    assert "word times are approximate" in check_model("piper", voice).remarks[0]


def test_a_multilingual_recognizer_tells_its_languages(tmp_path):
    found = check_model("faster-whisper", tiny_whisper.build(tmp_path, multilingual=True))
    assert found.languages == ("en", "de", "fr")
    assert "3 languages" in found.summary
    assert found.settings == {}


def test_the_wrong_engine_is_one_clear_line(tmp_path):
    with pytest.raises(ModelError, match="engine 'vosk' is unknown, expected faster-whisper or"):
        check_model("vosk", tmp_path)
    with pytest.raises(ModelError, match="is no folder"):
        check_model("faster-whisper", STARTER / "voice" / "starter.onnx")
    with pytest.raises(ModelError, match="expected b'GGUF'"):
        check_model("llama.cpp", STARTER / "voice" / "starter.onnx")
