"""The two signals."""

import asyncio
import os
import signal

import pytest

from gateway.edge.signals import ShutdownSignals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_first_signal_asks_and_the_second_forces(number):
    forced = asyncio.Event()
    statuses = []

    def force(status):
        statuses.append(status)
        forced.set()

    async with ShutdownSignals(force=force) as signals:
        assert not signals.requested.is_set()
        os.kill(os.getpid(), number)
        async with asyncio.timeout(10):
            await signals.requested.wait()
        assert statuses == []
        os.kill(os.getpid(), number)
        async with asyncio.timeout(10):
            await forced.wait()
    assert statuses == [128 + number]


async def test_a_shutdown_can_be_requested_without_a_signal():
    async with ShutdownSignals() as signals:
        signals.request()
        assert signals.requested.is_set()


async def test_signals_work_as_before_afterwards():
    async with ShutdownSignals():
        pass
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
