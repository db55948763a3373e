"""Devices in several processes: one run, one result."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.load import workers
from benchmarks.load.runner import Run, Target
from benchmarks.load.scenario import load_scenario
from tests.end_to_end.servers import scripted_server

CHANGES = [
    "sessions.count=4",
    "sessions.duration_s=600",
    "sessions.settle_s=0",
    "sessions.spread_s=0.01",
    "sessions.drain_s=10",
    "speech.utterances=['stop', 'hello']",
    "speech.modes=['vad']",
    "speech.text_share=0",
    "speech.barge_in_share=0",
    "speech.think_s=[0, 0.1]",
    "speech.max_tokens=2",
]
WAIT_S = 90


@pytest.fixture(scope="module")
def server():
    with scripted_server(server={"max_sessions": 40}, turn={"silence_ms": 200}) as running:
        yield running


@pytest.fixture
def started(monkeypatch):
    """The client processes that a test starts."""
    found = []
    start = workers._start

    async def noting(plan):
        found.append(await start(plan))
        return found[-1]

    monkeypatch.setattr(workers, "_start", noting)
    return found


async def run(server, during):
    scenario = load_scenario("smoke", CHANGES)
    one = Run(scenario, Target(server.url, served=True), command="parley bench", processes=2)
    async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as tasks:
        beside = tasks.create_task(during(one))
        result = await one.execute()
        beside.cancel()
    return result


async def each_device_had_a_turn(one):
    records = one.progress.records
    while len({turn.session for turn in records.turns}) < 4 or len(one.progress.steps) > 0:
        await asyncio.sleep(0.05)


async def test_what_two_processes_measure_becomes_one_result(server, started):
    async def stop(one):
        await each_device_had_a_turn(one)
        assert one.progress.records.open == 4
        one.stop("enough")

    result = await run(server, stop)
    assert result.incomplete == "enough"
    assert result.client_processes == 2
    assert [each.number for each in result.sessions] == [0, 1, 2, 3]
    assert {each.outcome for each in result.sessions} == {"stopped"}
    # The devices are those of one process: formats rotate by place, whoever hosts it.
    formats = [each.codec.split("/")[0] for each in result.sessions]
    assert sorted(formats) == ["opus", "opus", "pcm_s16le", "pcmu"]
    assert result.totals.failed_turns == 0
    assert sum(each.turns for each in result.sessions) == len(result.turns)
    for turn in result.turns:
        assert 0 < turn.begin_s < turn.end_of_speech_s < turn.first_audio_s < result.duration_s
    assert result.totals.client_lag_p99_ms is not None
    assert [each.process.returncode for each in started] == [0, 0]


async def test_a_client_process_that_dies_ends_the_run_with_a_report(server, started):
    async def kill(one):
        await each_device_had_a_turn(one)
        started[1].process.kill()
        await asyncio.sleep(WAIT_S)

    result = await run(server, kill)
    assert result.incomplete == "client process 2 died with exit code -9"
    assert not result.passed
    assert {"client_died", "stopped"} <= {fault.kind for fault in result.faults}
    assert {each.number % 2 for each in result.sessions} == {0}
    assert {turn.session % 2 for turn in result.turns} == {0, 1}
    assert started[0].process.returncode == 0


async def test_a_run_that_is_cancelled_leaves_no_process_behind(server, started):
    async def nothing(one):
        await asyncio.sleep(WAIT_S)

    running = asyncio.ensure_future(run(server, nothing))
    while len(started) < 2 or started[1].latest is None:
        await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [each.process.returncode for each in started] == [0, 0]
