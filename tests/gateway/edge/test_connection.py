import asyncio
import json
import time
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest
import websockets

from gateway.app import new_id
from gateway.config import Config
from gateway.control.metrics import Metrics
from gateway.edge.connection import Connection, Refusal
from gateway.edge.socket import Socket
from gateway.sessions.outbox import MOST_ENTRIES
from gateway.sessions.session import Session
from gateway.sessions.settings import ModelTraits, SessionSettingsBook
from protocol.errors import CloseCode, ErrorCode
from protocol.events import Limits, ServerInfo, State
from protocol.negotiation import Capabilities, negotiate
from protocol.server import ServerProtocol, Timers
from tests.gateway.sessions.rooms import scripted_engines

HELLO = {"type": "hello", "protocol": 1, "client": {"name": "x", "version": "1"}, "id": "h"}


class Door:
    """Accepts one socket, and welcomes or refuses it."""

    def __init__(self, tasks, *, refusal=None, timers=None, send_deadline=5.0):
        self.tasks = tasks
        self.metrics = Metrics()
        self.refusal = refusal
        self.timers = timers or Timers()
        self.send_deadline = send_deadline
        self.session = None
        self.connection = None
        self.over = asyncio.Event()

    async def handle(self, websocket):
        self.protocol = ServerProtocol(
            Limits(), server=ServerInfo("parley", "t"), now=time.monotonic(), timers=self.timers
        )
        self.connection = Connection(
            websocket,
            self.protocol,
            welcome=self.welcome,
            metrics=self.metrics,
            clock=time.monotonic,
            send_deadline=self.send_deadline,
        )
        before = asyncio.all_tasks()
        try:
            await self.connection.run()
        finally:
            names = {task.get_name() for task in asyncio.all_tasks() - before}
            assert not names & {"reader", "writer", "timer"}
            self.over.set()

    def welcome(self, hello, outbox):
        if self.refusal is not None:
            return self.refusal
        agreement = negotiate(hello, Capabilities())
        self.session = Session(
            "s_1",
            protocol=self.protocol,
            agreement=agreement,
            settings=SessionSettingsBook(Config(), ModelTraits(voices=("amy",)), agreement),
            engines=scripted_engines(),
            outbox=outbox,
            metrics=self.metrics,
            clock=time.monotonic,
            now=lambda: datetime(2026, 3, 3, 15, 42, tzinfo=UTC),
            new_id=new_id,
        )
        message, early = self.protocol.welcome(
            agreement,
            session="s_1",
            token="t",
            epoch="e",
            wall_ms=1,
            now=time.monotonic(),
        )
        outbox.put(message)
        self.life = self.tasks.create_task(self.session.run())
        self.session.apply(early)
        return self.session

    @property
    def texts(self):
        """What was typed, as the session remembers it."""
        session = self.session
        return [item.text for item in session._dialogue.conversation.items] if session else []


@asynccontextmanager
async def door(**kwargs):
    async with asyncio.TaskGroup() as tasks:
        made = Door(tasks, **kwargs)
        server = await websockets.serve(
            made.handle, "127.0.0.1", 0, compression=None, create_connection=Socket
        )
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with (
            server,
            websockets.connect(url, compression=None) as client,
        ):
            yield made, client
            await client.close()
            async with asyncio.timeout(10):
                await made.over.wait()
        if made.session is not None:
            made.session.end("test is over")


async def read(client):
    """All messages until the socket closes."""
    messages = []
    with suppress(websockets.ConnectionClosed):
        async for message in client:
            messages.append(json.loads(message))
    return messages


async def send(socket, **body):
    await socket.send(json.dumps(body))


async def test_a_hello_is_welcomed_before_anything_else_is_said():
    async with door() as (made, client):
        await send(client, **HELLO)
        welcome = json.loads(await client.recv())
        assert (welcome["type"], welcome["re"]) == ("welcome", "h")
        assert welcome["session"] == "s_1"
        while (message := json.loads(await client.recv()))["type"] == "ping":
            pass
        assert (message["type"], message["seq"]) == ("state", 1)
        assert made.connection.session is made.session


