import pytest

from pipeline.models.store import Store
from tests.gateway.provisioning.model_server import ModelServer


@pytest.fixture
def server():
    with ModelServer() as running:
        yield running


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture(autouse=True)
def _no_one_s_environment(monkeypatch):
    """Neither proxies nor tokens of whoever runs the tests."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("PARLEY_MIRROR", "PARLEY_MIRROR_TOKEN", "PARLEY_MODELS", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
