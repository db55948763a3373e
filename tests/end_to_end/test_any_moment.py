"""Commands that come at moments which a well-behaved client does not choose."""

import asyncio
import json
import logging
import socket

import pytest
from websockets.frames import Frame, Opcode

from gateway.edge.connection import BURST
from tests.end_to_end.raw_client import HEADER, PCM, Connected, recording
from tests.end_to_end.servers import scripted_server

HELLO = recording("hello")


def errors(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_question_in_the_same_breath_as_the_hello_is_answered(scripted, caplog):
    async def scene():
        async with Connected(scripted.url) as client:
            hello = asyncio.create_task(client.hello())
            await asyncio.sleep(0)
            await client.send("input.text", text="How are you?")
            await client.send("input.text", text="And your family?")
            await hello
            done = await client.until("response.done", lambda event: event["status"] == "completed")
            assert done["text"]

    asyncio.run(scene())
    assert errors(caplog) == []


def test_what_comes_for_a_session_that_has_ended_disturbs_nobody(scripted, caplog):
    async def scene():
        async with Connected(scripted.url) as client:
            await client.hello()
            sessions = scripted.app._sessions
            scripted.call(lambda: [session.end("drained") for session in sessions.each()])
            while scripted.call(lambda: len(sessions)):
                await asyncio.sleep(0.01)
            await client.send("input.text", text="One more thing.")
            await client.send("response.create", say="Another one.")
            await client.frame(b"\x00" * 640, 320)
            await client.send("bye")
            await client.socket.wait_closed()
            assert client.socket.close_code == 1000

    asyncio.run(scene())
    assert errors(caplog) == []


def test_a_reply_in_the_making_keeps_its_format_when_the_output_changes(scripted, caplog):
    async def scene():
        async with Connected(scripted.url) as client:
            await client.hello()
            await client.send("input.text", text="Hello.")
            await client.until("response.started")
            await client.send("session.update", session={"output": "text"})
            await client.until("response.done")
            assert len(client.of("audio.start")) == 1
            await client.send("input.text", text="Hello.")
            await client.until("response.started", after=len(client.messages))
            await client.send("session.update", session={"output": "audio"})
            second = await client.until("response.done", after=len(client.messages))
            deltas = [
                text["delta"]
                for text in client.of("response.text")
                if text["response"] == second["response"]
            ]
            assert "".join(deltas) == second["text"]
            assert len(client.of("audio.start")) == 1

    asyncio.run(scene())
    assert errors(caplog) == []


def test_the_button_may_be_pressed_before_the_microphone_starts(scripted):
    async def scene():
        async with Connected(scripted.url) as client:
            await client.hello(session={"turn": {"mode": "manual"}})
            for stream in (1, 2):
                behind = len(client.messages)
                await client.send("turn.start")
                client.pts = 0
                for at in range(0, len(HELLO) - 320, 320):
                    flags = 1 if at == 0 else 0
                    payload = HELLO[at : at + 320].tobytes()
                    await client.frame(payload, 320, flags=flags, stream=stream)
                await client.frame(b"", 0, flags=2, stream=stream)
                await client.until("transcript.final", after=behind)
                await client.until("response.done", after=behind)
            assert [event["reason"] for event in client.of("speech.stopped")] == ["commit"] * 2

    asyncio.run(scene())


def test_a_reply_on_command_that_never_begins_is_answered_all_the_same(scripted):
    async def scene():
        async with Connected(scripted.url, plays=False) as client:
            await client.hello(audio={"in": [], "out": [PCM], "aec": "device"})
            # Longer than may be sent ahead, so that it is not done before it is cancelled.
            await client.send("response.create", say="A sentence of some length. " * 5, id="first")
            await client.until("audio.start")
            await client.send("response.cancel")
            # The first one waits for the device's word on what was heard; so does the second.
            await client.send("response.create", say="Never said.", id="second")
            await client.send("input.text", text="What did you say?")
            await client.until("response.started", lambda event: "re" not in event)
            started = {
                event["re"]: event["response"] for event in client.of("response.started")[:2]
            }
            ends = [(event["response"], event["status"]) for event in client.of("response.done")]
            assert ends == [(started["second"], "cancelled"), (started["first"], "cancelled")]

    asyncio.run(scene())


def flood(kind, client):
    """Five hundred messages as the bytes that they are on the socket."""
    if kind == "text":
        body = json.dumps({"type": "playout", "stream": 256, "pts": 1, "state": "playing"})
        return Frame(Opcode.TEXT, body.encode()).serialize(mask=True) * 500
    client.seq = 500
    headers = [HEADER.pack(0x11, int(at == 0), 1, at + 1, at * 80, 0) for at in range(500)]
    frames = [Frame(Opcode.BINARY, header + bytes(160)) for header in headers]
    return b"".join(frame.serialize(mask=True) for frame in frames)


@pytest.mark.parametrize("kind", ["text", "frames"])
def test_a_flood_of_messages_leaves_the_loop_its_turns(scripted, kind):
    most = 0

    async def watch():
        nonlocal most
        traffic = scripted.app.metrics._traffic
        before = traffic.messages_in
        while True:
            await asyncio.sleep(0)
            now = traffic.messages_in
            most, before = max(most, now - before), now

    async def scene():
        async with Connected(scripted.url) as client:
            await client.hello()
            watching = scripted.call(lambda: asyncio.create_task(watch()))
            client.socket.transport.write(flood(kind, client))
            await client.send("input.text", text="Are you still there?", respond=False, id="last")
            await client.until("ack", lambda event: event.get("re") == "last")
            scripted.call(watching.cancel)

    asyncio.run(scene())
    assert 1 <= most <= 2 * BURST


def test_what_a_lost_client_did_not_take_is_dropped_with_its_session():
    async def scene(server):
        # The kernel would take megabytes for a client that does not read.
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        small.connect(("127.0.0.1", server.app.listener.port))
        async with Connected(server.url, sock=small) as client:
            await client.hello()
            sessions = server.app._sessions
            outbox = server.call(lambda: sessions.each()[0].outbox)
            client.socket.transport.pause_reading()
            for number in range(400):
                await client.send(
                    "session.update", session={"instructions": f"{number:03}" * 10_000}
                )
            async with asyncio.timeout(30):
                while server.call(lambda: len(outbox)) < 10:
                    await asyncio.sleep(0.01)
            client.socket.transport.abort()
            while server.call(lambda: len(sessions)):
                await asyncio.sleep(0.01)
            # What was read before the socket was lost may still have been answered, into the void.
            assert server.call(lambda: len(outbox)) < 10

    # The client is to be lost, not to be cut off for not reading, however slow this machine is.
    with scripted_server(server={"send_deadline_s": 60.0}) as server:
        asyncio.run(scene(server))
