"""What the server says of itself."""

import asyncio
import time

import pytest

from benchmarks.load.server_metrics import (
    ClientLoad,
    MetricsPage,
    Sampler,
    server_totals,
    slope,
)
from benchmarks.results import ServerSample, ServerTotals
from gateway.control.metrics import Metrics
from pipeline.engines.thread import EngineStatistics


def page(*, turns, busy, lag):
    metrics = Metrics({"voice": lambda: EngineStatistics(busy, turns, 2)})
    metrics.session_opened()
    for _ in range(turns):
        metrics.turn("completed", {"stop_to_audio_ms": 100})
    for seconds in lag:
        metrics.loop_lag(seconds)
    metrics.interrupted(1.5)
    metrics.received(10)
    return MetricsPage(metrics.text().decode())


def test_a_page_is_read_by_name_and_label():
    found = page(turns=3, busy=1.5, lag=[])
    assert found.value("parley_sessions_active") == 1
    assert found.by_label("parley_engine_queue_jobs") == {"voice": 2.0}
    assert found.by_label("parley_turns_total") == {"completed": 3.0}
    assert found.value("no_such_metric") is None
    assert MetricsPage("").by_label("parley_turns_total") == {}


def test_totals_are_what_grew_between_the_first_page_and_the_last():
    first = page(turns=1, busy=1.0, lag=[0.001])
    last = page(turns=5, busy=4.0, lag=[0.001] + [0.015] * 50)
    samples = [ServerSample(float(at), 1, 0.0, 1000 + at, None, None) for at in range(120)]
    found = server_totals([first, last], samples)
    assert found.turns == {"completed": 4}
    assert found.engine_busy_s == {"voice": 3.0}
    assert found.loop_lag_p99_ms == pytest.approx(20)
    assert (found.rss_begin_bytes, found.rss_peak_bytes) == (1000, 1119)
    assert found.rss_slope_bytes_per_hour is None  # less than a minute in the second half
    assert server_totals([first], samples) == ServerTotals()


def test_memory_that_grows_has_a_slope():
    first, last = page(turns=0, busy=0, lag=[]), page(turns=0, busy=0, lag=[])
    samples = [ServerSample(float(at), 1, 0.0, 10 * at + 1, None, None) for at in range(200)]
    found = server_totals([first, last], samples)
    assert found.rss_slope_bytes_per_hour == pytest.approx(36_000)


def test_a_slope_needs_two_places():
    assert slope([(1.0, 1.0), (2.0, 3.0), (3.0, 5.0)]) == pytest.approx(2)
    assert slope([(1.0, 1.0)]) is None
    assert slope([(1.0, 1.0), (1.0, 2.0)]) is None


def test_the_client_knows_how_late_its_own_timers_are():
    load = ClientLoad()
    assert (load.take_p99_ms(), load.p99_ms) == (None, None)
    for milliseconds in range(1, 101):
        load.lag(milliseconds / 1000)
    assert load.take_p99_ms() == pytest.approx(99)
    assert load.take_p99_ms() is None
    assert load.p99_ms == pytest.approx(99, rel=0.11)
    assert load.cpu_s() > 0


async def test_a_page_that_is_refused_is_noted_once_and_ends_the_sampling():
    async def forbid(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(forbid, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        sampler = Sampler(
            f"ws://127.0.0.1:{port}/v1/native", ClientLoad(), origin=0.0, clock=time.monotonic
        )
        async with asyncio.timeout(10):
            await sampler.run(0.01)
    assert sampler.note == "the server's metrics cannot be read: HTTP 401"
    assert sampler.samples == []
    assert not sampler.lost.is_set()


async def test_the_key_opens_the_page_of_a_server_elsewhere():
    asked = []

    async def answer(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        body = page(turns=1, busy=0.5, lag=[]).text.encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"ws://127.0.0.1:{port}/v1/native"
        sampler = Sampler(url, ClientLoad(), origin=0.0, clock=time.monotonic, key="the key")
        await sampler.sample()
    assert b"\r\nAuthorization: Bearer the key\r\n" in asked[0]
    [sample] = sampler.samples
    assert (sample.sessions, sample.busy_s, sample.messages_in) == (1, {"voice": 0.5}, 1)


async def test_a_page_under_tls_is_not_asked_for_with_the_key_in_the_clear():
    sampler = Sampler(
        "wss://127.0.0.1:1/v1/native", ClientLoad(), origin=0.0, clock=time.monotonic, key="the key"
    )
    await sampler.sample()
    assert sampler.note == "the server's metrics cannot be read: they are read over plain HTTP only"
