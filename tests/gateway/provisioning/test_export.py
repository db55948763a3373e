"""Packing models for a machine without internet: whole, checked, the same bytes each time."""

import hashlib
import subprocess
import tarfile
import tomllib
from dataclasses import replace

import pytest

from gateway.cli import main
from gateway.provisioning.export import entry_of, export
from pipeline.errors import ModelError
from pipeline.models import Catalogue, Model, ModelFile, Source
from pipeline.models.store import Store

WEIGHTS = bytes(range(256)) * 5000


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def tiny(store, tmp_path):
    """An installed model; of one of its files only the store knows the hash."""
    files = {}
    for name, content in (("model.bin", WEIGHTS), ("deep/config.json", b"{}")):
        source = tmp_path / "source"
        source.write_bytes(content)
        store.adopt(source, sha256=digest(content), bytes=len(content), move=True)
        files[name] = digest(content)
    store.link("tiny", files)
    return Model(
        "tiny",
        "faster-whisper",
        store.path("tiny"),
        "MIT",
        'A "note"',
        files=(
            ModelFile("model.bin", len(WEIGHTS), files["model.bin"]),
            ModelFile("deep/config.json"),
        ),
        settings={"contexts": (2.0, 3.0), "guards": {"log_probability": -0.7}},
        source=Source("huggingface", "acme/tiny", "v1"),
        languages=("en",),
        folder=store.path("tiny"),
    )


def test_a_tar_holds_files_entries_and_sums(store, tiny, tmp_path):
    packed: list[int] = []
    target = tmp_path / "out.tar"
    assert export([tiny], store, target, packed.append) == target.stat().st_size
    assert sum(packed) == len(WEIGHTS) + 2
    with tarfile.open(target) as tar:
        names = tar.getnames()
        assert names == [
            "SHA256SUMS",
            "entries/tiny.toml",
            "models/tiny/deep/config.json",
            "models/tiny/model.bin",
        ]
        assert all(member.isreg() for member in tar)
        tar.extractall(tmp_path / "x", filter="data")
    folder = tmp_path / "x"
    assert (folder / "models" / "tiny" / "model.bin").read_bytes() == WEIGHTS
    command = ["sha256sum", "--strict", "-c", "SHA256SUMS"]
    checked = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count(": OK") == 3


def test_an_entry_is_read_back_as_the_same_model(store, tiny, tmp_path):
    export([tiny], store, tmp_path / "out.tar")
    with tarfile.open(tmp_path / "out.tar") as tar:
        document = tomllib.load(tar.extractfile("entries/tiny.toml"))
    source = tmp_path / "models.toml"
    source.write_text("schema = 2\n[profiles]\n[models]\n")
    other = Store(tmp_path / "other")
    other.add_entry("tiny", document["models"]["tiny"])
    read = Catalogue.load(source, store=other).model("tiny")
    known = (tiny.files[0], ModelFile("deep/config.json", 2, digest(b"{}")))
    place = other.path("tiny")
    settings = {"contexts": [2.0, 3.0], "guards": {"log_probability": -0.7}}
    assert read == replace(tiny, files=known, path=place, folder=place, settings=settings)


def test_every_model_that_parley_knows_has_an_entry_that_is_read_back(tmp_path):
    catalogue = Catalogue.load(store=Store(tmp_path))
    other = Store(tmp_path / "other")
    for model in catalogue.models:
        hashes = {part.name: (part.sha256 or "0" * 64, part.bytes or 1) for part in model.files}
        other.add_entry(model.id, entry_of(model, hashes))
    source = tmp_path / "models.toml"
    source.write_text("schema = 2\n[profiles]\n[models]\n")
    read = Catalogue.load(source, store=other)
    for model in catalogue.models:
        back = read.model(model.id)
        same = replace(back, files=model.files, path=model.path, folder=model.folder)
        assert same == model


def test_the_same_models_make_the_same_bytes(store, tiny, tmp_path):
    export([tiny], store, tmp_path / "1.tar")
    store.link("tiny", dict(reversed(store.files("tiny").items())))
    store.path("tiny").touch()
    export([tiny], store, tmp_path / "2.tar")
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()


def test_what_is_not_installed_or_damaged_is_not_packed(store, tiny, tmp_path):
    target = tmp_path / "out.tar"
    absent = replace(tiny, files=(*tiny.files, ModelFile("more.bin")))
    with pytest.raises(ModelError, match=r"more\.bin is missing; run: parley models pull tiny"):
        export([absent], store, target)
    for content in (WEIGHTS[:-1] + b"?", WEIGHTS[:-1]):
        blob = store.blob(digest(WEIGHTS))
        blob.chmod(0o644)
        blob.write_bytes(content)
        with pytest.raises(ModelError, match="was changed or damaged"):
            export([tiny], store, target)
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []


def test_a_tar_that_cannot_be_written_is_one_line(store, tiny, tmp_path):
    with pytest.raises(ModelError, match=r"missing/sub: No such file"):
        export([tiny], store, tmp_path / "missing" / "sub" / "out.tar")


def test_the_command_packs_what_is_brought_along(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PARLEY_MODELS", str(tmp_path / "store"))
    target = tmp_path / "starter.tar"
    assert main(["models", "export", "starter", "-o", str(target)]) == 0
    assert "starter-voice" in capsys.readouterr().out
    with tarfile.open(target) as tar:
        assert "models/starter-voice/starter.onnx" in tar.getnames()
        assert len([name for name in tar.getnames() if name.startswith("entries/")]) == 3


def test_what_was_exported_is_imported_elsewhere(store, server, tmp_path, capsys, monkeypatch):
    """From the tar alone: the models, what is known of them, and their hashes."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    target = tmp_path / "starter.tar"
    monkeypatch.setenv("PARLEY_MODELS", str(store.root))
    assert main(["models", "export", "starter-voice", "-o", str(target)]) == 0
    other = tmp_path / "models.toml"
    other.write_text("schema = 2\n[profiles]\n[models]\n")
    command = ["models", "import", str(target), "--models", str(other)]
    assert main(command) == 0, capsys.readouterr()
    assert store.installed() == ("starter-voice",)
    read = Catalogue.load(other, store=store).model("starter-voice")
    brought = Catalogue.load().model("starter-voice")
    assert read.licence == brought.licence
    assert {part.sha256 for part in read.files} == {part.sha256 for part in brought.files}
    assert store.verify("starter-voice", read.files) == []
