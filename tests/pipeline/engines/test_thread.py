import asyncio
import random
import threading

import pytest

from pipeline.engines.thread import EngineThread, Priority, StopToken, call
from pipeline.errors import EngineFailed, EngineTimeout, EngineUnavailable

FOREVER = 30.0
"""Seconds; a bound for what must not hang, never something to wait for."""


class Engine:
    """Nothing; jobs say what happens."""


class Gate:
    """Holds the engine's thread until the test lets it go on."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def wait(self) -> None:
        self.reached.set()
        assert self.opened.wait(FOREVER)

    async def is_reached(self) -> None:
        assert await asyncio.to_thread(self.reached.wait, FOREVER)


@pytest.fixture
async def thread():
    thread = EngineThread("engine", Engine)
    await thread.start()
    yield thread
    assert await thread.close(within=FOREVER)


@pytest.fixture
async def busy(thread):
    """The thread, busy with a job until the gate opens."""
    gate = Gate()

    def hold(engine, stop):
        gate.wait()
        yield

    stream = thread.run(hold, first_within=FOREVER)
    await gate.is_reached()
    yield thread, gate
    gate.opened.set()
    async with stream:
        pass


def counting(to):
    def work(engine, stop):
        yield from range(to)

    return work


async def everything(stream):
    async with stream:
        return [result async for result in stream]


async def test_results_come_in_order_and_then_the_end(thread):
    assert await everything(thread.run(counting(1000))) == list(range(1000))


async def test_the_engine_is_built_and_used_on_its_own_named_thread():
    built = []
    thread = EngineThread("voice", lambda: built.append(threading.current_thread().name))
    await thread.start()
    used = await call(thread, lambda engine, stop: threading.current_thread().name)
    assert built == ["voice-0"]
    assert used == "voice-0"
    await thread.close()


async def test_several_workers_share_one_engine_and_run_jobs_at_the_same_time():
    thread = EngineThread("engine", object, workers=2)
    await thread.start()
    both = threading.Barrier(2)
    engines = []

    def meet(engine, stop):
        engines.append(engine)
        both.wait(FOREVER)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(call(thread, meet))
        tasks.create_task(call(thread, meet))
    assert engines[0] is engines[1]
    assert await thread.close(within=FOREVER)


async def test_an_error_comes_after_the_results_before_it_and_names_its_cause(thread):
    def work(engine, stop):
        yield 1
        raise LookupError("no such phoneme")

    got = []
    with pytest.raises(EngineFailed, match="no such phoneme") as failure:
        async with thread.run(work) as results:
            async for result in results:
                got.append(result)
    assert got == [1]
    assert isinstance(failure.value.__cause__, LookupError)


@pytest.mark.parametrize("error", [SystemExit("bye"), KeyboardInterrupt(), GeneratorExit()])
async def test_no_exception_of_a_job_ends_the_thread(thread, error):
    # Rust extensions panic with exceptions that are no Exception; libraries call sys.exit.
    def work(engine, stop):
        raise error
        yield

    with pytest.raises(EngineFailed):
        await everything(thread.run(work, first_within=FOREVER))
    assert await everything(thread.run(counting(2), first_within=FOREVER)) == [0, 1]


async def test_an_error_without_words_still_says_what_it_is(thread):
    def work(engine, stop):
        raise ZeroDivisionError
        yield

    with pytest.raises(EngineFailed, match="ZeroDivisionError"):
        await everything(thread.run(work))


@pytest.mark.parametrize("error", [OSError("there is no model.bin"), SystemExit("no model.bin")])
async def test_an_engine_that_cannot_be_loaded_says_why(error):
    def load():
        raise error

    thread = EngineThread("engine", load)
    with pytest.raises(EngineUnavailable, match=r"no model\.bin") as failure:
        await thread.start()
    assert failure.value.__cause__ is error
    with pytest.raises(EngineUnavailable):
        await call(thread, lambda engine, stop: None, within=FOREVER)
    assert await thread.close(within=FOREVER)


async def test_a_start_that_is_given_up_leaves_nothing_that_could_fail_later():
    gate = Gate()
    thread = EngineThread("engine", gate.wait)
    starting = asyncio.create_task(thread.start())
    await gate.is_reached()
    starting.cancel()
    await asyncio.wait({starting})
    gate.opened.set()
    assert await thread.close(within=FOREVER)


def test_a_loop_that_closed_while_an_engine_loads_troubles_nobody():
    gate = Gate()
    thread = EngineThread("engine", gate.wait)

    async def give_up():
        starting = asyncio.create_task(thread.start())
        await gate.is_reached()
        starting.cancel()
        await asyncio.wait({starting})

    asyncio.run(give_up())
    gate.opened.set()
    assert asyncio.run(thread.close(within=FOREVER))  # an error in the thread fails the test


async def test_a_first_result_that_is_overdue_is_a_timeout(busy):
    thread, _ = busy
    with pytest.raises(EngineTimeout, match=r"0\.01 s"):
        async with thread.run(counting(1), first_within=0.01) as results:
            async for _ in results:
                pass


async def test_a_gap_between_results_that_is_too_long_is_a_timeout(thread):
    gate = Gate()

    def work(engine, stop):
        yield "first"
        gate.wait()
        yield "second"

    got = []
    with pytest.raises(EngineTimeout):
        async with thread.run(work, first_within=FOREVER, gap_within=0.01) as results:
            async for result in results:
                got.append(result)
    gate.opened.set()
    assert got == ["first"]


async def test_whoever_waits_in_silence_goes_first_and_among_equals_the_oldest(busy):
    thread, gate = busy
    order = []

    def note(name):
        def work(engine, stop):
            order.append(name)

        return call(thread, work, priority=name[0], within=FOREVER)

    names = [
        (Priority.BACKGROUND, 1),
        (Priority.PARTIAL, 1),
        (Priority.FIRST, 1),
        (Priority.CONTINUATION, 1),
        (Priority.FIRST, 2),
        (Priority.PARTIAL, 2),
    ]
    async with asyncio.TaskGroup() as tasks:
        for name in names:
            tasks.create_task(note(name))
        await asyncio.sleep(0)
        gate.opened.set()
    assert order == sorted(names)


async def test_leaving_the_block_stops_the_job_and_does_not_wait_for_it(thread):
    gate = Gate()
    seen = []

    def work(engine, stop):
        try:
            yield 1
            gate.wait()
            seen.append(stop.is_set())
            yield 2
            seen.append("went on")
        finally:
            seen.append(threading.current_thread().name)

    async with thread.run(work) as results:
        assert await anext(results) == 1
        await gate.is_reached()
    assert seen == []  # the job is still in its native call
    gate.opened.set()
    await call(thread, lambda engine, stop: None)  # runs after it
    assert seen == [True, "engine-0"]


async def test_results_of_a_job_that_was_stopped_reach_nobody(busy):
    thread, gate = busy

    def work(engine, stop):
        yield from range(3)

    async with thread.run(work) as results:
        pass
    gate.opened.set()
    await call(thread, lambda engine, stop: None, priority=Priority.BACKGROUND)
    assert [result async for result in results] == []


async def test_a_job_that_was_stopped_before_its_turn_never_runs(busy):
    thread, gate = busy
    ran = []

    async with thread.run(lambda engine, stop: ran.append("work")):
        pass
    gate.opened.set()
    await call(thread, lambda engine, stop: None, priority=Priority.BACKGROUND)
    assert ran == []


async def test_cancelling_a_caller_stops_its_job(thread):
    gate, stops = Gate(), []

    def work(engine, stop):
        stops.append(stop)
        gate.wait()

    calling = asyncio.create_task(call(thread, work))
    await gate.is_reached()
    calling.cancel()
    await asyncio.wait({calling})
    assert calling.cancelled()
    assert stops[0].is_set()
    gate.opened.set()


async def test_a_job_never_waits_for_its_reader(thread):
    # A client that plays a long reply slowly reads its stream slowly. Nobody else may wait for it.
    slow = thread.run(counting(10_000), first_within=FOREVER)
    async with slow:
        assert await anext(slow) == 0  # and then it reads nothing for a long time
        assert await call(thread, lambda engine, stop: "first audio", within=FOREVER)
        rest = [result async for result in slow]
    assert rest == list(range(1, 10_000))


async def test_a_job_may_have_no_results_at_all(thread):
    assert await everything(thread.run(lambda engine, stop: iter(()))) == []


async def test_a_full_queue_refuses_and_recovers():
    thread = EngineThread("engine", Engine, max_waiting=2)
    await thread.start()
    gate = Gate()
    holding = asyncio.create_task(call(thread, lambda engine, stop: gate.wait()))
    await gate.is_reached()
    waiting = [thread.run(counting(1), first_within=FOREVER) for _ in range(2)]
    with pytest.raises(EngineFailed, match="2 jobs waiting"):
        thread.run(counting(1))
    assert thread.statistics().waiting == 2
    gate.opened.set()
    assert [await everything(stream) for stream in waiting] == [[0], [0]]
    assert await everything(thread.run(counting(1), first_within=FOREVER)) == [0]
    await holding
    await thread.close()


async def test_jobs_that_nobody_waits_for_do_not_fill_the_queue():
    thread = EngineThread("engine", Engine, max_waiting=2)
    await thread.start()
    gate = Gate()
    holding = asyncio.create_task(call(thread, lambda engine, stop: gate.wait()))
    await gate.is_reached()
    for _ in range(5):
        async with thread.run(counting(1)):
            pass
    kept = thread.run(counting(1), first_within=FOREVER)
    assert thread.statistics().waiting <= 2
    gate.opened.set()
    assert await everything(kept) == [0]
    await holding
    await thread.close()


async def test_closing_lets_the_running_job_end_and_tells_those_that_wait():
    thread = EngineThread("engine", Engine)
    await thread.start()
    gate = Gate()

    def work(engine, stop):
        gate.wait()
        return "done"

    running = asyncio.create_task(call(thread, work, within=FOREVER))
    await gate.is_reached()
    waiting = asyncio.create_task(call(thread, work, within=FOREVER))
    await asyncio.sleep(0)
    closing = asyncio.create_task(thread.close(within=FOREVER))
    with pytest.raises(EngineUnavailable, match="engine"):
        await waiting
    gate.opened.set()
    assert await closing
    assert await running == "done"
    assert not [t for t in threading.enumerate() if t.name.startswith("engine-")]


async def test_an_engine_that_is_stuck_does_not_hold_up_the_end():
    thread = EngineThread("engine", Engine)
    await thread.start()
    gate = Gate()
    stuck = asyncio.create_task(call(thread, lambda engine, stop: gate.wait(), within=FOREVER))
    await gate.is_reached()
    assert not await thread.close(within=0.0)
    gate.opened.set()
    await stuck
    assert await thread.close(within=FOREVER)


async def test_a_closed_engine_refuses_at_once():
    thread = EngineThread("engine", Engine)
    await thread.start()
    assert await thread.close(within=FOREVER)
    with pytest.raises(EngineUnavailable, match="closed"):
        await call(thread, lambda engine, stop: None, within=FOREVER)


async def test_statistics_count_jobs_and_the_time_spent_in_them(thread):
    before = thread.statistics()
    for _ in range(3):
        await call(thread, lambda engine, stop: None)
    await everything(thread.run(counting(2)))
    await call(thread, lambda engine, stop: None)
    now = thread.statistics()
    assert now.jobs - before.jobs >= 4  # a job is counted right after its last result
    assert now.busy_seconds > before.busy_seconds
    assert now.waiting == 0


async def test_a_stop_calls_back_inside_the_block_only():
    calls = []
    token = StopToken()
    with token.calling(lambda: calls.append("first")):
        pass
    with token.calling(lambda: calls.append("second")):
        token.set()
        token.set()
    assert calls == ["second"]
    with token.calling(lambda: calls.append("late")):
        assert calls == ["second", "late"]
    assert token.is_set()


def test_a_late_stop_cannot_hit_the_next_job():
    # The stop comes from another thread while the block is being left: the callback either has
    # run when the block is over, or never will.
    for _ in range(200):
        token, calls, left = StopToken(), [], []

        def callback(calls=calls, left=left):
            calls.append(bool(left))

        stopper = threading.Thread(target=token.set)
        with token.calling(callback):
            stopper.start()
        left.append(True)
        stopper.join()
        assert calls in ([], [False])


@pytest.mark.parametrize("workers", [1, 3])
async def test_callers_that_come_and_go_never_get_each_others_results(workers):
    thread = EngineThread("engine", Engine, workers=workers)
    await thread.start()
    dice = random.Random(workers)

    async def ask(number):
        def work(engine, stop):
            for step in range(5):
                yield number, step

        return await everything(
            thread.run(work, priority=dice.choice(list(Priority)), first_within=FOREVER)
        )

    asking = {number: asyncio.create_task(ask(number)) for number in range(200)}
    for number, task in asking.items():
        if number % 3 == 0:
            for _ in range(dice.randrange(4)):
                await asyncio.sleep(0)
            task.cancel()
    await asyncio.wait(asking.values())
    for number, task in asking.items():
        if not task.cancelled():
            assert task.result() == [(number, step) for step in range(5)]
    assert sum(not task.cancelled() for task in asking.values()) >= 133
    assert thread.statistics().waiting == 0
    assert await thread.close(within=FOREVER)
