"""The devices against real servers: the floor, and Parley with scripted engines."""

import asyncio
import os
import sys
from dataclasses import replace

import pytest

from benchmarks.peers.device import device
from benchmarks.peers.servers import PEERS, Environment, peer_server
from benchmarks.peers.speech import utterances
from benchmarks.peers.usage import cpu_s, rss_bytes
from benchmarks.peers.workloads import Calls, Crowd, calls, crowd, echoes, idle, solo
from gateway.client.errors import ClientError, Refused, SessionEnded, Unreachable, WaitExpired
from tests.benchmarks.peers.servers import BRISK, FLOOR, PARLEY_HERE, needs_uvloop

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="usage is read from /proc")


@needs_uvloop
async def test_the_floor_answers_every_frame():
    async with peer_server(FLOOR, BRISK) as server:
        assert server.versions.keys() == {"websockets", "uvloop"}
        found = await echoes(server, 3, seconds=2.0)  # raises unless about as many come as go
        assert found.devices == 3
        assert 3 * 50 < found.sent < 3 * 150
        pid = server.pid
    with pytest.raises(ClientError, match="is gone"):
        cpu_s(pid)


async def test_a_device_talks_to_parley_and_interrupts_it():
    async with peer_server(PARLEY_HERE, BRISK) as server:
        found = await solo(server, BRISK, 2)
        first, last = found.turns
        # How much of it was heard depends on the machine's pace, but some was cut off.
        assert 0 < first.samples < last.samples
        assert last.is_whole(BRISK.reply_samples)
        for turn in found.turns:
            assert turn.first_audio_s is not None
            assert turn.decided_s is not None
            assert 0.1 < turn.decided_s < turn.first_audio_s
        for each in found.interruptions:
            assert each.told_s is not None
            assert 0 < each.last_audio_s <= each.told_s + 0.5

        some = await crowd(server, BRISK, 3)
        assert (some.devices, some.failed, some.complaints) == (3, 0, ())
        assert some.seconds == pytest.approx(BRISK.cycle_s, rel=0.2)
        assert 0 < some.cpu_per_session_s < 1
        assert some.first_audio_p95_s is not None
        assert 0.2 < some.reply_share < 0.6

        quiet = await idle(server, 3, seconds=0.1)
        assert 0 < quiet.before_bytes <= quiet.with_bytes
        assert [ended for ended, _ in (await calls(server, 20)).rss] == [10, 20]
        assert rss_bytes(server.pid) > 0


async def test_parley_speaks_as_many_frames_as_it_hears():
    flags = ("--set=turn.vad=energy", "--set=conversation.max_tokens=4096")
    async with peer_server(PARLEY_HERE, BRISK, flags=flags) as server:
        found = await echoes(server, 2, seconds=2.0, prompt="Hello.")
        assert found.us_each > 0
        with pytest.raises(ClientError, match="parley answered 0 frames to"):
            await echoes(server, 1, seconds=0.2)


async def test_a_full_parley_refuses_and_one_that_is_gone_is_not_reached():
    before = asyncio.all_tasks()
    async with peer_server(PARLEY_HERE, BRISK, flags=("--set=server.max_sessions=1",)) as server:
        with pytest.raises(Refused, match="HTTP 503"):
            await idle(server, 2, seconds=0.1)
    wire = server.wire()
    with pytest.raises(Unreachable, match=r"no answer at 127\.0\.0\.1"):
        async with device(server.connector(wire), wire):
            pass
    assert asyncio.all_tasks() == before  # whatever went wrong


async def test_a_reply_that_does_not_come_and_a_lost_connection_are_told_apart():
    [stop] = utterances(("stop",))
    async with peer_server(PARLEY_HERE, BRISK, flags=("--set=turn.mode=off",)) as server:
        wire = server.wire()
        async with device(server.connector(wire), wire) as one:
            with pytest.raises(WaitExpired, match=r"no reply within 0\.1 s"):
                await one.reply_after(one.say(stop), 0.1)
            os.kill(server.pid, 9)
            with pytest.raises(SessionEnded, match="lost"):
                await one.reply_after(one.say(stop), 0.1)
        assert any("lost" in complaint for complaint in one.notes.complaints)


async def test_a_server_that_does_not_start_says_why(tmp_path):
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho 'ModuleNotFoundError: nothing here' >&2\nexit 1\n")
    script.chmod(0o755)
    broken = Environment(PEERS["pipecat"], script)
    with pytest.raises(Unreachable, match="pipecat did not start: ModuleNotFoundError: nothing"):
        async with peer_server(broken, BRISK):
            pass


def test_growth_is_that_of_the_second_half():
    filling = [(10, 100), (20, 400), (30, 700)]
    steady = [(40, 900), (50, 920), (60, 940)]
    assert Calls(60, tuple(filling + steady)).bytes_each == pytest.approx(2.0)
    assert Calls(10, ((10, 900),)).bytes_each is None


def test_processor_time_is_that_of_a_session():
    found = Crowd(4, (), 0, (), 10.0, 2.0, 1.0, 1.0, 0.3)
    assert found.cpu_per_session_s == pytest.approx(0.05)
    assert found.first_audio_p95_s is None
    assert replace(found, seconds=5.0).cpu_per_session_s == pytest.approx(0.1)
