"""A whole server in this process: its own event loop on a thread, real sockets on a free port."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from gateway.app import App
from gateway.config import Config
from gateway.engine_room import EngineRoom, engine_room

START_WITHIN_S = 60.0


class RunningServer:
    """An `App` on a thread of its own."""

    def __init__(self, config: Config, room: EngineRoom | None = None) -> None:
        self._config = config
        self._room = room
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="server")
        self.app: App
        self.url = ""

    def __enter__(self) -> "RunningServer":
        self._thread.start()
        assert self._ready.wait(START_WITHIN_S), "the server did not start"
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        assert not self._thread.is_alive(), "the server did not stop"
        if self._failure is not None:
            raise self._failure

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.app.listener.port}"

    def call(self, function):
        """Run a function on the server's loop and return its result."""

        async def run():
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - reported to the test
            self._failure = error
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self.app = App(self._config, self._room or engine_room(self._config))
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(self.app.run(self._stop))
            while self.app.health.state != "ready" and not serving.done():
                await asyncio.sleep(0.02)
            if not serving.done():
                self.url = self.app.listener.url
                self._ready.set()


def config(**sections: object) -> Config:
    """The usual configuration on a free port; sections are dicts of changes."""
    plain = Config()
    changed = {
        name: replace(getattr(plain, name), **values)  # type: ignore[arg-type]
        for name, values in {"server": {}, **sections}.items()
    }
    changed["server"] = replace(changed["server"], port=0, drain_s=2.0)
    return replace(plain, **changed)


SCRIPTED = {"engines": {"kind": "scripted", "stt_ms": 20, "llm_ms": 20, "tts_ms": 20}}


@contextmanager
def scripted_server(**sections: object) -> Iterator[RunningServer]:
    engines = {**SCRIPTED["engines"], **sections.pop("engines", {})}  # type: ignore[dict-item]
    with RunningServer(config(engines=engines, **sections)) as server:
        yield server
