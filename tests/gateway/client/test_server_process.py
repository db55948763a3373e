"""Servers that a client command starts for itself."""

from __future__ import annotations

import os

import pytest

from gateway.client.errors import Unreachable
from gateway.client.server_process import http_get, serve


async def test_a_server_runs_as_long_as_its_context(tmp_path):
    said = []
    async with serve("--engines", "scripted", progress=said.append) as server:
        assert server.url.startswith("ws://127.0.0.1:")
        assert any(f"listening on {server.url}" in line for line in said)
        assert (await server.page("/healthz"))[0] == 200
        status, metrics = await server.page("/metrics")
        assert status == 200
        assert "parley_loop_lag_seconds" in metrics
        os.kill(server.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)
    with pytest.raises(Unreachable, match="no page http"):
        await http_get(server.url, "/healthz")


async def test_a_server_that_cannot_start_says_why():
    with pytest.raises(Unreachable, match=r"exit code 2: parley: .*nonsense") as caught:
        async with serve("--profile", "nonsense"):
            pass
    assert "\n" not in str(caught.value)


async def test_what_happens_inside_comes_out_as_it_is():
    with pytest.raises(ZeroDivisionError):
        async with serve("--engines", "scripted") as server:
            raise ZeroDivisionError
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)
