"""Runs `parley serve` as a process of its own, on a free port, for as long as a context lasts."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gateway.client.errors import Unreachable

__all__ = ["ServerProcess", "http_get", "serve", "stop_process"]

_ANNOUNCEMENT: Final = re.compile(r"listening on (wss?://[^\s\"]+/v1/native)")
_STOP_S: Final = 15.0
_HTTP_S: Final = 5.0
_MAX_PAGE: Final = 4 * 1024 * 1024


@dataclass(slots=True)
class ServerProcess:
    """A server that was started here.

    Attributes:
        url: Where the native protocol is served.
        pid: Its process id.
        lines: The last lines of its log.
    """

    url: str
    pid: int
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=200))

    async def page(self, path: str) -> tuple[int, str]:
        """Status and body of one of its HTTP pages, such as ``/metrics``."""
        return await http_get(self.url, path)


@asynccontextmanager
async def serve(
    *flags: str,
    timeout_s: float = 180,
    progress: Callable[[str], None] = lambda line: None,
    environment: Sequence[tuple[str, str]] = (),
    module: str = "gateway",
) -> AsyncIterator[ServerProcess]:
    """Start ``parley serve --port 0`` and wait until it is ready; SIGTERM ends it.

    Args:
        flags: More flags of ``parley serve``.
        timeout_s: For loading all engines.
        progress: Called with every line of the server's log until it is ready.
        environment: Variables to set for it.
        module: What Python runs; another one than ``gateway`` has to be the command ``parley``,
            too, and may watch it from inside.

    Raises:
        Unreachable: It exited, or was not ready in time; the message ends with its last line.
    """
    # The address is announced at level info, whatever a configuration file says about logging.
    here = ("--host", "127.0.0.1", "--port", "0", "--log-level", "info")
    command = (sys.executable, "-m", module, "serve", *here)
    process = await asyncio.create_subprocess_exec(
        *command,
        *flags,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": _same_code(),
            **dict(environment),
        },
        # Ctrl-C goes to the whole group of the terminal: the client decides when the server stops.
        start_new_session=True,
    )
    log = _Log(progress)
    try:
        async with asyncio.TaskGroup() as tasks:
            drain = tasks.create_task(_drain(process, log), name="server log")
            try:
                server = await _ready(process, log, timeout_s)
                log.progress = None
                yield server
            finally:
                await stop_process(process, within=_STOP_S)
                drain.cancel()
    except ExceptionGroup as group:
        raise group.exceptions[0] from group.exceptions[0].__cause__


async def http_get(url: str, path: str, *, key: str | None = None) -> tuple[int, str]:
    """Status and body of a page on the host and port of a ``ws://`` address; plain HTTP only.

    Args:
        url: The address.
        path: Of the page.
        key: Bearer key, which opens the pages that are not for everybody.

    Raises:
        Unreachable: Nobody answers, or not with HTTP, within 5 s.
    """
    address = urlsplit(url)
    host, port = address.hostname or "", address.port or 80
    try:
        async with asyncio.timeout(_HTTP_S):
            reader, writer = await asyncio.open_connection(host, port, limit=_MAX_PAGE)
            try:
                head = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}", "Connection: close"]
                head += [] if key is None else [f"Authorization: Bearer {key}"]
                writer.write("\r\n".join([*head, "", ""]).encode())
                answer = await reader.read(_MAX_PAGE)
                while more := await reader.read(_MAX_PAGE):
                    answer += more
            finally:
                writer.close()
        status, _, body = answer.partition(b"\r\n\r\n")
        return int(status.split(b" ", 2)[1]), body.decode()
    except (OSError, TimeoutError, IndexError, ValueError) as error:
        raise Unreachable(f"no page http://{host}:{port}{path}: {error}") from error


class _Log:
    """What the server says, and the address in it. Made on the running loop."""

    def __init__(self, progress: Callable[[str], None] | None) -> None:
        self.lines: deque[str] = deque(maxlen=200)
        self.address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.progress = progress

    def add(self, line: str) -> None:
        self.lines.append(line)
        if self.progress is not None:
            self.progress(line)
        found = _ANNOUNCEMENT.search(line)
        if found and not self.address.done():
            self.address.set_result(found[1])

    @property
    def last(self) -> str:
        return self.lines[-1] if self.lines else "it said nothing"


async def _ready(process: asyncio.subprocess.Process, log: _Log, timeout_s: float) -> ServerProcess:
    try:
        async with asyncio.timeout(timeout_s):
            server = ServerProcess(await log.address, process.pid, log.lines)
            while (await server.page("/readyz"))[0] != 200:  # noqa: ASYNC110  another process
                await asyncio.sleep(0.1)
            return server
    except TimeoutError:
        raise Unreachable(f"the server was not ready within {timeout_s:g} s: {log.last}") from None


async def _drain(process: asyncio.subprocess.Process, log: _Log) -> None:
    """Read the log to its end, so that the server never blocks on a full pipe."""
    assert process.stderr is not None
    async for raw in process.stderr:
        log.add(raw.decode(errors="replace").rstrip())
    code = await process.wait()
    if not log.address.done():
        log.address.set_exception(
            Unreachable(f"the server ended with exit code {code}: {log.last}")
        )


def _same_code() -> str:
    """A path on which the other process finds this code, from wherever it was imported here."""
    here = str(Path(__file__).parents[2])
    return os.pathsep.join(path for path in (here, os.environ.get("PYTHONPATH", "")) if path)


async def stop_process(process: asyncio.subprocess.Process, *, within: float) -> None:
    """Ask a process to end, wait so many seconds, then kill it; return when it is gone."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(within):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
