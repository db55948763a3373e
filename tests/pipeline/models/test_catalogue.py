"""Catalogues are written into a temporary folder; the one that Parley brings is verified whole."""

import hashlib
import logging
import tomllib
from pathlib import Path

import pytest

from pipeline.errors import ModelError
from pipeline.models import ENGINES, Catalogue, ModelFile, default_catalogue
from pipeline.persona import ClockPlacement

CATALOGUE = """
schema = 1

[profiles.tiny]
description = "For tests."
recognizer = "ears"
language_model = "brain"
voice = "mouth"
languages = ["en"]
warning = "Not for people."

[models.ears]
engine = "faster-whisper"
path = "ears"
licence = "MIT"
note = "Hears little."
files."model.bin" = { bytes = 5, sha256 = "@ears@" }
settings = { final_beam = 1 }

[models.brain]
engine = "llama.cpp"
path = "brain.gguf"
files."brain.gguf" = { bytes = 5, sha256 = "@brain@" }
prompt.clock = "system"

[models.mouth]
engine = "piper"
path = "voices/mouth.onnx"
files."mouth.onnx" = {}
files."mouth.onnx.json" = {}
"""
CONTENTS = {
    "ears/model.bin": b"hello",
    "brain.gguf": b"think",
    "voices/mouth.onnx": b"",
    "voices/mouth.onnx.json": b"{}",
}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def write(folder: Path, text: str = CATALOGUE) -> Path:
    for name, content in CONTENTS.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    path = folder / "models.toml"
    text = text.replace("@ears@", sha256(b"hello")).replace("@brain@", sha256(b"think"))
    path.write_text(text, encoding="utf-8")
    return path


def complaint(path: Path, profile: str = "tiny") -> str:
    with pytest.raises(ModelError) as caught:
        catalogue = Catalogue.load(path)
        catalogue.verify(catalogue.profile(profile))
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(path), "models.toml").replace(str(path.parent), "")


def test_the_starter_models_verify():
    catalogue = Catalogue.load()
    profile = catalogue.profile("starter")
    catalogue.verify(profile)
    for model in profile.models:
        assert model.source is None
        assert all(part.bytes and part.sha256 for part in model.files), model


def test_every_profile_that_parley_brings_can_be_resolved():
    catalogue = Catalogue.load()
    assert catalogue.profiles == ("starter", "cpu-2", "cpu-8", "gpu-8gb", "gpu-24gb")
    for profile in map(catalogue.profile, catalogue.profiles):
        assert profile.description
        assert set(profile.voices) < set(profile.languages) or profile.name == "starter"


def test_a_profile_asks_for_no_file_that_could_not_be_checked():
    catalogue = Catalogue.load()
    for profile in map(catalogue.profile, catalogue.profiles):
        for model in profile.models:
            assert all(part.sha256 for part in model.files), model.id


def test_every_starter_file_is_listed_and_nothing_else_lies_beside_it():
    catalogue = Catalogue.load()
    models = catalogue.profile("starter").models
    listed = {model.file(part) for model in models for part in model.files}
    starter = default_catalogue().parent / "starter" / "models"
    there = {path for path in starter.rglob("*") if path.is_file() and path.suffix != ".md"}
    assert listed == there


def test_the_starter_profile_warns_whoever_uses_it():
    profile = Catalogue.load().profile("starter")
    assert "synthetic voices" in profile.warning
    assert "--profile" in profile.warning


def test_a_profile_holds_what_the_file_says(tmp_path):
    catalogue = Catalogue.load(write(tmp_path))
    profile = catalogue.profile("tiny")
    assert catalogue.profiles == ("tiny",)
    assert (profile.name, profile.description) == ("tiny", "For tests.")
    assert (profile.languages, profile.warning) == (("en",), "Not for people.")
    assert profile.models == (profile.recognizer, profile.language_model, profile.voice)
    assert [model.engine for model in profile.models] == [usual for usual, *_ in ENGINES.values()]
    ears = profile.recognizer
    assert (ears.id, ears.licence, ears.note) == ("ears", "MIT", "Hears little.")
    assert ears.files == (ModelFile("model.bin", 5, sha256(b"hello")),)
    assert ears.settings == {"final_beam": 1}
    assert profile.language_model.clock is ClockPlacement.SYSTEM
    assert profile.voice.clock is ClockPlacement.TURN


