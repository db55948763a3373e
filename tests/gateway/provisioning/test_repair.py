"""`parley models verify`: one flipped bit is found, and --repair gets that file again."""

import hashlib
import random

import pytest

from gateway.cli import main
from pipeline.models.store import Store

WEIGHTS = random.Random(2).randbytes(300_000)
FILES = {"model.bin": WEIGHTS, "config.json": b"{}"}

CATALOGUE = """
schema = 2
[profiles]
[models.tiny]
engine = "faster-whisper"
source = {{ repository = "acme/tiny", revision = "v1" }}
[models.tiny.files]
{files}
[models.own]
engine = "faster-whisper"
path = "own"
"""


@pytest.fixture
def catalogue(server, store, tmp_path, monkeypatch):
    """A models file whose model the server has; the store is the environment's."""
    lines = []
    for name, content in FILES.items():
        server.files[f"/acme/tiny/resolve/v1/{name}"] = content
        sha256 = hashlib.sha256(content).hexdigest()
        lines.append(f'"{name}" = {{ bytes = {len(content)}, sha256 = "{sha256}" }}')
    path = tmp_path / "models.toml"
    path.write_text(CATALOGUE.format(files="\n".join(lines)))
    monkeypatch.setenv("PARLEY_MODELS", str(store.root))
    monkeypatch.setenv("PARLEY_MIRROR", server.url)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    return path


def parley(capsys, *words: object) -> tuple[int, str]:
    code = main(["models", *map(str, words)])
    output = capsys.readouterr()
    return code, " ".join((output.out + output.err).split())


def flip(store: Store, model: str, name: str) -> None:
    path = (store.path(model) / name).resolve()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.chmod(0o644)
    path.write_bytes(content)


def test_a_flipped_bit_is_found_named_and_repaired(server, store, catalogue, capsys):
    assert parley(capsys, "pull", "tiny", "--models", catalogue)[0] == 0
    assert parley(capsys, "verify", "tiny", "--models", catalogue)[0] == 0
    flip(store, "tiny", "model.bin")
    code, said = parley(capsys, "verify", "tiny", "--models", catalogue)
    assert code == 2
    assert "models/tiny/model.bin was changed or damaged" in said
    assert "config.json" not in said
    server.requests.clear()
    code, said = parley(capsys, "verify", "tiny", "--repair", "--models", catalogue)
    assert code == 0
    assert [each.path for each in server.requests] == ["/acme/tiny/resolve/v1/model.bin"]
    assert parley(capsys, "verify", "tiny", "--models", catalogue)[0] == 0
    assert (store.path("tiny") / "model.bin").read_bytes() == WEIGHTS


def test_a_damaged_note_is_repaired_without_a_download(server, store, catalogue, capsys):
    parley(capsys, "pull", "tiny", "--models", catalogue)
    (store.path("tiny") / ".files.json").write_text("nonsense")
    server.requests.clear()
    assert parley(capsys, "verify", "tiny", "--models", catalogue)[0] == 2
    assert parley(capsys, "verify", "tiny", "--repair", "--models", catalogue)[0] == 0
    assert server.requests == []
    assert parley(capsys, "verify", "tiny", "--models", catalogue)[0] == 0


def test_what_cannot_be_had_again_is_left_as_it_is(store, catalogue, capsys, tmp_path):
    source = tmp_path / "weights"
    source.write_bytes(WEIGHTS)
    sha256 = hashlib.sha256(WEIGHTS).hexdigest()
    store.adopt(source, sha256=sha256, bytes=None, move=True)
    store.link("imported", {"model.bin": sha256})
    flip(store, "imported", "model.bin")
    code, said = parley(capsys, "verify", "imported", "--repair", "--models", catalogue)
    assert code == 2
    assert "import it again" in said
    assert (store.path("imported") / "model.bin").is_file()
