"""A user with an empty home, a models file of tiny models, and a server that has their files."""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import tomli_w

from gateway import cli
from pipeline.models.store import Store
from tests.gateway.provisioning.model_server import ModelServer
from tests.pipeline.models.catalogues import changed


@dataclass
class Shell:
    """Runs ``parley`` in the process, as that user."""

    home: Path
    models: Path
    server: ModelServer
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, code: int = 0) -> list[str]:
        """Return what was printed, line by line, after ``code`` came out."""
        try:
            found = cli.main(["models", *arguments])
        except SystemExit as left:
            found = left.code
        out, self.err = self.capsys.readouterr()
        assert found == code, (found, out, self.err)
        assert code or not self.err, self.err
        return out.splitlines()

    def refused(self, *arguments: str) -> str:
        """Return the one line in which something was refused."""
        assert self(*arguments, code=2) == []
        assert self.err.startswith("parley: ")
        assert self.err.count("\n") == 1
        return self.err.removeprefix("parley: ").rstrip()

    def pull(self, *arguments: str, code: int = 0) -> list[str]:
        return self("pull", *arguments, "--mirror", self.server.url, code=code)

    @property
    def store(self) -> Store:
        return Store(self.home / "store")


def served(document: dict, server: ModelServer) -> None:
    """Give every file of a catalogue some bytes, which the server has."""
    for id, model in document["models"].items():
        source = model["source"]
        folder = "/".join(filter(None, [source["revision"], source.get("folder", "")]))
        for name in model["files"]:
            content = f"{id}/{name}".encode() * 3
            digest = hashlib.sha256(content).hexdigest()
            model["files"][name] = {"bytes": len(content), "sha256": digest}
            server.files[f"/{source['repository']}/resolve/{folder}/{name}"] = content


@pytest.fixture
def parley(tmp_path, monkeypatch, server, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PARLEY_MODELS", str(tmp_path / "store"))
    monkeypatch.setenv("PARLEY_MODELS_FILE", str(tmp_path / "models.toml"))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    for name in ("PARLEY_CONFIG", "PARLEY_MODELS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    document = changed("profiles/both/description", "For tests.")
    served(document, server)
    models = tmp_path / "models.toml"
    models.write_text(tomli_w.dumps(document), encoding="utf-8")
    monkeypatch.setenv("PARLEY_MODELS_PROFILE", "both")
    for name in cli.ENVIRONMENT:
        monkeypatch.setenv(name, "kept")
    return Shell(tmp_path, models, server, capsys)
