import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.provisioning.export import export as pack
from gateway.provisioning.importing.discovery import survey
from pipeline.errors import ModelError
from pipeline.models import Catalogue
from pipeline.models.formats import check_model
from pipeline.models.store import Store
from tests.gateway.provisioning.importing.layouts import (
    COMMIT,
    VOICE_CARD,
    contents,
    copy,
    hugging_face,
    ollama,
    parley_import,
    sha256,
)
from tests.models import random_gguf
from tests.models.spoken import STARTER

ROOT = Path(__file__).parents[4]


def imported(store, id):
    """Check that a model can be served from the store, and return it."""
    model = Catalogue.load(store=Store(store)).model(id)
    assert Store(store).verify(id, model.files) == []
    assert check_model(model.engine, model.path)
    return model


def test_a_gguf_file_becomes_a_model_of_the_store(small, store, capsys):
    assert parley_import(store, small.gguf) == 0
    model = imported(store, "chat-f16")
    assert model.engine == "llama.cpp"
    assert [part.name for part in model.files] == ["chat-F16.gguf"]
    assert model.licence == ""
    said = capsys.readouterr().out
    assert "licence: unknown" in said
    assert "Its licence is not known" in said
    assert "--set models.language_model=chat-f16" in said
    assert small.gguf.exists()


def test_a_folder_in_faster_whisper_s_format_is_called_as_it_is(small, store):
    parley_import(store, small.whisper)
    model = imported(store, "whisper-tiny-xx")
    assert model.path.is_dir()
    assert model.languages == ("en", "de", "fr")


def test_a_folder_of_voices_brings_all_of_them_with_their_cards(small, store, tmp_path, capsys):
    folder = copy(small.voice_files, tmp_path / "voices" / "tiny")
    (folder / "MODEL_CARD").write_text(VOICE_CARD)
    copy((STARTER / "voice").iterdir(), folder / "s")
    parley_import(store, tmp_path / "voices")
    model = imported(store, "en_gb-tiny-medium")
    assert model.licence == "CC0-1.0"
    assert "trained from lessac" in model.licence_note
    assert model.languages == ("en",)
    assert model.path.name == "en_GB-tiny-medium.onnx"
    assert "starter-voice: recognised: Parley brings it along" in capsys.readouterr().out


def test_the_halves_of_a_voice_for_streaming_come_with_it(small, store, tmp_path):
    folder = copy(small.voice_files, tmp_path / "voice")
    for ending in (".frames", ".vocoder"):
        shutil.copy(small.voice, folder / f"{small.voice.name}{ending}")
    parley_import(store, folder)
    names = [part.name for part in imported(store, "en_gb-tiny-medium").files]
    assert sorted(names) == sorted(path.name for path in folder.iterdir())
    assert len(names) == 4


def test_a_repository_of_a_cache_keeps_where_it_came_from(small, store, tmp_path):
    root = hugging_face(tmp_path / "hub", "someone/whisper-xx", small.whisper_files)
    before = contents(tmp_path / "hub")
    parley_import(store, root)
    model = imported(store, "whisper-xx")
    assert model.licence == "Apache-2.0"
    assert model.source.repository == "someone/whisper-xx"
    assert model.source.revision == COMMIT
    assert contents(tmp_path / "hub") == before


def test_a_whole_cache_is_searched_and_the_rest_is_told(small, store, tmp_path, capsys):
    hub = tmp_path / "huggingface" / "hub"
    hugging_face(hub, "someone/whisper-xx", small.whisper_files)
    hugging_face(hub, "someone/chat-GGUF", {"q/chat-F16.gguf": small.gguf})
    other = tmp_path / "model.safetensors"
    other.write_bytes(b"x")
    hugging_face(hub, "someone/weights", {"model.safetensors": other})
    parley_import(store, tmp_path / "huggingface")
    assert Store(store).installed() == ("chat-f16", "whisper-xx")
    assert imported(store, "chat-f16").source.folder == "q"
    assert "left out: someone/weights/model.safetensors (transformers' format" in (
        capsys.readouterr().out
    )


def test_the_user_s_caches_have_names(small, store, tmp_path, monkeypatch):
    hugging_face(tmp_path / "hf" / "hub", "someone/whisper-xx", small.whisper_files)
    ollama(tmp_path / "ollama", "tiny:1b", small.gguf)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "ollama"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    parley_import(store, "huggingface")
    parley_import(store, "ollama")
    assert Store(store).installed() == ("tiny-1b", "whisper-xx")


