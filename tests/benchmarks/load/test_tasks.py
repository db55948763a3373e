"""Work beside other work."""

import asyncio
from functools import partial

import pytest

from benchmarks.load.tasks import beside


class Crashes:
    def __init__(self):
        self.noted = asyncio.Event()
        self.seen = []

    def note(self, name, error):
        self.seen.append((name, type(error)))
        self.noted.set()


async def crash():
    raise ZeroDivisionError


async def test_a_crash_is_told_and_the_others_go_on():
    crashes, ticks = Crashes(), []

    async def tick():
        while True:
            ticks.append(1)
            await asyncio.sleep(0)

    async with beside({"bad": crash, "good": tick}, crashed=crashes.note):
        await crashes.noted.wait()
        known = len(ticks)
        while len(ticks) == known:
            await asyncio.sleep(0)
    assert crashes.seen == [("bad", ZeroDivisionError)]
    assert len(asyncio.all_tasks()) == 1


async def test_what_the_block_raises_comes_out_as_it_is():
    crashes = Crashes()
    with pytest.raises(KeyError, match="mine"):
        async with beside({"waits": partial(asyncio.sleep, 60)}, crashed=crashes.note):
            raise KeyError("mine")
    assert crashes.seen == []
