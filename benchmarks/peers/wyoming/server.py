"""Wyoming's framing: a line of JSON before every chunk of audio, echoed over TCP.

Runs in an environment of its own (requirements.txt) as a script, and imports nothing of Parley's.
Announces itself by one line of JSON on standard output; SIGTERM ends it.
"""

from __future__ import annotations

import asyncio
import json
import signal
from importlib import metadata

import uvloop
from wyoming.event import Event
from wyoming.server import AsyncEventHandler

__all__ = ["Echo", "main"]

_PACKAGES = ("wyoming", "uvloop")


class Echo(AsyncEventHandler):
    """Answers every event with itself."""

    async def handle_event(self, event: Event) -> bool:
        """Send it back, and stay connected."""
        await self.write_event(event)
        return True


async def main() -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await Echo(reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()  # the device is gone

    # Not through AsyncServer.from_uri, which does not tell which port it got.
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    versions = {name: metadata.version(name) for name in _PACKAGES}
    print(json.dumps({"port": port, "versions": versions}), flush=True)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    uvloop.run(main())
