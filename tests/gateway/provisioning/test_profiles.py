"""What is served: the profile that the configuration names, as far as it is installed."""

import hashlib
import logging
from dataclasses import replace

import pytest
import tomli_w

from gateway.config import Config, ModelsConfig
from gateway.provisioning.profiles import installed_profile, profile_of, store_of
from pipeline.errors import ModelError
from pipeline.models.store import Store
from tests.pipeline.models.catalogues import changed


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def place(tmp_path, store):
    """A models file whose models are not installed; ``install`` brings one."""
    document = changed()
    for id, model in document["models"].items():
        for name in model["files"]:
            path = tmp_path / id / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(f"{id}/{name}".encode())
            model["files"][name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
    file = tmp_path / "models.toml"
    file.write_text(tomli_w.dumps(document), encoding="utf-8")

    class Place:
        config = Config(models=ModelsConfig(profile="both", file=file, store=store.root))

        def install(self, *ids):
            for id in ids:
                files = {
                    name: each["sha256"] for name, each in document["models"][id]["files"].items()
                }
                for name, digest in files.items():
                    store.adopt(tmp_path / id / name, sha256=digest, bytes=None, move=False)
                store.link(id, files)

        def with_(self, **models):
            return replace(self.config, models=replace(self.config.models, **models))

    return Place()


def test_what_is_not_installed_says_how_to_get_it(place):
    with pytest.raises(ModelError) as caught:
        installed_profile(place.config)
    assert str(caught.value) == "model ears is not installed; run: parley models pull both"


def test_other_languages_are_left_out_with_a_line_that_says_how_to_get_them(place, caplog):
    place.install("ears", "brain", "mouth")
    with caplog.at_level(logging.INFO):
        profile = installed_profile(place.config)
    assert profile.voices == {}
    assert "parley models pull both --languages de" in caplog.text
    place.install("mund")
    assert installed_profile(place.config).voice_for("de").id == "mund"


def test_models_named_by_the_configuration_go_before_the_profile_s(place):
    place.install("ears", "brain", "mund")
    assert installed_profile(place.with_(voice="mund")).voice.id == "mund"
    assert profile_of(place.with_(voice="mund")).voices == {}
    with pytest.raises(ModelError, match=r"models\.voice is 'lips', which"):
        profile_of(place.with_(voice="lips"))


def test_a_changed_file_is_found_at_start(place, store):
    place.install("ears", "brain", "mouth")
    blob = (store.path("mouth") / "mouth.onnx").resolve()
    blob.chmod(0o644)
    blob.write_bytes(b"MOUTH/mouth.onnx")
    with pytest.raises(ModelError) as caught:
        installed_profile(place.config)
    assert "mouth.onnx was changed or damaged" in str(caught.value)
    assert str(caught.value).endswith("; run: parley models verify --repair mouth")


@pytest.mark.parametrize(("verify", "found"), [("size", False), ("full", True)])
def test_a_large_file_is_hashed_at_start_only_on_request(place, store, monkeypatch, verify, found):
    monkeypatch.setattr("pipeline.models.verification.SMALL", 4)
    place.install("ears", "brain", "mouth")
    blob = (store.path("brain") / "brain.gguf").resolve()
    blob.chmod(0o644)
    blob.write_bytes(b"BRAIN/brain.gguf")
    config = place.with_(verify=verify)
    if found:
        with pytest.raises(ModelError, match="changed or damaged"):
            installed_profile(config)
    else:
        installed_profile(config)


def test_a_link_to_another_file_of_the_same_size_is_found_without_hashing(
    place, store, monkeypatch
):
    monkeypatch.setattr("pipeline.models.verification.SMALL", 4)
    place.install("ears", "brain", "mouth", "mund")
    link = store.path("mouth") / "mouth.onnx"
    other = store.path("mund") / "mund.onnx"
    link.unlink()
    link.symlink_to(other.resolve())
    with pytest.raises(ModelError) as caught:
        installed_profile(place.config)
    assert str(caught.value) == (
        "model mouth is not the version that the catalogue has; run: parley models pull mouth"
    )


def test_a_model_that_was_added_serves_as_any_other(place, store, tmp_path):
    place.install("ears", "brain")
    file = tmp_path / "mine.onnx"
    file.write_bytes(b"mine")
    digest = sha256(file)
    store.adopt(file, sha256=digest, bytes=4, move=False)
    store.link("mine", {"mine.onnx": digest})
    files = {"mine.onnx": {"bytes": 4, "sha256": digest}}
    store.add_entry("mine", {"engine": "piper", "files": files})
    profile = installed_profile(place.with_(voice="mine"))
    assert profile.voice.path == store.path("mine") / "mine.onnx"


def test_the_store_is_where_the_configuration_or_the_environment_says(place, monkeypatch, tmp_path):
    assert store_of(place.config).root == place.config.models.store
    monkeypatch.setenv("PARLEY_MODELS", str(tmp_path / "there"))
    assert store_of(Config()).root == tmp_path / "there"
    assert isinstance(store_of(Config()), Store)
