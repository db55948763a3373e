"""A conversation where there is no network at all: run by `unshare --map-root-user --net`.

Prints JSON: what was answered, what the guard wrote down, and how many packets the kernel had no
route for (RFC 4293, ipSystemStatsOutNoRoutes), which counts every attempt to leave, those of native
libraries included. At last it tries to leave itself: whoever reads then knows that this is counted.
"""

import asyncio
import fcntl
import json
import socket
import struct
import sys
import tempfile
from pathlib import Path

from gateway.client.server_process import serve
from tests.end_to_end.raw_client import Connected, recording

_SIOCSIFFLAGS, _IFF_UP, _IFF_RUNNING = 0x8914, 0x1, 0x40


def raise_loopback() -> None:
    """Bring up the one interface of a new namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", _IFF_UP | _IFF_RUNNING)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)


def without_route() -> int:
    """How often this namespace wanted to send something that no interface leads to."""
    names, values = (
        line.split()
        for line in Path("/proc/net/snmp").read_text().splitlines()
        if line.startswith("Ip:")
    )
    count = int(dict(zip(names, values, strict=True))["OutNoRoutes"])
    sixth = Path("/proc/net/snmp6")
    for line in sixth.read_text().splitlines() if sixth.exists() else []:
        name, value = line.split()
        count += int(value) if name == "Ip6OutNoRoutes" else 0
    return count


async def converse(log: Path) -> str:
    """Serve the starter profile, speak a question to it, and return the answer."""
    environment = [("GUARD_LOG", str(log))]
    async with (
        serve(module="tests.end_to_end.guarded", environment=environment) as server,
        Connected(server.url) as client,
    ):
        await client.hello()
        await client.speak(recording("capital"))
        done = await client.until("response.done")
        return done["text"]


def leave() -> None:
    """Try to, by TCP and by UDP."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as outgoing:
            try:
                outgoing.connect(("192.0.2.1", 443))
            except OSError:
                pass


def main() -> None:
    if "--alone" in sys.argv:
        raise_loopback()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "guard.log"
        before = without_route()
        text = asyncio.run(converse(log))
        after = without_route()
        leave()
        found = {
            "interfaces": [name for _, name in socket.if_nameindex()],
            "text": text,
            "guarded": log.read_text() if log.exists() else "",
            "without_route": after - before,
            "provoked": without_route() - after,
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
