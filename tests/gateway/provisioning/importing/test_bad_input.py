"""What is broken or malicious ends in one line and exit code 2, and leaves the store as it was."""

import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.provisioning.importing import transfer, unpacking
from tests.gateway.provisioning.importing.conftest import Small
from tests.gateway.provisioning.importing.layouts import (
    COMMIT,
    contents,
    copy,
    hugging_face,
    ollama,
    parley_import,
)
from tests.models import random_gguf
from tests.models.tiny_onnx import FLOAT32, content, graph, model, tensor, write_voice

SECRET = "a secret outside"


@pytest.fixture(autouse=True)
def _nobodys_settings(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PARLEY_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def outside(tmp_path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.gguf").write_text(SECRET)
    return tmp_path / "outside" / "secret.gguf"


def truncated(small: Small, folder: Path) -> tuple[Path, str]:
    path = folder / "x.gguf"
    path.write_bytes(small.gguf.read_bytes()[:-5000])
    return path, "is it cut short?"


def oversized(small: Small, folder: Path) -> tuple[Path, str]:
    path = folder / "x.gguf"
    path.write_bytes(small.gguf.read_bytes() + bytes(5000))
    return path, "its tensors end at byte"


def header_that_lies(small: Small, folder: Path) -> tuple[Path, str]:
    path = folder / "x.gguf"
    changed = bytearray(small.gguf.read_bytes())
    changed[8:16] = (1 << 62).to_bytes(8, "little")
    path.write_bytes(changed)
    return path, "claims 4611686018427387904 tensors"


def corrupted_download(small: Small, folder: Path) -> tuple[Path, str]:
    root = hugging_face(folder / "hub", "someone/whisper", small.whisper_files)
    blob = max((root / "blobs").iterdir(), key=lambda path: path.stat().st_size)
    changed = bytearray(blob.read_bytes())
    changed[len(changed) // 2] ^= 1
    blob.write_bytes(changed)
    return root, "was changed or damaged: its hash is"


def corrupted_small_file(small: Small, folder: Path) -> tuple[Path, str]:
    root = hugging_face(folder / "hub", "someone/whisper", small.whisper_files)
    config = root / "snapshots" / COMMIT / "config.json"
    text = config.read_text()
    config.resolve().write_text(text + " ")
    return root, "config.json: "


def unfinished_download(small: Small, folder: Path) -> tuple[Path, str]:
    root = hugging_face(folder / "hub", "someone/whisper", small.whisper_files)
    (root / "snapshots" / COMMIT / "model.bin").resolve().unlink()
    return root, "was its download interrupted?"


def link_out_of_a_cache(small: Small, folder: Path) -> tuple[Path, str]:
    root = hugging_face(folder / "hub", "someone/chat", {"chat.gguf": small.gguf})
    link = root / "snapshots" / COMMIT / "chat.gguf"
    link.unlink()
    link.symlink_to(folder.parent / "outside" / "secret.gguf")
    return root, "is a link that leads out of"


def link_out_of_a_folder(_small: Small, folder: Path) -> tuple[Path, str]:
    (folder / "x.gguf").symlink_to(folder.parent / "outside" / "secret.gguf")
    return folder, "is a link that leads out of"


def substituted_blob(small: Small, folder: Path) -> tuple[Path, str]:
    manifest = ollama(folder / "store", "tiny:1b", small.gguf)
    blob = next((folder / "store" / "blobs").iterdir())
    random_gguf.write(blob, random_gguf.Geometry(32, 32, 1), seed=2)
    assert manifest.is_file()
    return folder / "store", "was changed or damaged: its hash is"


def blob_of_another_size(small: Small, folder: Path) -> tuple[Path, str]:
    ollama(folder / "store", "tiny:1b", small.gguf)
    blob = next((folder / "store" / "blobs").iterdir())
    blob.write_bytes(small.gguf.read_bytes() + b"more")
    return folder / "store", "bytes, expected"


def digest_that_climbs(small: Small, folder: Path) -> tuple[Path, str]:
    manifest = ollama(folder / "store", "tiny:1b", small.gguf)
    document = json.loads(manifest.read_text())
    document["layers"][0]["digest"] = "sha256:../../../outside/secret.gguf"
    manifest.write_text(json.dumps(document))
    return folder / "store", "expected sha256:HEX and a size"


def blob_that_is_a_link(small: Small, folder: Path) -> tuple[Path, str]:
    ollama(folder / "store", "tiny:1b", small.gguf)
    blob = next((folder / "store" / "blobs").iterdir())
    blob.unlink()
    blob.symlink_to(folder.parent / "outside" / "secret.gguf")
    return folder / "store", "is a link that leads out of"


def manifest_without_sense(_small: Small, folder: Path) -> tuple[Path, str]:
    manifest = folder / "store" / "manifests" / "registry.ollama.ai" / "library" / "x" / "latest"
    manifest.parent.mkdir(parents=True)
    (folder / "store" / "blobs").mkdir()
    manifest.write_text("[" * 200_000)
    return folder / "store", "nested too deeply"


def external_data(_small: Small, folder: Path) -> tuple[Path, str]:
    place = content(13, content(1, "location") + content(2, "../outside/secret.gguf"))
    network = model(graph(more=content(5, tensor("w", (2,), FLOAT32, b"", place))))
    return write_voice(folder / "v.onnx", network), "keeps data in another file"


def description_without_end(_small: Small, folder: Path) -> tuple[Path, str]:
    path = write_voice(folder / "v.onnx")
    (folder / "v.onnx.json").write_bytes(b" " * (5 << 20))
    return path, "bytes, expected at most 4194304"


def climbing_archive(_small: Small, folder: Path) -> tuple[Path, str]:
    with tarfile.open(folder / "x.tar", "w") as tar:
        entry = tarfile.TarInfo("../../outside/secret.gguf")
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"evil"))
    return folder / "x.tar", "climbs out of the archive"


def link_in_an_archive(_small: Small, folder: Path) -> tuple[Path, str]:
    with tarfile.open(folder / "x.tar", "w") as tar:
        entry = tarfile.TarInfo("x.gguf")
        entry.type, entry.linkname = tarfile.SYMTYPE, str(folder.parent / "outside")
        tar.addfile(entry)
    return folder / "x.tar", "which is outside"


def bomb(_small: Small, folder: Path) -> tuple[Path, str]:
    with zipfile.ZipFile(folder / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.gguf", bytes(16 << 20))
    return folder / "x.zip", "it is a bomb"


def broken_model_in_an_archive(small: Small, folder: Path) -> tuple[Path, str]:
    (folder / "x.gguf").write_bytes(small.gguf.read_bytes()[:9000])
    with tarfile.open(folder / "x.tar.gz", "w:gz") as tar:
        tar.add(folder / "x.gguf", "x.gguf")
    return folder / "x.tar.gz", "x.tar.gz: x.gguf is no sound GGUF file"


def pipe(_small: Small, folder: Path) -> tuple[Path, str]:
    os.mkfifo(folder / "x.gguf")
    return folder, "is not a regular file"


def web_page(_small: Small, folder: Path) -> tuple[Path, str]:
    (folder / "x.gguf").write_text("<!doctype html><html>Please log in</html>")
    return folder / "x.gguf", "begins with b'<!do', expected b'GGUF'"


def pointer(_small: Small, folder: Path) -> tuple[Path, str]:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    (folder / "x.gguf").write_text(pointer)
    return folder, "begins with b'vers', expected b'GGUF'"


CASES = (
    truncated, oversized, header_that_lies, corrupted_download, corrupted_small_file,
    unfinished_download, link_out_of_a_cache, link_out_of_a_folder, substituted_blob,
    blob_of_another_size, digest_that_climbs, blob_that_is_a_link, manifest_without_sense,
    external_data, description_without_end, climbing_archive, link_in_an_archive, bomb,
    broken_model_in_an_archive, pipe, web_page, pointer,
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__.replace("_", " "))
def test_it_is_refused(
    case: Callable[[Small, Path], tuple[Path, str]],
    small,
    store,
    tmp_path,
    outside,
    capsys,
    monkeypatch,
):
    monkeypatch.setattr(unpacking, "RATIO_FROM", 1 << 20)
    parley_import(store, small.gguf, "--as", "sound")
    before = contents(store)
    capsys.readouterr()
    (tmp_path / "given").mkdir()
    path, said = case(small, tmp_path / "given")
    assert main(["models", "import", str(path), "--store", str(store)]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("parley: ")
    assert error.count("\n") == 1
    assert said in error
    assert SECRET not in error
    assert contents(store) == before
    assert outside.read_text() == SECRET


def test_a_file_that_changes_while_it_is_imported_is_not_installed(
    small, store, tmp_path, monkeypatch, capsys
):
    path = copy([small.gguf], tmp_path / "given") / small.gguf.name
    honest = transfer.check_room

    def substitute(*arguments):
        random_gguf.write(path, random_gguf.Geometry(32, 32, 1), seed=9)
        return honest(*arguments)

    monkeypatch.setattr("gateway.provisioning.importing.importer.check_room", substitute)
    assert main(["models", "import", str(path), "--store", str(store)]) == 2
    assert "has the SHA-256" in capsys.readouterr().err
    assert contents(store) == {}


def test_an_interrupted_import_leaves_nothing(small, store, monkeypatch):
    def interrupted(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(transfer, "_install", interrupted)
    assert main(["models", "import", str(small.gguf), "--store", str(store)]) == 130
    assert contents(store) == {}