def test_relative_paths_start_at_the_catalogue_whatever_the_working_directory(
    tmp_path, monkeypatch
):
    source = write(tmp_path)
    monkeypatch.chdir(tmp_path / "voices")
    profile = Catalogue.load(source).profile("tiny")
    assert profile.recognizer.path == tmp_path / "ears"
    assert profile.voice.path == tmp_path / "voices" / "mouth.onnx"


def test_a_relative_catalogue_starts_at_the_working_directory(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    catalogue = Catalogue.load(Path("models.toml"))
    assert catalogue.profile("tiny").recognizer.path == tmp_path / "ears"


def test_absolute_paths_and_the_home_folder_are_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    source = write(tmp_path / "etc", CATALOGUE.replace('"ears"\n', '"~/ears"\n', 1))
    text = source.read_text().replace('recognizer = "~/ears"', 'recognizer = "ears"')
    text = text.replace('path = "ears"', 'path = "~/ears"')
    source.write_text(text.replace('"brain.gguf"\n', '"/models/brain.gguf"\n', 1))
    profile = Catalogue.load(source).profile("tiny")
    assert profile.recognizer.path == tmp_path / "ears"
    assert profile.language_model.path == Path("/models/brain.gguf")


def test_files_beside_a_model_that_is_a_file_are_found(tmp_path):
    voice = Catalogue.load(write(tmp_path)).profile("tiny").voice
    found = [voice.file(part) for part in voice.files]
    assert found == [tmp_path / "voices" / name for name in ("mouth.onnx", "mouth.onnx.json")]


def test_an_untouched_profile_verifies(tmp_path):
    catalogue = Catalogue.load(write(tmp_path))
    catalogue.verify(catalogue.profile("tiny"))


def test_a_model_without_a_list_of_files_is_used_with_a_warning(tmp_path, caplog):
    lines = [line for line in CATALOGUE.splitlines() if "mouth.onnx" not in line or "path" in line]
    catalogue = Catalogue.load(write(tmp_path, "\n".join(lines)))
    with caplog.at_level(logging.WARNING):
        catalogue.verify(catalogue.profile("tiny"))
    assert "mouth lists no files" in caplog.text


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (lambda path: path.unlink(), "model.bin cannot be read: No such file"),
        (lambda path: path.write_bytes(b"hell"), "model.bin has 4 bytes, expected 5"),
        (lambda path: path.write_bytes(b"Hello"), "model.bin was changed or damaged"),
    ],
)
def test_a_file_that_is_missing_cut_or_changed_is_named(tmp_path, harm, expected):
    source = write(tmp_path)
    harm(tmp_path / "ears" / "model.bin")
    message = complaint(source)
    assert message.startswith("model ears: /ears/")
    assert expected in message
    assert message.endswith("; get it again")


def test_a_missing_model_names_where_its_path_is_set(tmp_path):
    source = write(tmp_path)
    (tmp_path / "brain.gguf").unlink()
    assert complaint(source) == (
        "model brain: /brain.gguf does not exist; correct its path in models.toml"
    )


