"""Where a model's files come from, and what a profile stands for."""

from pathlib import Path

import pytest

from pipeline.models import ENGINES, ROLES, Model, ModelFile, Source
from tests.pipeline.models.catalogues import catalogue

FILE = ModelFile("voices/a b.onnx")


@pytest.mark.parametrize(
    ("source", "url"),
    [
        (
            Source(repository="o/n", revision="1a"),
            "https://huggingface.co/o/n/resolve/1a/voices/a%20b.onnx",
        ),
        (
            Source(repository="o/n", revision="1a", folder="x/y", base="http://mirror/hf/"),
            "http://mirror/hf/o/n/resolve/1a/x/y/voices/a%20b.onnx",
        ),
        (
            Source("url", base="https://example.org/models", folder="v2"),
            "https://example.org/models/v2/voices/a%20b.onnx",
        ),
    ],
)
def test_a_source_says_where_a_file_can_be_had(source, url):
    assert source.url_of(FILE) == url
    assert url.endswith(source.path_of(FILE))


def test_a_file_s_own_url_goes_before_the_source_s():
    file = ModelFile("a", url="https://elsewhere/a")
    assert Source(repository="o/n").url_of(file) == "https://elsewhere/a"
    assert Model("m", "piper", Path("/m"), files=(file,)).url(file) == "https://elsewhere/a"
    assert Model("m", "piper", Path("/m")).url(ModelFile("a")) == ""


def test_every_engine_has_a_role_and_every_role_an_engine():
    assert {ROLES[engine] for engines in ENGINES.values() for engine in engines} == set(ENGINES)


def test_a_model_without_a_path_lies_in_the_store_or_beside_the_file():
    assert catalogue().model("mouth").path == Path("/somewhere/models/mouth/mouth.onnx")
    ears = catalogue().model("ears")
    assert ears.path == Path("/somewhere/models/ears")
    assert ears.file(ears.files[1]) == Path("/somewhere/models/ears/model.bin")


def test_a_model_s_size_is_known_if_that_of_every_file_is():
    assert catalogue().model("mouth").bytes == 7
    assert catalogue("models/mouth/files/mouth.onnx/bytes").model("mouth").bytes is None
    assert Model("m", "piper", Path("/m")).bytes is None


def test_a_profile_has_models_by_language_and_others_for_the_rest():
    profile = catalogue().profile("both")
    assert [model.id for model in profile.models] == ["ears", "brain", "mouth", "mund"]
    assert profile.voice_for("de").id == "mund"
    assert profile.voice_for("fr").id == "mouth"
    assert profile.recognizer_for("de").id == "ears"


@pytest.mark.parametrize(
    ("instead", "voices"),
    [
        ({"voice": "mund"}, {}),
        ({"voice": "mouth"}, {"de": "mund"}),
        ({"recognizer": "ears"}, {"de": "mund"}),
    ],
)
def test_a_replacement_also_serves_its_own_languages(instead, voices):
    profile = catalogue().profile("both", instead=instead)
    assert {tag: model.id for tag, model in profile.voices.items()} == voices
    assert profile.voice.id == instead.get("voice", "mouth")


def test_a_replacement_of_unknown_languages_serves_all():
    changed = catalogue("models/mouth/languages")
    assert changed.profile("both", instead={"voice": "mouth"}).voices == {}


def test_what_was_added_to_a_store_goes_before_the_file():
    class Store:
        def path(self, model_id):
            return Path("/store") / model_id

        def entries(self):
            files = {"m.gguf": {}}
            return {
                "mine": {"engine": "llama.cpp", "files": files},
                "brain": {"engine": "llama.cpp", "files": files, "licence": "MIT"},
            }

    whole = catalogue()
    added = type(whole)(whole.document, whole.source, Store())
    assert added.added == {"mine", "brain"}
    assert added.ids == ("ears", "brain", "mouth", "mund", "mine")
    assert added.model("mine").path == Path("/store/mine/m.gguf")
    assert added.model("brain").licence == "MIT"
    assert added.model("mouth").path == Path("/store/mouth/mouth.onnx")
