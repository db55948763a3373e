import asyncio
import gc
import re
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.app import App, keep_what_is_loaded, new_id, serve
from gateway.engine_room import ScriptedEngines
from gateway.errors import OperatorError
from pipeline.errors import EngineUnavailable
from tests.end_to_end.raw_client import Connected
from tests.end_to_end.servers import SCRIPTED, config

SETTINGS = config(engines=SCRIPTED["engines"])


def test_ids_are_a_prefix_and_80_random_bits():
    ids = {new_id("s") for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"s_[a-z2-7]{16}", name) for name in ids)


def test_an_address_that_is_taken_is_one_plain_error():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        busy = replace(SETTINGS, server=replace(SETTINGS.server, port=port, loop="asyncio"))
        with pytest.raises(OperatorError, match=f"port {port} is in use"):
            serve(busy)


def test_a_profile_that_does_not_exist_is_one_plain_error():
    with pytest.raises(OperatorError, match="nonsense"):
        serve(config(models={"profile": "nonsense"}))


def test_a_model_file_that_is_missing_is_one_plain_error_that_names_it(tmp_path: Path):
    catalogue = (Path(__file__).parents[2] / "models.toml").read_text(encoding="utf-8")
    copy = tmp_path / "models.toml"
    copy.write_text(catalogue, encoding="utf-8")  # and none of the models beside it
    with pytest.raises(OperatorError) as failure:
        serve(config(models={"file": copy}))
    assert str(tmp_path) in str(failure.value)
    assert "\n" not in str(failure.value)


class Unavailable(ScriptedEngines):
    """Two engines fail for the same reason, and one for another."""

    async def __aenter__(self):
        same = "onnxruntime is not installed"
        reasons = [EngineUnavailable(same), EngineUnavailable(same), EngineUnavailable("no GPU")]
        raise ExceptionGroup("loading", reasons)


def test_engines_that_cannot_be_loaded_are_one_plain_error(monkeypatch):
    monkeypatch.setattr("gateway.app.engine_room", Unavailable)
    with pytest.raises(OperatorError) as failure:
        serve(SETTINGS)
    assert str(failure.value) == "onnxruntime is not installed; no GPU"


class Broken(ScriptedEngines):
    """Fails with an error of the program itself."""

    async def __aenter__(self):
        raise ZeroDivisionError


def test_an_error_of_the_program_is_not_made_to_look_like_the_operators(monkeypatch):
    monkeypatch.setattr("gateway.app.engine_room", Broken)
    with pytest.raises(ExceptionGroup) as failure:
        serve(SETTINGS)
    assert failure.group_contains(ZeroDivisionError)


async def test_a_server_announces_the_limits_that_are_configured():
    settings = config(
        engines=SCRIPTED["engines"],
        server={"session_ttl_s": 90.0, "heartbeat_s": 7.0},
        limits={"max_text": 8192, "max_streams": 2, "history_items": 50},
    )
    async with running(settings) as app, Connected(app.listener.url) as client:
        welcome = await client.hello()
    limits = welcome["limits"]
    assert (limits["max_text"], limits["max_streams"], limits["history_items"]) == (8192, 2, 50)
    assert limits["session_ttl_ms"] == 90_000
    assert welcome["heartbeat_ms"] == 7000
    assert welcome["session"].startswith("s_")


class running:  # noqa: N801 - reads as a statement
    """An app on this loop, from ready to stopped; no task may be left."""

    def __init__(self, settings):
        self._app = App(settings, ScriptedEngines(settings))
        self._stop = asyncio.Event()

    async def __aenter__(self):
        self._before = asyncio.all_tasks()
        self._task = asyncio.create_task(self._app.run(self._stop))
        async with asyncio.timeout(30):
            while self._app.health.state != "ready":
                assert not self._task.done(), self._task.exception()
                await asyncio.sleep(0.01)
        return self._app

    async def __aexit__(self, *_):
        self._stop.set()
        await self._task
        assert asyncio.all_tasks() == self._before


async def test_each_connection_has_its_own_session_token_and_the_servers_epoch():
    async with (
        running(SETTINGS) as app,
        Connected(app.listener.url) as one,
        Connected(app.listener.url) as other,
    ):
        first, second = await one.hello(), await other.hello()
    assert first["session"] != second["session"]
    assert first["token"] != second["token"]
    assert first["epoch"] == second["epoch"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"preset": "nonsense"}, "unknown_preset"),
        ({"session": {"voice": "nonsense"}}, "bad_field"),
        ({"audio": {"in": [{"codec": "flac", "rate": 16000, "frame_ms": 20}], "out": []}},
         "unsupported_codec"),
    ],
)  # fmt: skip
async def test_a_hello_that_cannot_be_served_is_refused_and_leaves_no_session(changes, code):
    async with running(SETTINGS) as app, Connected(app.listener.url) as client:
        body = {"protocol": 1, "client": {"name": "x", "version": "1"}, **changes}
        await client.send("hello", **body)
        await client.socket.wait_closed()
        (error,) = client.of("error")
        assert (error["code"], error["fatal"]) == (code, True)
        assert len(app._sessions) == 0


async def test_stopping_says_goodbye_and_does_not_wait_for_those_who_say_nothing():
    context = running(SETTINGS)
    app = await context.__aenter__()
    async with Connected(app.listener.url) as client:
        await client.hello()
        await context.__aexit__()
        await client.socket.wait_closed()
        assert client.of("goaway")
        assert client.socket.close_code == 1001


@pytest.mark.parametrize("number", [2**70, -(2**70), 1.5e300, 2**53 - 1, 0.5])
async def test_numbers_of_any_size_in_metadata_come_back(number):
    async with running(SETTINGS) as app, Connected(app.listener.url) as client:
        await client.hello()
        await client.send("response.create", say="Hi.", metadata={"n": [number]}, id="a")
        started = await client.until("response.started")
        assert started["metadata"] == {"n": [pytest.approx(number)]}
        await client.until("response.done")


def test_what_is_loaded_is_no_longer_looked_at_by_the_garbage_collector():
    before = gc.get_freeze_count()
    try:
        keep_what_is_loaded()
        assert gc.get_freeze_count() > before + 10_000
    finally:
        gc.unfreeze()
