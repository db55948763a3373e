"""Serving needs nobody: no name is looked up, no address beyond this machine is connected to."""

import sys
from ipaddress import ip_address

import pytest

from tests.end_to_end.raw_client import Connected, recording
from tests.end_to_end.servers import RunningServer, config

pytestmark = pytest.mark.engines


class Calls:
    """What left this process, or wanted to; CPython tells through its audit events (PEP 578)."""

    def __init__(self) -> None:
        self.watching = False
        self.outgoing: list[str] = []
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple) -> None:
        if not self.watching or event not in ("socket.connect", "socket.getaddrinfo"):
            return
        target = arguments[1] if event == "socket.connect" else arguments
        host = target[0] if isinstance(target, tuple) else target
        if isinstance(host, str) and not _is_here(host):
            self.outgoing.append(f"{event} {host}")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", "")


async def test_loading_and_a_turn_make_no_outgoing_call():
    calls = Calls()
    calls.watching = True
    try:
        with RunningServer(config()) as server:
            async with Connected(server.url) as client:
                await client.hello()
                await client.speak(recording("capital"))
                done = await client.until("response.done")
    finally:
        calls.watching = False
    assert "Paris" in done["text"]
    assert calls.outgoing == []
