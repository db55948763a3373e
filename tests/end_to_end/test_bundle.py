"""A bundle, from its archive alone: installed and spoken to where there is no network at all."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from pipeline.models.store import Store

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.engines, pytest.mark.timeout(600)]

ALONE = """\
import errno, fcntl, os, socket, struct, subprocess, sys

hidden, *command = sys.argv[1:]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    up = struct.pack("16sh", b"lo", 0x1)  # ifreq with IFF_UP, for SIOCSIFFLAGS: netdevice(7)
    fcntl.ioctl(control, 0x8914, up)
assert [name for _, name in socket.if_nameindex()] == ["lo"], socket.if_nameindex()
try:
    socket.create_connection(("192.0.2.1", 9), 5)
except OSError as error:
    assert error.errno == errno.ENETUNREACH, error
subprocess.run(["mount", "-t", "tmpfs", "none", hidden], check=True)
assert not os.listdir(hidden)
os.execvp(command[0], command)
"""
"""Runs a command with nothing but a loopback interface, and with the checkout out of sight."""

UNSHARE = ["unshare", "--net", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
PYTHON = str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")


def alone(home: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command in an empty home without any network."""
    return subprocess.run(
        [*UNSHARE, PYTHON, "-I", "-c", ALONE, ROOT, *command],
        cwd=home,
        env={"HOME": str(home), "PATH": f"{Path(PYTHON).parent}:/usr/bin:/bin", "PYTHON": PYTHON},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def parley(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the checkout's."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare to make namespaces with")
    tried = alone(folder, "true")
    if tried.returncode:
        pytest.skip(f"namespaces are not permitted here: {tried.stdout.strip()}")
    yield folder
    shutil.rmtree(folder)  # 600 MB, which pytest would keep for three runs


def imported(folder: Path) -> Store:
    """Make a store with a model of the user's own, as `parley models import` leaves it."""
    file = folder / "mine.gguf"
    file.write_bytes((ROOT / "starter/models/language-model/starter-q8_0.gguf").read_bytes())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    store = Store(folder / "models")
    store.adopt(file, sha256=digest, move=True)
    store.link("mine", {"mine.gguf": digest})
    files = {"mine.gguf": {"sha256": digest}}
    store.add_entry("mine", {"engine": "llama.cpp", "licence": "Apache-2.0", "files": files})
    return store


@pytest.fixture(scope="module")
def bundle(home, tmp_path_factory):
    """Made as a user makes it, but not compressed, which only takes time here."""
    listed = [sys.executable, "-m", "pip", "cache", "list", "llama_cpp_python"]
    found = subprocess.run(listed, capture_output=True, text=True, check=False).stdout
    if "llama_cpp_python-" not in found:
        pytest.skip("pip has no llama-cpp-python in its cache, and compiling it takes minutes")
    path = tmp_path_factory.mktemp("made") / "parley-bundle.tar"
    store = imported(tmp_path_factory.mktemp("imported"))
    more = ("--model", "mine", "--store", store.root)
    made = parley("bundle", "create", "--profile", "starter", *more, "-o", path)
    assert made.returncode == 0, made.stdout
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    return path


def test_a_bundle_installs_and_converses_without_any_network(bundle, home):
    checked = parley("bundle", "verify", bundle)
    assert checked.returncode == 0, checked.stdout
    listed = parley("bundle", "list", bundle)
    assert listed.returncode == 0, listed.stdout
    for component in ("llama-cpp-python", "piper-tts", "GPL-3.0-or-later", "starter-voice"):
        assert component in listed.stdout

    with tarfile.open(bundle) as packed:
        packed.extractall(bundle.parent, filter="data")
    installed = alone(home, bundle.parent / "parley-bundle" / "install.sh", "--user")
    assert installed.returncode == 0, installed.stdout
    assert "all is well" in installed.stdout

    shutil.rmtree(bundle.parent)
    found = alone(home, home / ".local/bin/parley", "models", "path", "mine")
    assert found.stdout.strip().endswith("/.local/share/parley/models/models/mine/mine.gguf")
    demonstrated = alone(home, home / ".local/bin/parley", "demo")
    assert demonstrated.returncode == 0, demonstrated.stdout
    assert "ok: three turns were heard" in demonstrated.stdout
    assert (home / "parley-demo/conversation.wav").stat().st_size > 100_000
    assert not (home / ".cache/Microsoft").exists(), "onnxruntime gathers telemetry"
