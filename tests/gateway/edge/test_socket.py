"""The short way in and out of a WebSocket: same messages, same order, same ends."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
import websockets
from websockets.exceptions import ConnectionClosed

from gateway.edge.socket import Socket


class Host:
    """Notes what comes in, and by which way."""

    def __init__(self):
        self.taken = []
        self.received = []
        self.accepts = True
        self.socket = None
        self.ready = asyncio.Event()
        self.over = asyncio.Event()

    def take(self, message):
        if self.accepts:
            self.taken.append(message)
        return self.accepts

    @property
    def everything(self):
        return len(self.taken) + len(self.received)

    async def handle(self, socket):
        self.socket = socket
        socket.take = self.take
        self.ready.set()
        try:
            async for message in socket:
                self.received.append(message)
                await asyncio.sleep(0)
        except ConnectionClosed:
            pass
        finally:
            self.over.set()


@asynccontextmanager
async def talk(**options):
    host = Host()
    async with (
        await websockets.serve(
            host.handle, "127.0.0.1", 0, create_connection=Socket, compression=None, **options
        ) as server,
        websockets.connect(
            f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", compression=None
        ) as client,
    ):
        await host.ready.wait()
        await asyncio.sleep(0)  # the handler waits for a message now
        yield host, client


async def until(predicate):
    async with asyncio.timeout(10):
        while not predicate():
            await asyncio.sleep(0.001)


async def test_a_whole_binary_message_is_taken_and_text_goes_to_the_reader():
    async with talk() as (host, client):
        await client.send(b"one")
        await until(lambda: host.everything == 1)
        await client.send("two")
        await until(lambda: host.everything == 2)
        assert host.taken == [b"one"]
        assert type(host.taken[0]) is bytes
        assert host.received == ["two"]


async def test_nothing_overtakes_what_came_before():
    order = []
    async with talk() as (host, client):
        host.take = host.socket.take = lambda message: order.append(message) or True
        host.received = order
        for number in range(300):
            await client.send(str(number) if number % 3 == 0 else str(number).encode())
        await until(lambda: len(order) == 300)
        assert [int(message) for message in order] == list(range(300))


async def test_what_is_not_taken_and_what_comes_in_pieces_goes_to_the_reader():
    async with talk() as (host, client):
        await client.send([b"in ", b"pieces"])
        await until(lambda: host.everything == 1)
        host.accepts = False
        await client.send(b"refused")
        await until(lambda: host.everything == 2)
        assert host.taken == []
        assert host.received == [b"in pieces", b"refused"]


async def test_a_message_is_posted_at_once_and_whole():
    async with talk() as (host, client):
        assert host.socket.post("text")
        assert host.socket.post(b"\x00binary")
        assert await client.recv() == "text"
        assert await client.recv() == b"\x00binary"


async def test_nothing_is_posted_to_a_full_or_closed_socket():
    async with talk(write_limit=1024) as (host, client):
        client.transport.pause_reading()
        posted = 0
        while host.socket.post(bytes(60_000)):
            posted += 1
            assert posted < 1000
        client.transport.resume_reading()
        for _ in range(posted):
            assert len(await client.recv()) == 60_000
        await client.close()
        await host.over.wait()
        assert not host.socket.post(b"too late")


async def test_a_taker_that_fails_costs_its_own_connection_only(caplog):
    failures = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    async with talk() as (host, client):

        def fail(message):
            raise ZeroDivisionError

        host.socket.take = fail
        await client.send(b"x")
        with pytest.raises(ConnectionClosed):
            await client.recv()
        await host.over.wait()
    assert isinstance(failures[0]["exception"], ZeroDivisionError)
