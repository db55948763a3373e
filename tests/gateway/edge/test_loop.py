"""Which loop runs."""

import importlib.util

import pytest

from gateway.edge.loop import loop_factory
from gateway.errors import ConfigError


@pytest.fixture
def _without_uvloop(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "uvloop" else find(name)
    )


def test_asyncio_is_asyncios_own():
    assert loop_factory("asyncio") is None


@pytest.mark.usefixtures("_without_uvloop")
def test_auto_does_without_uvloop():
    assert loop_factory("auto") is None


@pytest.mark.usefixtures("_without_uvloop")
def test_a_missing_uvloop_is_told_with_the_command_that_installs_it():
    with pytest.raises(ConfigError, match=r"server\.loop .*pip install uvloop"):
        loop_factory("uvloop")


def test_auto_takes_uvloop_where_it_is_installed():
    uvloop = pytest.importorskip("uvloop")
    assert loop_factory("auto") is uvloop.new_event_loop
