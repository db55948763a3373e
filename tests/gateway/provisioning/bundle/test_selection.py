"""Which models a bundle takes along, and how they reach the store of another machine."""

import hashlib
import json

import pytest

from gateway.provisioning.bundle import unpacking
from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.manifest import serialize
from gateway.provisioning.bundle.selection import select
from pipeline.errors import ModelError
from pipeline.models import Catalogue
from pipeline.models.store import Store
from tests.gateway.provisioning.bundle.making import manifest

CONTENT = b"GGUF, more or less"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
ENTRY = {
    "engine": "llama.cpp",
    "licence": "MIT",
    "files": {"mine.gguf": {"bytes": len(CONTENT), "sha256": DIGEST}},
}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "models")


def imported(store, tmp_path):
    source = tmp_path / "mine.gguf"
    source.write_bytes(CONTENT)
    store.adopt(source, sha256=DIGEST, move=False)
    store.link("mine", {"mine.gguf": DIGEST})
    store.add_entry("mine", ENTRY)


def chosen(store, *more, profile="starter"):
    return select(Catalogue.load(store=store), store, profile, more)


def test_the_starter_models_come_in_parley_s_own_wheel(store):
    selected = chosen(store)
    assert {one.model.id for one in selected} == {
        "starter-recognizer", "starter-language-model", "starter-voice",
    }  # fmt: skip
    for one in selected:
        assert not one.model.packed
        assert one.sources == {}
        assert one.model.licence == "Apache-2.0"
        assert all(len(digest) == 64 for digest in one.model.files.values())


def test_an_imported_model_is_packed_with_its_entry(store, tmp_path):
    imported(store, tmp_path)
    [mine] = [one for one in chosen(store, "mine") if one.model.id == "mine"]
    assert mine.model.packed
    assert mine.model.files == {"mine.gguf": DIGEST}
    assert mine.model.entry == ENTRY
    assert mine.sources["mine.gguf"].read_bytes() == CONTENT


def test_a_profile_whose_models_were_not_pulled_is_told_to_pull_them(store):
    with pytest.raises(ModelError, match="pull"):
        chosen(store, profile="cpu-2")


def test_a_model_that_was_not_pulled_is_told_to_be_pulled(store):
    catalogue = Catalogue.load(store=store)
    name = catalogue.profile("cpu-2").voice.id
    with pytest.raises((ModelError, BundleError), match=f"{name}"):
        chosen(store, name)


def test_packed_models_reach_the_store_of_the_other_machine(store, tmp_path):
    imported(store, tmp_path)
    selected = chosen(store, "mine")
    bundle = tmp_path / "bundle"
    for one in selected:
        for name, source in one.sources.items():
            target = bundle / "models" / one.model.id / name
            target.parent.mkdir(parents=True)
            target.write_bytes(source.read_bytes())
    text = serialize(manifest(models=tuple(one.model for one in selected)))
    (bundle / "manifest.json").write_text(text)

    other = Store(tmp_path / "other")
    assert unpacking.main([str(bundle), str(other.root)]) == 0
    assert other.installed() == ("mine",)
    assert other.verify("mine") == []
    model = Catalogue.load(store=other).model("mine")
    assert model.path.read_bytes() == CONTENT
    assert unpacking.main([str(bundle), str(other.root)]) == 0


def test_a_model_that_is_not_what_the_manifest_says_is_one_line(tmp_path, capsys):
    bundle = tmp_path / "bundle"
    (bundle / "models/tiny").mkdir(parents=True)
    (bundle / "models/tiny/tiny.gguf").write_bytes(b"something else")
    document = json.loads(serialize(manifest()))
    files = {"tiny.gguf": "0" * 64}
    document["models"] = [
        {"id": "tiny", "licence": "", "packed": True, "entry": None, "files": files}
    ]
    (bundle / "manifest.json").write_text(json.dumps(document))
    assert unpacking.main([str(bundle), str(tmp_path / "store")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert Store(tmp_path / "store").installed() == ()
