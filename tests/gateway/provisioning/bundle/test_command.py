"""`parley bundle verify` and `list`, and what `create` refuses before it does anything."""

import hashlib
import shutil
import tarfile

import pytest

from gateway import cli
from tests.gateway.provisioning.bundle.making import FOLDER, HERE, make_archive


@pytest.fixture
def bundle(tmp_path):
    return make_archive(tmp_path / "bundle.tar.gz", tmp_path / "wheels", cpu=("avx2",))


def parley(*arguments) -> int:
    return cli.main(["bundle", *map(str, arguments)])


def refused(capsys, *arguments) -> str:
    assert parley(*arguments) == 2
    written = capsys.readouterr()
    [line] = written.err.splitlines()
    assert line.startswith("parley: ")
    return line


def test_a_whole_bundle_is_said_to_be_whole(bundle, capsys):
    assert parley("verify", bundle) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert "all 9 files" in last
    assert f"Parley 0.1.0 for {HERE.platform}, Python {HERE.python}" in last


def test_an_unpacked_bundle_is_verified_as_well(bundle, tmp_path, capsys):
    with tarfile.open(bundle) as packed:
        packed.extractall(tmp_path, filter="data")
    assert parley("verify", tmp_path / FOLDER) == 0
    (tmp_path / FOLDER / "README.md").write_text("changed")
    assert "README.md was changed or damaged" in refused(capsys, "verify", tmp_path / FOLDER)


def test_the_archive_s_own_hash_is_compared_if_it_is_given(bundle, capsys):
    digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
    assert parley("verify", bundle, "--sha256", digest.upper()) == 0
    assert "has another hash" in refused(capsys, "verify", bundle, "--sha256", "0" * 64)


def test_a_bundle_is_listed_with_versions_and_licences(bundle, capsys):
    assert parley("list", bundle) == 0
    written = capsys.readouterr().out
    assert "glibc 2.17 or newer, a processor with avx2" in written
    [line] = [line for line in written.splitlines() if line.startswith("tiny ")]
    assert line.split() == ["tiny", "1.0", "not", "said", "package"]


@pytest.mark.parametrize("action", ["verify", "list"])
def test_a_file_that_is_not_there_is_named(action, tmp_path, capsys):
    assert "none.tar.gz does not exist" in refused(capsys, action, tmp_path / "none.tar.gz")


@pytest.mark.parametrize("action", ["verify", "list"])
def test_a_bundle_that_is_cut_short_is_one_line(action, bundle, capsys):
    content = bundle.read_bytes()
    bundle.write_bytes(content[: len(content) // 2])
    assert "get it again" in refused(capsys, action, bundle)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--profile", "none"], "there is no profile 'none'"),
        (["--platform", "windows-x86_64"], "bundles for windows-x86_64 are not made"),
        (["--python", "3.9"], "is not a version such as 3.11 or newer"),
        (["--wheels", "/none"], "--wheels /none is no folder"),
        (["-o", "/none/bundle.tar.gz"], "/none is no folder; name another with -o"),
        (["--model", "none"], "'none' is neither a profile nor a model"),
        (["--languages", "xx"], "--languages xx: starter has models for"),
    ],
)
def test_what_cannot_be_made_is_said_before_anything_is_fetched(
    arguments, line, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("PARLEY_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    assert line in refused(capsys, "create", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_before_anything_is_fetched(tmp_path, capsys, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    line = refused(capsys, "create", "-o", tmp_path)
    assert "has 1 MB free, the bundle takes" in line
    assert list(tmp_path.iterdir()) == []
