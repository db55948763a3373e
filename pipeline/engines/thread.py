"""Runs a blocking engine on threads of its own for asyncio: the only place where they meet."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from pipeline.engines import StopSignal
from pipeline.errors import EngineError, EngineFailed, EngineTimeout, EngineUnavailable

__all__ = [
    "EngineRunner",
    "EngineStatistics",
    "EngineThread",
    "Priority",
    "ResultStream",
    "StopToken",
    "call",
]

log = logging.getLogger(__name__)

E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Priority(IntEnum):
    """What runs first when an engine has several jobs waiting; within a class the oldest first."""

    FIRST = 0  # a turn's first segment, a final transcript: somebody waits in silence
    CONTINUATION = 1  # what follows while audio is still playing
    PARTIAL = 2  # nice to have
    BACKGROUND = 3  # warm-up, housekeeping


class StopToken:
    """Set once, from the event loop, when nobody wants a job's results any more."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    def is_set(self) -> bool:
        """Whether to stop at the next safe point."""
        return self._event.is_set()

    def set(self) -> None:
        """Stop the job at its next safe point. Idempotent; takes no longer than a callback."""
        with self._lock:
            if self._event.is_set():
                return
            self._event.set()
            for callback in self._callbacks:
                callback()

    @contextlib.contextmanager
    def calling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Have ``callback`` called at the moment of stopping (at once if that has passed).

        For native calls that cannot look at the token, e.g. llama.cpp's abort flag. After the block
        the callback is never called, so a late stop cannot hit the next job.
        """
        with self._lock:
            self._callbacks.append(callback)
            if self._event.is_set():
                callback()
        try:
            yield
        finally:
            with self._lock:
                self._callbacks.remove(callback)


class ResultStream(Protocol[T_co]):
    """The results of one job. Leaving the ``async with`` block stops the job and does not wait."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> T_co:
        """Return the next result.

        Raises:
            EngineTimeout: If it is overdue.
            EngineFailed: If the job raised.
            EngineUnavailable: If the engine was closed before the job's turn came.
        """
        ...


class EngineRunner(Protocol[E_co]):
    """Where engine jobs run: an `EngineThread`, or the event loop itself under a virtual clock."""

    def run(
        self,
        work: Callable[[Any, StopSignal], Iterator[T]],
        *,
        priority: Priority = Priority.CONTINUATION,
        first_within: float = 20.0,
        gap_within: float = 10.0,
    ) -> ResultStream[T]:
        """Queue ``work(engine, stop)`` and return its results."""
        ...


async def call(
    runner: EngineRunner[E],
    work: Callable[[E, StopSignal], T],
    *,
    priority: Priority = Priority.CONTINUATION,
    within: float = 20.0,
) -> T:
    """Run a job that has one result. Cancelling the caller stops the job and drops its result."""

    def once(engine: E, stop: StopSignal) -> Iterator[T]:
        yield work(engine, stop)

    async with runner.run(once, priority=priority, first_within=within) as results:
        async for result in results:
            return result
    message = "the job ended without a result"
    raise EngineFailed(message)


class _Stream(Generic[T]):
    """Results of a job on an engine thread.

    A job never waits for its reader: results pile up, bounded because every job is (one window,
    ``max_tokens``, one segment). A cancelled job's results reach nobody, for the stream is gone.
    """

    def __init__(self, *, first_within: float, gap_within: float) -> None:
        self.stop = StopToken()
        self._loop = asyncio.get_running_loop()
        self._results: deque[T] = deque()
        self._ended = False
        self._error: EngineError | None = None
        self._wakeup = asyncio.Event()
        self._patience = first_within
        self._gap_within = gap_within

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop.set()
        self._results.clear()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while not self._results:
            if self._ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._wakeup.clear()
            try:
                async with asyncio.timeout(self._patience):
                    await self._wakeup.wait()
            except TimeoutError as error:
                message = f"no result within {self._patience:g} s; choose a smaller model"
                raise EngineTimeout(message) from error
        self._patience = self._gap_within
        return self._results.popleft()

    # The methods below may run on any thread.

    def offer(self, result: T) -> None:
        """Hand over one result; never waits."""
        self._call_soon(self._accept, result)

    def end(self, error: EngineError | None = None) -> None:
        """Hand over the end of the results."""
        self._call_soon(self._finish, error)

    def _call_soon(self, callback: Callable[..., None], argument: object) -> None:
        _call_soon(self._loop, callback, argument)

    def _accept(self, result: T) -> None:
        if not self.stop.is_set():
            self._results.append(result)
            self._wakeup.set()

    def _finish(self, error: EngineError | None) -> None:
        self._ended, self._error = True, error
        self._wakeup.set()


@dataclass(frozen=True, slots=True)
class EngineStatistics:
    """What an engine has done so far.

    Attributes:
        busy_seconds: Time spent in jobs, summed over workers.
        jobs: Jobs ended.
        waiting: Jobs in the queue now.
    """

    busy_seconds: float
    jobs: int
    waiting: int


@dataclass(frozen=True, slots=True, eq=False)
class _Job(Generic[E]):
    """Work that waits for the engine, and where its results go."""

    work: Callable[[E, StopSignal], Iterator[Any]]
    results: _Stream[Any]

    def run(self, engine: E) -> None:
        """Do the work; whatever it raises ends its results, never the thread."""
        try:
            self._drive(engine)
        # Not only Exception: Rust extensions panic with other kinds, and libraries call sys.exit.
        except BaseException as error:
            log.debug("a job failed", exc_info=True)
            failure = EngineFailed(str(error) or repr(error))
            failure.__cause__ = error
            self.results.end(failure)
        else:
            self.results.end()

    def _drive(self, engine: E) -> None:
        stop = self.results.stop
        if stop.is_set():
            return
        results = self.work(engine, stop)
        try:
            for result in results:
                if stop.is_set():
                    return
                self.results.offer(result)
        finally:
            # A generator's clean-up belongs on this thread, not on the garbage collector's.
            close = getattr(results, "close", None)
            if close is not None:
                close()


