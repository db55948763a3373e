"""Section 11: who says nothing, or does not read, is let go. Everything waits at the same time."""

import asyncio
import itertools
import json
import socket
import time
from collections.abc import Iterator

import pytest
import websockets

from tests.conformance.checker import PCM, connect, recording, talking
from tests.end_to_end.servers import RunningServer, scripted_server

CLIENT = {"name": "checker", "version": "1"}
TEXT_OUT = {"audio": {"in": [PCM], "out": []}}
HEARTBEAT_S = 1.0
IDLE_S = 3.0
LIFE_S = 5.0


@pytest.fixture(scope="module")
def hasty() -> Iterator[RunningServer]:
    """A server with the timers of section 11, but shorter where the configuration has them."""
    server = {"heartbeat_s": HEARTBEAT_S, "idle_timeout_s": IDLE_S, "session_ttl_s": LIFE_S}
    with scripted_server(server=server, turn={"max_s": 1.0}) as running:
        yield running


async def no_hello(url: str) -> None:
    async with connect(url) as peer:
        began = time.monotonic()
        assert await peer.close_code(within=9) == 4408
        assert 4.5 <= time.monotonic() - began <= 8
        assert not [m for m in peer.log if m.type == "welcome"]


async def silence(url: str) -> None:
    """A silent client is pinged once per heartbeat, and let go after two and a half."""
    async with connect(url, pongs=False) as peer:
        welcome = await peer.hello(**TEXT_OUT)
        assert welcome["heartbeat_ms"] == HEARTBEAT_S * 1000
        began = time.monotonic()
        assert await peer.close_code() == 4408
        assert 2.4 * HEARTBEAT_S <= time.monotonic() - began <= 2.5 * HEARTBEAT_S + 1.5
        times = [began, *(message.at for message in peer.log), time.monotonic()]
        assert max(b - a for a, b in itertools.pairwise(times)) <= HEARTBEAT_S + 0.5


async def any_frame_is_a_sign_of_life(url: str) -> None:
    """An ignored text keeps the connection, but not the conversation: idle_timeout."""
    async with connect(url, pongs=False) as peer:
        await peer.hello(**TEXT_OUT)
        began = time.monotonic()
        while not peer.closed:
            try:
                await peer.send("juggle")
            except websockets.ConnectionClosed:
                break
            await asyncio.sleep(HEARTBEAT_S / 2)
        assert await peer.close_code() == 4410
        assert IDLE_S - 0.2 <= time.monotonic() - began <= IDLE_S + 2
        assert peer.all("error")[-1].has(code="idle_timeout", fatal=True)


async def nothing_lives_for_ever(url: str) -> None:
    async with connect(url) as peer:
        await peer.hello(**TEXT_OUT)
        began = time.monotonic()
        while not peer.closed:
            try:
                await peer.send("input.text", text="Still here.", respond=False)
            except websockets.ConnectionClosed:
                break
            await asyncio.sleep(0.5)
        assert await peer.close_code() == 4410
        assert LIFE_S - 0.2 <= time.monotonic() - began <= LIFE_S + 2
        assert peer.all("error")[-1].has(code="session_expired", fatal=True)


async def does_not_read(url: str) -> None:
    """A socket that takes nothing for five seconds is closed; its peer need not see how."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    host, port = url.removeprefix("ws://").split("/")[0].split(":")
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, (host, int(port)))
    options = {"sock": raw, "compression": None, "max_queue": 1, "close_timeout": 0.5}
    async with websockets.connect(url, **options) as connection:
        hello = {"type": "hello", "protocol": 1, "client": CLIENT, "limits": {"max_text": 65536}}
        await connection.send(json.dumps({**hello, "session": {"instructions": "x" * 15000}}))
        connection.transport.pause_reading()
        began = time.monotonic()
        gone = False
        while not gone and time.monotonic() - began < 30:
            try:
                async with asyncio.timeout(1):
                    await connection.send('{"type": "session.update", "session": {}}')
                await asyncio.sleep(0.0025)
            except (websockets.ConnectionClosed, TimeoutError):
                gone = connection.transport.is_closing() or connection.state.name == "CLOSED"
        assert gone
        assert time.monotonic() - began >= 4.5


async def test_whoever_is_silent_or_does_not_read_is_let_go(scripted, hasty):
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(no_hello(scripted.url))
        tasks.create_task(does_not_read(scripted.url))
        tasks.create_task(silence(hasty.url))
        tasks.create_task(any_frame_is_a_sign_of_life(hasty.url))
        tasks.create_task(nothing_lives_for_ever(hasty.url))


async def test_a_client_that_answers_pings_is_kept(hasty):
    async with talking(hasty.url, hello=TEXT_OUT) as peer:
        await asyncio.sleep(2.7 * HEARTBEAT_S)
        await peer.barrier()


async def test_a_turn_that_takes_too_long_is_ended(hasty):
    async with talking(hasty.url, hello={"session": {"turn": {"silence_ms": 3000}}}) as peer:
        await peer.speak(recording("capital"))
        stopped = await peer.until("speech.stopped")
        assert stopped["reason"] == "max"
        await peer.until("transcript.final", turn=stopped["turn"])