def test_a_model_of_ollama_s_is_named_as_there(small, store, tmp_path, capsys):
    text = "Apache License\n Version 2.0, January 2004"
    ollama(tmp_path / "o", "tiny:latest", small.gguf, license=text, template="{{ .Prompt }}")
    ollama(tmp_path / "o", "someone/other:q8", small.gguf, params='{"temperature": 0.6}')
    parley_import(store, tmp_path / "o", "--only", "tiny:latest")
    model = imported(store, "tiny")
    assert model.licence == "Apache-2.0"
    assert model.path.name == "tiny.gguf"
    parley_import(store, tmp_path / "o", "--only", "someone/*", "--dry-run")
    said = capsys.readouterr().out
    assert "Ollama's template is not taken over" in said
    assert "Ollama's parameters are not taken over: temperature = 0.6" in said


def test_an_archive_is_taken_without_a_trace(small, store, tmp_path):
    archive = tmp_path / "voices.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        for path in small.voice_files:
            tar.add(path, f"voices/{path.name}")
    parley_import(store, archive, "--as", "mine")
    imported(store, "mine")
    assert list((store / "partial").iterdir()) == []
    assert archive.exists()


def test_a_cache_in_an_archive_keeps_its_links(small, store, tmp_path):
    hugging_face(tmp_path / "hub", "someone/whisper-xx", small.whisper_files)
    with tarfile.open(tmp_path / "cache.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "hub", "hub")
    parley_import(store, tmp_path / "cache.tar.gz")
    assert imported(store, "whisper-xx").licence == "Apache-2.0"


def test_what_was_exported_from_one_store_is_the_same_in_another(small, store, tmp_path):
    here = Store(tmp_path / "here")
    folder = copy(small.voice_files, tmp_path / "voice")
    parley_import(here.root, folder)
    parley_import(here.root, small.whisper)
    catalogue = Catalogue.load(store=here)
    models = [catalogue.model(id) for id in here.installed()]
    pack(models, here, tmp_path / "models.tar")
    parley_import(store, tmp_path / "models.tar")
    for model in models:
        there = imported(store, model.id)
        assert replace(there, path=model.path, folder=model.folder) == model


def export(small, folder):
    """Lay a model out as `parley models export` does."""
    name = small.gguf.name
    copy([small.gguf], folder / "models" / "chat")
    (folder / "entries").mkdir(parents=True)
    entry = folder / "entries" / "chat.toml"
    entry.write_text(
        'schema = 2\n[models.chat]\nengine = "llama.cpp"\nlicence = "MIT"\nnote = "Mine."\n'
        f'settings = {{ context_tokens = 512 }}\n[models.chat.files]\n"{name}" = '
        f'{{ bytes = {small.gguf.stat().st_size}, sha256 = "{sha256(small.gguf)}" }}\n'
    )
    sums = [f"{sha256(entry)}  entries/chat.toml", f"{sha256(small.gguf)}  models/chat/{name}"]
    (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    return folder


def test_an_export_brings_its_entries(small, store, tmp_path):
    with tarfile.open(tmp_path / "export.tar", "w") as tar:
        tar.add(export(small, tmp_path / "export"), ".")
    parley_import(store, tmp_path / "export.tar")
    model = imported(store, "chat")
    assert (model.licence, model.note) == ("MIT", "Mine.")
    assert model.settings == {"context_tokens": 512}


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("models/chat/chat-F16.gguf", b"llama", b"lLama", "expected"),
        ("SHA256SUMS", b"models/chat/", b"models/cat/", "does not list models/chat/chat-F16.gguf"),
        ("SHA256SUMS", b"  entries", b" entries", "no hash and name in line 1"),
        ("entries/chat.toml", b"engine", b"path = '/etc'\nengine", "names a path of another"),
        (
            "entries/chat.toml",
            b'"chat-F16.gguf"',
            b'"../../x.gguf"',
            "leaves the model's directory",
        ),
        ("entries/chat.toml", b"sha256", b"sha257", "sha257 is unknown"),
    ],
)
def test_an_export_that_was_changed_is_refused(small, store, tmp_path, file, old, new, said):
    folder = export(small, tmp_path / "export")
    content = (folder / file).read_bytes()
    assert old in content
    (folder / file).write_bytes(content.replace(old, new, 1))
    with pytest.raises(ModelError) as caught:
        parley_import(store, folder)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert contents(store) == {}