class EngineThread(Generic[E]):
    """One engine on its own named thread (or several, if the engine has independent workers).

    Args:
        name: Name of the threads, for logs and profilers.
        load: Builds the engine; runs on the first thread.
        workers: Threads that share the engine; 1 unless the engine is safe for more.
        max_waiting: Bound of the queue; admission keeps it far below.
    """

    def __init__(
        self, name: str, load: Callable[[], E], *, workers: int = 1, max_waiting: int = 1024
    ) -> None:
        self.name = name
        self._load = load
        self._workers = workers
        self._max_waiting = max_waiting
        self._jobs: list[tuple[int, int, _Job[E]]] = []
        self._refusal = ""
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._busy_seconds = 0.0
        self._ended_jobs = 0

    async def start(self) -> None:
        """Load the engine on its thread.

        Raises:
            EngineUnavailable: If ``load`` raised; the message is the cause's.
        """
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        first = threading.Thread(
            target=self._load_then_work, args=(loop, ready), name=f"{self.name}-0", daemon=True
        )
        self._threads.append(first)
        first.start()
        await ready

    def run(
        self,
        work: Callable[[E, StopSignal], Iterator[T]],
        *,
        priority: Priority = Priority.CONTINUATION,
        first_within: float = 20.0,
        gap_within: float = 10.0,
    ) -> ResultStream[T]:
        """Queue ``work`` and return its results.

        Args:
            work: Called on the engine's thread with the engine and a stop signal; its iterator is
                advanced, and closed, there.
            priority: Order among waiting jobs.
            first_within: Seconds until the first result is overdue, waiting in the queue included.
            gap_within: Seconds between results until the next is overdue.

        Raises:
            EngineFailed: If ``max_waiting`` jobs wait already.
            EngineUnavailable: If the engine could not be loaded, or is closed.
        """
        stream: _Stream[T] = _Stream(first_within=first_within, gap_within=gap_within)
        self._put(int(priority), _Job(work, stream))
        return stream

    def statistics(self) -> EngineStatistics:
        """Return counters for metrics."""
        return EngineStatistics(self._busy_seconds, self._ended_jobs, len(self._jobs))

    async def close(self, *, within: float = 10.0) -> bool:
        """Refuse the waiting jobs, let the running ones end, end the threads.

        Returns:
            Whether the threads ended in time; a daemon thread that did not dies with the process.
        """
        self._refuse(f"the engine {self.name} is closed")
        deadline = time.monotonic() + within
        while any(thread.is_alive() for thread in self._threads):
            if time.monotonic() > deadline:
                log.warning("engine %s is still busy after %g s", self.name, within)
                return False
            await asyncio.sleep(0.005)
        return True

    def _put(self, priority: int, job: _Job[E]) -> None:
        with self._changed:
            if self._refusal:
                raise EngineUnavailable(self._refusal)
            if len(self._jobs) >= self._max_waiting:
                self._forget_stopped()
            if len(self._jobs) >= self._max_waiting:
                message = f"{self.name} has {len(self._jobs)} jobs waiting; try again later"
                raise EngineFailed(message)
            heapq.heappush(self._jobs, (priority, next(self._order), job))
            self._changed.notify()

    def _forget_stopped(self) -> None:
        self._jobs = [entry for entry in self._jobs if not entry[2].results.stop.is_set()]
        heapq.heapify(self._jobs)

    def _refuse(self, why: str) -> None:
        """Take no more jobs, and tell those that wait."""
        with self._changed:
            self._refusal = self._refusal or why
            waiting, self._jobs = self._jobs, []
            self._changed.notify_all()
        for _, _, job in waiting:
            job.results.end(EngineUnavailable(self._refusal))

    def _load_then_work(self, loop: asyncio.AbstractEventLoop, ready: asyncio.Future[None]) -> None:
        try:
            engine = self._load()
        except BaseException as error:  # noqa: BLE001 - reported by start()
            unavailable = EngineUnavailable(str(error) or repr(error))
            unavailable.__cause__ = error
            self._refuse(str(unavailable))
            _call_soon(loop, _set_exception, ready, unavailable)
            return
        for number in range(1, self._workers):
            extra = threading.Thread(
                target=self._work, args=(engine,), name=f"{self.name}-{number}", daemon=True
            )
            self._threads.append(extra)
            extra.start()
        _call_soon(loop, _set_result, ready)
        self._work(engine)

    def _work(self, engine: E) -> None:
        while self._work_once(engine):
            pass

    def _work_once(self, engine: E) -> bool:
        """Run the next job, or wait for it; False when there will be none."""
        with self._changed:
            while not self._jobs and not self._refusal:
                self._changed.wait()
            if not self._jobs:
                return False
            job = heapq.heappop(self._jobs)[2]
        began = time.monotonic()
        job.run(engine)
        with self._changed:
            self._busy_seconds += time.monotonic() - began
            self._ended_jobs += 1
        return True


def _call_soon(
    loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *arguments: object
) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is there
        loop.call_soon_threadsafe(callback, *arguments)


def _set_result(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _set_exception(future: asyncio.Future[None], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
