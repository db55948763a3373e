"""The loop's lateness under an injected clock."""

import asyncio

import pytest

from gateway.control.loop_lag import measure_loop_lag


async def test_lateness_is_what_a_timer_took_beyond_its_time():
    now, lateness, seen = 100.0, [0.0, 0.02, -0.001], []

    async def sleep(seconds):
        nonlocal now
        if not lateness:
            raise asyncio.CancelledError
        now += seconds + lateness.pop(0)

    with pytest.raises(asyncio.CancelledError):
        await measure_loop_lag(seen.append, interval_s=0.05, clock=lambda: now, sleep=sleep)
    assert seen == pytest.approx([0.0, 0.02, 0.0])