def catalogue_with(small, path):
    """A models file that knows the small model by the hash of its weights only."""
    path.write_text(
        f"""schema = 2
[profiles]
[models.known]
engine = "faster-whisper"
licence = "MIT"
source = {{ repository = "someone/known", revision = "{COMMIT}" }}
[models.known.files]
"model.bin" = {{ sha256 = "{sha256(small.whisper / "model.bin")}" }}
"config.json" = {{ sha256 = "{sha256(small.whisper / "config.json")}" }}
"tokenizer.json" = {{}}
"vocabulary.json" = {{}}
"""
    )
    return path


def test_files_of_the_catalogue_are_recognised_whatever_they_are_called(small, store, tmp_path):
    models = catalogue_with(small, tmp_path / "models.toml")
    assert parley_import(store, small.whisper, "--models", models) == 0
    assert Store(store).installed() == ("known",)
    assert Store(store).entries() == {}
    model = Catalogue.load(models, store=Store(store)).model("known")
    assert check_model(model.engine, model.path)
    pinned = tomllib.loads((store / "accepted.toml").read_text())
    assert sha256(small.whisper / "tokenizer.json") in json.dumps(pinned)


def test_what_is_there_already_is_left_as_it_is(small, store, tmp_path, capsys):
    parley_import(store, small.gguf)
    before = contents(store)
    parley_import(store, small.gguf)
    shutil.copy(small.gguf, tmp_path / "renamed.gguf")
    parley_import(store, tmp_path / "renamed.gguf")
    assert contents(store) == before
    assert capsys.readouterr().out.count("chat-f16: is there already") == 2


def test_a_name_that_is_taken_is_told(small, store, tmp_path):
    parley_import(store, small.gguf)
    before = contents(store)
    other = random_gguf.write(tmp_path / "chat-F16.gguf", random_gguf.Geometry(32, 32, 1), seed=2)
    with pytest.raises(ModelError, match="would be called chat-f16: the store has a model of that"):
        parley_import(store, other)
    with pytest.raises(ModelError, match="the catalogue has another model of that name"):
        parley_import(store, other, "--as", "whisper-tiny")
    with pytest.raises(ModelError, match="--as A B is no name for a model"):
        parley_import(store, other, "--as", "A B")
    assert contents(store) == before
    parley_import(store, other, "--as", "chat-2")
    imported(store, "chat-2")


def test_several_models_are_chosen_by_name(small, store, tmp_path):
    folder = copy([small.gguf, *small.voice_files], tmp_path / "mixed")
    with pytest.raises(ModelError, match="--as names one model, but 2 are chosen"):
        parley_import(store, folder, "--as", "mine")
    with pytest.raises(ModelError, match="--only nothing: there is no such model; there are chat-"):
        parley_import(store, folder, "--only", "nothing")
    parley_import(store, folder, "--only", "*.gguf", "--as", "mine")
    assert Store(store).installed() == ("mine",)


def test_a_broken_model_among_others_stops_all_of_them(small, store, tmp_path):
    folder = copy([small.gguf, *small.voice_files], tmp_path / "mixed")
    (folder / "broken.gguf").write_bytes(small.gguf.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"broken\.gguf is no sound GGUF.*import the other 2 with"):
        parley_import(store, folder)
    assert contents(store) == {}
    parley_import(store, folder, "--only", "chat*", "--only", "en_*")
    assert len(Store(store).installed()) == 2


def test_a_suffix_in_capitals_is_understood(small, store, tmp_path):
    path = shutil.copy(small.gguf, tmp_path / "CHAT.GGUF")
    parley_import(store, path)
    assert imported(store, "chat").path.name == "CHAT.gguf"


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("model.safetensors", "ct2-transformers-converter"),
        ("tiny.pt", "runs code when it is loaded"),
        ("pytorch_model.bin", "runs code when it is loaded"),
        ("ggml-base.en.bin", "take a GGUF file, or for Whisper one in faster-whisper's format"),
        ("vad.onnx", "without an .onnx.json is no Piper voice"),
    ],
)
def test_other_formats_are_named_with_what_to_do(store, tmp_path, name, advice):
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / name).write_bytes(b"x")
    for path in (tmp_path / "given", tmp_path / "given" / name):
        with pytest.raises(ModelError) as caught:
            parley_import(store, path)
        assert f"{name} (" in str(caught.value)
        assert advice in str(caught.value)


