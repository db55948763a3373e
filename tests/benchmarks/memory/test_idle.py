"""Sessions do what they shall before they are weighed, and are open when they are."""

import pytest

from benchmarks.memory.footprint import Footprint
from benchmarks.memory.idle import Activity, Target, measure_idle, visit
from gateway.client.errors import ClientError
from gateway.client.server_process import serve


async def turns_and_sessions(server):
    _, page = await server.page("/metrics")
    named = [line.rpartition(" ") for line in page.splitlines() if not line.startswith("#")]
    turns = sum(float(value) for name, _, value in named if name.startswith("parley_turns_total"))
    [active] = [float(value) for name, _, value in named if name == "parley_sessions_active"]
    return turns, active


async def test_a_session_that_talks_has_had_its_turn_and_is_still_there():
    async with serve("--engines", "scripted") as server, visit(server.url, Activity.TALKED):
        assert await turns_and_sessions(server) == (1, 1)


async def test_a_session_that_only_connects_has_no_turn():
    async with (
        serve("--engines", "scripted") as server,
        visit(server.url, Activity.CONNECTED),
    ):
        assert await turns_and_sessions(server) == (0, 1)


async def test_the_server_is_weighed_with_none_and_then_more_and_more_sessions():
    seen = []
    async with serve("--engines", "scripted") as server:
        target = Target(server.url, lambda: Footprint(1000 + len(seen), 500))

        async def weighed(count):
            seen.append((count, (await turns_and_sessions(server))[1]))

        found = await measure_idle(
            target, Activity.CONNECTED, sessions=4, settle_s=0.05, weighed=weighed
        )
    assert [count for count, _ in seen] == [0, 1, 2, 3, 4]
    # Who has said bye may still be counted for a moment.
    assert all(active >= count for count, active in seen)
    assert found.resident == (1000, 1001, 1002, 1003, 1004)
    assert found.per_session.slope == pytest.approx(1)


async def test_a_server_that_is_full_ends_the_measurement():
    async with serve("--engines", "scripted", "--max-sessions", "2") as server:
        target = Target(server.url, lambda: Footprint(1, 1))
        with pytest.raises(ExceptionGroup) as raised:
            await measure_idle(target, Activity.CONNECTED, sessions=4, settle_s=0.01)
        assert raised.group_contains(ClientError, match="503")
