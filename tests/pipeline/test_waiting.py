"""Waiting with a deadline, and for what happens with every frame."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.waiting import Signal, event_within
from tests.virtual_time import run


def test_a_signal_wakes_its_waiter_and_stays_set_until_it_is_cleared():
    async def scene():
        signal = Signal()
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(signal.wait())
            await asyncio.sleep(0)
            assert not waiting.done()
            signal.set()
        await signal.wait()
        assert signal.is_set()
        signal.clear()
        assert not signal.is_set()

    run(scene())


def test_a_wait_with_a_deadline_ends_at_it_and_not_before():
    async def scene():
        loop, signal = asyncio.get_running_loop(), Signal()
        began = loop.time()
        await signal.wait_within(3.0)
        assert loop.time() - began == pytest.approx(3.0)
        loop.call_later(1.0, signal.set)
        await signal.wait_within(3.0)
        assert loop.time() - began == pytest.approx(4.0)
        await signal.wait_within(3.0)
        assert loop.time() - began == pytest.approx(4.0)

    run(scene())


def test_a_cancelled_wait_leaves_the_signal_to_the_next_one():
    async def scene():
        signal = Signal()
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(signal.wait_within(9.0))
            await asyncio.sleep(0)
            first.cancel()
        async with asyncio.TaskGroup() as tasks:
            second = tasks.create_task(signal.wait())
            await asyncio.sleep(0)
            signal.set()
        assert first.cancelled()
        assert not second.cancelled()

    run(scene())


def test_a_second_waiter_is_refused():
    async def scene():
        signal = Signal()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(signal.wait())
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="somebody waits"):
                await signal.wait()
            signal.set()

    run(scene())


def test_an_event_is_waited_for_no_longer_than_asked():
    async def scene():
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        began = loop.time()
        await event_within(event, 2.0)
        assert loop.time() - began == pytest.approx(2.0)
        event.set()
        await event_within(event, 2.0)
        assert loop.time() - began == pytest.approx(2.0)

    run(scene())
