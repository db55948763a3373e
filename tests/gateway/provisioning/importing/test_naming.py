from hypothesis import given
from hypothesis import strategies as st

from gateway.provisioning.importing.naming import is_id, model_id, without_part
from pipeline.models.reading import read_id


def test_names_stay_recognisable():
    assert model_id("Qwen3-0.6B-Q8_0") == "qwen3-0.6b-q8_0"
    assert model_id("llama3.2", "1b") == "llama3.2-1b"
    assert model_id("someone/other", "") == "someone-other"
    assert model_id("Überall (neu)") == "berall-neu"
    assert model_id("日本") == "model"


def test_a_part_is_called_as_the_whole():
    assert without_part("chat-Q8_0-00001-of-00003") == "chat-Q8_0"
    assert without_part("chat-00001") == "chat-00001"


@given(st.lists(st.text(max_size=80), max_size=3))
def test_every_name_is_one_that_models_toml_takes(words):
    name = model_id(*words)
    assert is_id(name)
    assert read_id(name, "it") == name