async def test_a_refusal_is_an_error_and_a_close_code():
    refusal = Refusal(ErrorCode.UNAUTHORIZED, "the key is missing or wrong")
    async with door(refusal=refusal) as (made, client):
        await send(client, **HELLO)
        (error,) = await read(client)
        assert (error["code"], error["fatal"], error["re"]) == ("unauthorized", True, "h")
        assert client.close_code == 4401
        assert made.connection.session is None
    assert 'parley_errors_total{code="unauthorized"} 1.0' in made.metrics.text().decode()


async def test_a_client_that_never_says_hello_is_sent_away():
    async with door(timers=Timers(hello_s=0.05)) as (_, client):
        assert await read(client) == []
        assert client.close_code == 4408


async def test_what_is_no_hello_is_answered_and_closed():
    async with door() as (made, client):
        await client.send("this is no JSON")
        (error,) = await read(client)
        assert error["fatal"]
        assert client.close_code == 4400
        assert made.session is None


async def test_commands_reach_the_session_in_order():
    async with door() as (made, client):
        await send(client, **HELLO)
        for number in range(20):
            await send(client, type="input.text", text=str(number), respond=False, seq=number + 1)
        async with asyncio.timeout(10):
            while len(made.texts) < 20:
                await asyncio.sleep(0.005)
        await send(client, type="bye")
        await read(client)
        assert client.close_code == 1000
    assert made.texts == [str(number) for number in range(20)]
    assert made.session.result == "completed"
    text = made.metrics.text().decode()
    assert 'parley_messages_total{direction="in"} 22.0' in text


async def test_a_session_that_is_behind_is_not_read_for():
    async with door() as (made, client):
        await send(client, **HELLO)
        await client.recv()
        await made.session.ready_for_more()
        made.session._dialogue._ear._caught_up.clear()
        await send(client, type="input.text", text="first", respond=False, seq=1)
        await send(client, type="input.text", text="second", respond=False, seq=2)
        async with asyncio.timeout(10):
            while not made.texts:
                await asyncio.sleep(0.005)
        for _ in range(20):
            await asyncio.sleep(0)
        assert made.texts == ["first"]
        made.session._dialogue._ear._caught_up.set()
        async with asyncio.timeout(10):
            while made.texts != ["first", "second"]:
                await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("code", "result"),
    [
        (CloseCode.NORMAL, "completed"),
        (CloseCode.INTERNAL_ERROR, "failed"),
        (CloseCode.RATE_LIMITED, "rate_limited"),
        (CloseCode.GOING_AWAY, "test is over"),  # the server ends its sessions itself
    ],
)
async def test_closing_says_what_is_pending_and_ends_the_session(code, result):
    async with door() as (made, client):
        await send(client, **HELLO)
        await client.recv()
        made.session.outbox.put(State("thinking"))
        made.connection.go_away(500, "the server is stopping")
        made.connection.close(code, "x" * 500)
        messages = await read(client)
        assert "goaway" in {message["type"] for message in messages}
        assert "thinking" in {message.get("state") for message in messages}
        assert client.close_code == code
    assert made.session.result == result


async def test_a_client_that_vanishes_ends_the_connection():
    async with door() as (made, client):
        await send(client, **HELLO)
        await client.recv()
        client.transport.abort()
        async with asyncio.timeout(10):
            await made.over.wait()
    assert made.session.result == "test is over"  # whoever serves the socket decides about it


async def test_a_silent_client_is_pinged_and_then_given_up():
    timers = Timers(heartbeat_ms=40)
    async with door(timers=timers) as (made, client):
        await send(client, **HELLO)
        messages = await read(client)
        assert [message["type"] for message in messages].count("ping") >= 1
        assert client.close_code == 4408
    assert made.session.result == "timeout"


async def test_more_than_a_client_can_take_cuts_it_off():
    async with door() as (made, client):
        await send(client, **HELLO)
        await client.recv()
        for _ in range(2 * MOST_ENTRIES):
            made.session.outbox.put(State("idle"))
        await read(client)
        assert client.close_code == 1006
    assert 'parley_errors_total{code="slow_consumer"} 1.0' in made.metrics.text().decode()
