"""A socket that hands messages over as they come."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from websockets.asyncio.server import serve

from gateway.client.dialing import dial_as
from gateway.client.wire import Wire

WAIT_S = 10


class Ear:
    def __init__(self):
        self.messages = []
        self.ends = []
        self.room = asyncio.Event()
        self.changed = asyncio.Event()

    def listen(self, wire):
        wire.listen(deliver=self.deliver, lost=self.lost, writable=self.room.set)

    def deliver(self, message):
        self.messages.append(message)
        self.changed.set()

    def lost(self, error):
        self.ends.append(error)
        self.changed.set()

    async def until(self, met):
        async with asyncio.timeout(WAIT_S):
            while not met():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def wired(script):
    """A wire to a server that does as the script says."""
    async with serve(
        script, "127.0.0.1", 0, subprotocols=["parley.v1"], compression=None
    ) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        wire = await dial_as(Wire, url, key=None, timeout_s=WAIT_S)
        try:
            yield wire
        finally:
            wire.transport.abort()


async def test_messages_come_in_order_whole_and_as_what_they_were_sent():
    async def script(socket):
        await socket.send("early")
        await socket.send([b"in ", b"two ", b"pieces"])
        await socket.send(["g", "rüße"])
        assert await socket.recv() == "text"
        assert await socket.recv() == b"bytes"
        await socket.send("done")
        await socket.wait_closed()

    async with wired(script) as wire:
        ear = Ear()
        await asyncio.sleep(0.01)  # some of it is there before anybody listens
        ear.listen(wire)
        wire.post("text")
        wire.post(b"bytes")
        await ear.until(lambda: "done" in ear.messages)
        assert ear.messages == ["early", b"in two pieces", "grüße", "done"]


async def test_the_end_is_told_once_with_its_code_even_if_it_came_first():
    async def script(socket):
        await socket.close(4401, "who are you?")

    for wait_s in (0.0, 0.05):
        async with wired(script) as wire:
            ear = Ear()
            await asyncio.sleep(wait_s)
            ear.listen(wire)
            await ear.until(lambda ear=ear: ear.ends)
            [end] = ear.ends
            assert (end.rcvd.code, end.rcvd.reason) == (4401, "who are you?")
            assert not wire.can_write


async def test_text_that_is_no_utf8_closes_the_connection():
    codes = []

    async def script(socket):
        await socket.send(b"\xff", text=True)
        await socket.wait_closed()
        codes.append(socket.close_code)

    async with wired(script) as wire:
        ear = Ear()
        ear.listen(wire)
        await ear.until(lambda: ear.ends)
        assert ear.messages == []
    assert codes == [1007]


async def test_a_socket_that_takes_nothing_says_so_and_when_it_does_again():
    read_on = asyncio.Event()

    async def script(socket):
        socket.transport.pause_reading()
        await read_on.wait()
        socket.transport.resume_reading()
        async for _ in socket:
            pass

    async with wired(script) as wire:
        ear = Ear()
        ear.listen(wire)
        sent = 0
        while wire.can_write and sent < 10_000:
            wire.post(bytes(10_000))
            sent += 1
            await asyncio.sleep(0)
        assert not wire.can_write
        ear.room.clear()
        read_on.set()
        await asyncio.wait_for(ear.room.wait(), WAIT_S)
        assert wire.can_write


async def test_who_stops_reading_gets_everything_later():
    async def script(socket):
        await socket.recv()
        for number in range(100):
            await socket.send(str(number))
        await socket.wait_closed()

    async with wired(script) as wire:
        ear = Ear()
        ear.listen(wire)
        wire.stop_reading()
        wire.post("go")
        await asyncio.sleep(0.05)
        assert ear.messages == []
        wire.read_on()
        await ear.until(lambda: len(ear.messages) == 100)