SHA = "0" * 64


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("schema = 1", "schema = 3", "schema is 3, expected 1 or 2"),
        ("schema = 1", "", "schema is None, expected 1 or 2"),
        ("schema = 1", "schema = ", "is not valid TOML"),
        ("[profiles.tiny]", "[profiles.big]", "there is no profile 'tiny'; it has big"),
        ('voice = "mouth"', "", "profiles.tiny.voice is None, expected the name of a model"),
        ('voice = "mouth"', "voice = 3", "profiles.tiny.voice is 3"),
        ('voice = "mouth"', 'voice = "../mouth"', "profiles.tiny.voice is '../mouth'"),
        ('voice = "mouth"', 'voice = "lips"', "voice is 'lips', which [models] does not have"),
        ('voice = "mouth"', 'voice = "ears"', "engine is 'faster-whisper', expected 'piper'"),
        ('warning = "Not', 'wraning = "Not', "profiles.tiny.wraning is unknown; known: desc"),
        ('licence = "MIT"', 'license = "MIT"', "models.ears.license is unknown; known: eng"),
        ('path = "ears"', "", "models.ears.path is missing"),
        ('path = "ears"', "path = 1", "models.ears.path is missing"),
        ('path = "ears"', 'path = "eras"', "model ears: /eras does not exist"),
        ("settings = { final_beam = 1 }", "settings = 1", "[settings] is missing or not a table"),
        ('prompt.clock = "system"', "prompt = 1", "[prompt] is missing or not a table"),
        ('clock = "system"', 'clock = "wall"', "prompt.clock is 'wall', expected off, turn, sys"),
        ('"model.bin"', '"../brain.gguf"', "files: '../brain.gguf' leaves the model's directory"),
        ('"model.bin"', '"a/../../x"', "files: 'a/../../x' leaves the model's directory"),
        ('"model.bin"', '"/etc/passwd"', "files: '/etc/passwd' leaves the model's directory"),
        ('"model.bin"', '""', "files: '' leaves the model's directory"),
        ('{ bytes = 5, sha256 = "@ears@" }', "5", "files.model.bin is 5, expected {bytes, sha256}"),
        ("bytes = 5", "bytes = -5", "files.model.bin.bytes is -5, expected a size"),
        ("bytes = 5", 'bytes = "5"', "files.model.bin.bytes is '5', expected a size"),
        ("bytes = 5", "bytes = true", "files.model.bin.bytes is True, expected a size"),
        ("bytes = 5", "size = 5", "ears.files.model.bin.size is unknown; known: bytes, sha256"),
        ("prompt.clock", "prompt.time", "models.brain.prompt.time is unknown; known: clock"),
        ("[models.ears]", "[model.ears]", "models.toml: model is unknown; known: models, prof"),
        ("@ears@", "abc", "files.model.bin.sha256 is not 64 hex digits"),
        ("@ears@", SHA.replace("0", "F"), "files.model.bin.sha256 is not 64 hex digits"),
        ("@ears@", SHA, "model.bin was changed or damaged"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path, old, new, expected):
    assert old in CATALOGUE
    assert expected in complaint(write(tmp_path, CATALOGUE.replace(old, new, 1)))


@pytest.mark.parametrize("table", ["profiles", "models"])
def test_a_catalogue_without_a_table_says_so(tmp_path, table):
    kept = "profiles" if table == "models" else "models"
    document = f"schema = 1\n[{kept}.tiny]\nrecognizer = 'ears'"
    assert f"[{table}] is missing or not a table" in complaint(write(tmp_path, document))


@pytest.mark.parametrize(("table", "name"), [("profiles", "tiny"), ("models", "ears")])
def test_an_entry_that_is_no_table_is_named(tmp_path, table, name):
    document = tomllib.loads(CATALOGUE)
    document[table][name] = "oops"
    with pytest.raises(ModelError, match=rf"models\.toml: {table}\.{name} is not a table"):
        Catalogue(document, tmp_path / "models.toml").profile("tiny")


def test_a_missing_catalogue_says_which_setting_to_change(tmp_path):
    message = complaint(tmp_path / "models.toml")
    assert message == (
        "models.toml cannot be read: No such file or directory; set models.file to one that can"
    )


def test_a_catalogue_that_is_not_text_is_not_valid(tmp_path):
    path = tmp_path / "models.toml"
    path.write_bytes(b"schema = 1\n\xff")
    assert "is not valid TOML" in complaint(path)
