from pathlib import Path

from gateway.provisioning.importing.ollama import read_ollama, store_folder
from tests.gateway.provisioning.importing.layouts import ollama

HOME = Path("/home/user")


def test_the_store_is_where_the_environment_says():
    assert store_folder({}, HOME) == HOME / ".ollama/models"
    assert store_folder({"OLLAMA_MODELS": "/models"}, HOME) == Path("/models")


def test_models_are_named_as_ollama_does(small, tmp_path):
    store = tmp_path / ".ollama" / "models"
    for name in ("tiny:latest", "tiny:1b", "someone/other:q8"):
        ollama(store, name, small.gguf)
    found = read_ollama(tmp_path / ".ollama").found
    assert [(each.label, each.id) for each in found] == [
        ("tiny:1b", "tiny-1b"),
        ("tiny:latest", "tiny"),
        ("someone/other:q8", "someone-other-q8"),
    ]
    assert all(each.shared for each in found)
    assert read_ollama(tmp_path) is None


def test_what_is_not_taken_over_is_told(small, tmp_path):
    ollama(
        tmp_path, "tiny:1b", small.gguf, template="{{ .Prompt }}", system="Be kind.",
        params='{"stop": ["<end>"]}', projector="x", license="LLAMA 3.2 COMMUNITY LICENSE",
    )  # fmt: skip
    (found,) = read_ollama(tmp_path).found
    told = " ".join(found.remarks)
    for what in ("template", "stop = ['<end>']", "system prompt", "projectors"):
        assert what in told
    assert "LLAMA 3.2 COMMUNITY LICENSE" in found.licence.note


def test_a_model_in_other_layers_is_left_out(small, tmp_path):
    manifest = ollama(tmp_path, "tiny:1b", small.gguf)
    manifest.write_text(manifest.read_text().replace("image.model", "image.tensor"))
    survey = read_ollama(tmp_path)
    assert survey.found == ()
    assert survey.skipped[0].reason == "it has no GGUF files, expected one"
