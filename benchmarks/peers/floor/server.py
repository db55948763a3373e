"""The floor: `websockets` echoes what it receives, and does nothing else.

Runs in an environment of its own (requirements.txt) as a script, and imports nothing of Parley's.
Announces itself by one line of JSON on standard output; SIGTERM ends it.
"""

from __future__ import annotations

import asyncio
import json
import signal
from importlib import metadata

import uvloop
from websockets.asyncio.server import ServerConnection, serve

__all__ = ["echo", "main"]

_PACKAGES = ("websockets", "uvloop")


async def echo(connection: ServerConnection) -> None:
    """Answer every message with itself."""
    async for message in connection:
        await connection.send(message)


async def main() -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    # As Parley has it: no compression, no pings of the library's own.
    async with serve(echo, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        versions = {name: metadata.version(name) for name in _PACKAGES}
        print(json.dumps({"port": port, "versions": versions}), flush=True)
        await stop.wait()


if __name__ == "__main__":
    uvloop.run(main())