def test_models_of_other_kinds_do_not_stand_in_the_way(small, store, tmp_path, capsys):
    folder = copy([small.gguf], tmp_path / "mixed")
    other = random_gguf.write(folder / "diffusion.gguf", random_gguf.Geometry(32, 32, 1))
    other.write_bytes(other.read_bytes().replace(b"llama", b"llada"))
    parley_import(store, folder)
    assert Store(store).installed() == ("chat-f16",)
    parley_import(store, folder, "--dry-run")
    assert "left out: diffusion.gguf" in capsys.readouterr().out


def test_a_dry_run_tells_everything_and_does_nothing(small, store, tmp_path, capsys):
    folder = copy([small.gguf, *small.voice_files], tmp_path / "mixed")
    parley_import(store, folder, "--dry-run", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["dry_run"] is True
    assert [(each["id"], each["action"]) for each in told["models"]] == [
        ("chat-f16", "add"),
        ("en_gb-tiny-medium", "add"),
    ]
    assert told["models"][0]["files"][0]["sha256"] == sha256(small.gguf)
    assert not store.exists()
    parley_import(store, folder, "--dry-run")
    assert "chat-f16: would be added as an entry of the store" in capsys.readouterr().out


def test_links_share_the_file_and_moves_leave_nothing(small, store, tmp_path):
    linked = copy([small.gguf], tmp_path / "linked") / small.gguf.name
    parley_import(store, linked, "--link", "--as", "linked")
    assert linked.samefile(imported(store, "linked").path)
    moved = copy(small.voice_files, tmp_path / "moved")
    parley_import(store, moved, "--move")
    imported(store, "en_gb-tiny-medium")
    assert list(moved.iterdir()) == []


def test_another_program_s_files_are_not_moved_away(small, store, tmp_path):
    root = hugging_face(tmp_path / "hub", "someone/whisper-xx", small.whisper_files)
    with pytest.raises(ModelError, match="--move would break the Hugging Face cache"):
        parley_import(store, root, "--move")
    parley_import(store, root, "--link")
    imported(store, "whisper-xx")


def test_a_split_model_stays_in_parts(store, tmp_path):
    from tests.pipeline.models.formats.test_gguf import split

    first, second = split(tmp_path)
    parley_import(store, first)
    model = imported(store, "chat")
    assert [part.name for part in model.files] == [first.name, second.name]
    assert model.path.name == first.name


def test_a_full_disk_is_told_before_anything_is_copied(small, store, monkeypatch):
    from gateway.provisioning.importing import transfer

    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _place: usage)
    with pytest.raises(
        ModelError, match=r"the import needs \d+ bytes, the disk of \S+ has 1000 free"
    ):
        parley_import(store, small.gguf)
    assert contents(store) == {}


def test_a_failure_in_the_middle_leaves_the_store_as_it_was(small, store, tmp_path, monkeypatch):
    parley_import(store, small.gguf)
    before = contents(store)
    folder = copy([*small.voice_files, *small.whisper_files.values()], tmp_path / "mixed")

    def full(self, model_id, document):
        raise ModelError("the disk is full")

    monkeypatch.setattr(Store, "add_entry", full)
    for how in ([], ["--move"]):
        with pytest.raises(ModelError, match="the disk is full"):
            parley_import(store, folder, *how)
        assert contents(store) == before
        assert len(list(folder.iterdir())) == 2 + len(small.whisper_files)


def test_two_processes_may_import_the_same_at_once(small, store, tmp_path):
    command = [sys.executable, "-m", "gateway", "models", "import", str(small.gguf)]
    environment = {**os.environ, "HOME": str(tmp_path), "PARLEY_MODELS": str(store)}
    both = [subprocess.Popen(command, cwd=ROOT, env=environment) for _ in range(2)]
    assert [each.wait(60) for each in both] == [0, 0]
    imported(store, "chat-f16")
    assert [path for path in (store / "partial").iterdir() if path.suffix != ".lock"] == []


def test_where_there_is_nothing_it_says_so(store, tmp_path):
    with pytest.raises(ModelError, match="does not exist; name a folder, an archive or a model's"):
        parley_import(store, tmp_path / "none")
    with pytest.raises(ModelError, match="there is no model that can be imported"):
        parley_import(store, tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"left out: .*model\.safetensors \(transformers' format"):
        parley_import(store, tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ModelError, match="is not recognised, expected a GGUF file"):
        parley_import(store, tmp_path / "notes.txt")


def test_a_voice_named_by_either_of_its_files_is_one_voice(small):
    for path in small.voice_files:
        assert [each.id for each in survey(path).found] == ["en_gb-tiny-medium"]
