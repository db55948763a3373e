import asyncio

from gateway.control.metrics import Metrics
from gateway.sessions.registry import SessionRegistry
from protocol.events import AudioStart, InputText
from tests.gateway.sessions.rooms import Room
from tests.virtual_time import run


class House:
    """A registry and the rooms of its sessions."""

    def __init__(self, tasks):
        self.metrics = Metrics()
        clock = asyncio.get_running_loop().time
        self.registry = SessionRegistry(tasks, self.metrics, clock)
        self.tasks = tasks

    async def enter(self):
        room = Room(metrics=self.metrics)
        task = self.registry.start(room.session)
        await room.session.ready_for_more()
        writer = self.tasks.create_task(room.write())
        task.add_done_callback(lambda _: writer.cancel())
        return room

    def counted(self, line):
        return line in self.metrics.text().decode()


def test_sessions_are_counted_while_they_live_and_by_how_they_ended():
    async def scene():
        async with asyncio.TaskGroup() as tasks:
            house = House(tasks)
            one, other = await house.enter(), await house.enter()
            assert len(house.registry) == 2
            assert house.registry.each() == [one.session, other.session]
            assert house.counted("parley_sessions_active 2.0")
            one.session.end("expired")
            await asyncio.sleep(5)
            assert house.registry.each() == [other.session]
            assert house.counted("parley_sessions_active 1.0")
            assert house.counted('parley_sessions_total{result="expired"} 1.0')
            other.session.end()
        assert len(house.registry) == 0
        assert house.counted('parley_sessions_total{result="completed"} 1.0')

    run(scene())


def test_a_place_is_taken_the_moment_a_session_starts():
    async def scene():
        async with asyncio.TaskGroup() as tasks:
            house = House(tasks)
            room = Room(metrics=house.metrics)
            house.registry.start(room.session)
            assert len(house.registry) == 1  # before its task has run
            await asyncio.sleep(0)
            room.session.end()

    run(scene())


def test_draining_ends_idle_sessions_at_once():
    async def scene():
        async with asyncio.TaskGroup() as tasks:
            house = House(tasks)
            await house.enter()
            began = asyncio.get_running_loop().time()
            assert await house.registry.drain(10.0)
            assert asyncio.get_running_loop().time() == began
        assert house.counted('parley_sessions_total{result="drained"} 1.0')

    run(scene())


def test_draining_waits_for_turns_in_progress():
    async def scene():
        async with asyncio.TaskGroup() as tasks:
            house = House(tasks)
            room = await house.enter()
            room.do(InputText("Hello."))
            await room.first(AudioStart)
            assert await house.registry.drain(30.0)
            end = room.frames()[-1]
            assert (end.pts + end.samples) / 16_000 > 3  # all of it was given

    run(scene())


def test_draining_gives_up_on_turns_that_take_too_long():
    async def scene():
        async with asyncio.TaskGroup() as tasks:
            house = House(tasks)
            room = await house.enter()
            room.do(InputText("Hello."))
            await room.first(AudioStart)
            began = asyncio.get_running_loop().time()
            assert not await house.registry.drain(1.0)
            assert asyncio.get_running_loop().time() - began < 1.1
        assert len(house.registry) == 0

    run(scene())
