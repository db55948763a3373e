"""`parley` under a guard: whatever leaves this machine is written down, and refused.

``GUARD_LOG`` in the environment names the file. CPython tells of its sockets through audit events
(PEP 578); what native libraries do with sockets of their own, the kernel counts, see `no_network`.
"""

import os
import socket
import sys
from ipaddress import ip_address
from pathlib import Path

EVENTS = {
    "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr",
    "socket.sendto", "socket.sendmsg",
}  # fmt: skip


class Outgoing(Exception):
    """Somebody wanted out."""


def guard(log: Path) -> None:
    """Refuse from now on whatever is not on this machine; cannot be undone."""

    def watch(event: str, arguments: tuple) -> None:
        if event not in EVENTS:
            return
        first = arguments[0]
        target = arguments[1] if isinstance(first, socket.SocketType) else first
        host = target[0] if isinstance(target, tuple) else target
        if host is not None and not is_here(host):
            with log.open("a", encoding="utf-8") as file:
                file.write(f"{event} {host!r}\n")
            raise Outgoing(f"{event} {host!r}")

    sys.addaudithook(watch)


def is_here(host: str | bytes) -> bool:
    """Whether a host is this machine: loopback, or a path of a Unix socket."""
    if isinstance(host, bytes):
        host = host.decode()
    if host.startswith(("/", "\0")) or host in ("", "localhost"):
        return True
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


if __name__ == "__main__":
    guard(Path(os.environ["GUARD_LOG"]))
    from gateway.cli import main

    sys.exit(main())
