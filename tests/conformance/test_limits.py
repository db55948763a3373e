"""Sections 10 to 14: clocks, timers, limits, and how a session ends."""

import asyncio
import json
import random

import pytest
import websockets

from tests.conformance.checker import (
    START,
    clock_ms,
    connect,
    pack,
    recording,
    silence,
    talking,
)
from tests.end_to_end.servers import scripted_server

# -- clocks (section 10) ------------------------------------------------------------------------


async def test_a_ping_is_answered_with_three_times(scripted):
    async with talking(scripted.url) as peer:
        sent = clock_ms()
        await peer.send("ping", t0=sent)
        pong = await peer.until("pong")
        assert pong["t0"] == sent
        assert pong["t1"] <= pong["t2"] <= pong["ts"] <= pong["t2"] + 1000
        assert peer.monitor.welcome["ts"] <= pong["t1"]


async def test_the_server_pings_three_times_at_the_start(scripted):
    async with talking(scripted.url) as peer:
        await asyncio.sleep(1.2)
        pings = peer.all("ping")
        assert len(pings) == 3
        for ping in pings:
            assert abs(ping["ts"] - ping["t0"]) < 100


# -- limits (section 14) ------------------------------------------------------------------------


async def test_a_text_above_max_text_closes_with_1009(scripted):
    # max_text is 64 KiB, and so is the limit beyond which the socket is closed.
    async with connect(scripted.url) as peer:
        await peer.hello()
        await peer.send("input.text", text="x" * 65536)
        assert await peer.close_code() == 1009


async def test_a_text_below_max_text_is_taken(scripted):
    async with talking(scripted.url) as peer:
        await peer.send("juggle", balls="x" * 65000)
        await peer.barrier()
        assert not peer.all("error")


@pytest.mark.parametrize("size", [16385, 65536])
async def test_a_frame_above_max_binary_is_too_large(scripted, size):
    async with talking(scripted.url) as peer:
        frame = pack(flags=START, seq=1, pts=0, ts=0, payload=bytes(size - 16))
        await peer.raw(frame, counts=True)
        await peer.barrier()
        assert [error["code"] for error in peer.all("error")] == ["too_large"]
        assert not peer.all("nack")


async def test_a_frame_above_64_kib_closes_with_1009(scripted):
    async with connect(scripted.url) as peer:
        await peer.hello()
        await peer.raw(pack(flags=START, seq=1, pts=0, ts=0, payload=bytes(65536)), counts=True)
        assert await peer.close_code() == 1009


async def test_a_hello_above_16_kib_closes_with_4400(scripted):
    async with connect(scripted.url) as peer:
        await peer.hello(wait=False, padding="x" * 16384)
        assert (await peer.until("error"))["fatal"] is True
        assert await peer.close_code() == 4400


@pytest.mark.parametrize(("depth", "fine"), [(16, True), (17, False), (5000, False)])
async def test_json_may_be_16_deep(scripted, depth, fine):
    async with talking(scripted.url) as peer:
        await peer.barrier()
        nested = "[" * (depth - 1) + "]" * (depth - 1)
        await peer.raw('{"type":"juggle","seq":2,"balls":' + nested + "}", counts=True)
        await peer.barrier()
        assert bool(peer.all("error")) is not fine
        assert not peer.all("nack")


async def test_instructions_may_have_32_kib(scripted):
    async with talking(scripted.url) as peer:
        fine = await peer.command("session.update", session={"instructions": "x" * 32768})
        assert fine.type == "session.updated"
        error = await peer.command("session.update", session={"instructions": "x" * 32769})
        assert error.type == "error"
        assert error["code"] in ("bad_field", "too_large")
        error = await peer.command("session.update", session={"instructions": "ä" * 16385})
        assert error.type == "error"  # KiB are bytes


async def test_too_many_frames_are_warned_about_and_then_closed_with_4429(scripted):
    async with connect(scripted.url, pongs=False) as peer:
        await peer.hello()
        for _ in range(4000):
            try:
                await peer.send("ack", ack=0)
            except websockets.ConnectionClosed:
                break
        assert await peer.close_code() == 4429
        codes = [m["code"] for m in peer.log if m.type in ("warning", "error")]
        assert codes[0] == codes[-1] == "rate_limited"
        assert peer.all("warning", code="rate_limited")
        assert peer.all("error", code="rate_limited", fatal=True)


async def test_a_burst_of_900_frames_is_fine(scripted):
    async with talking(scripted.url) as peer:
        for _ in range(900):
            await peer.send("juggle")
        await peer.barrier()
        assert not [m for m in peer.log if m.type in ("warning", "error") and "rate" in m["code"]]


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        '{"type":"juggle","must":true}',
        '{"type":"input.text"}',
        '{"type":"input.text","text":1}',
        pack(flags=0, seq=0, pts=0, ts=0)[:9],
    ],
    ids=["bad_json", "bad_event", "missing_field", "bad_field", "bad_frame"],
)
async def test_the_eleventh_bad_message_closes_with_4400(scripted, bad):
    async with connect(scripted.url, numbered=False) as peer:
        await peer.hello()
        await peer.barrier()
        for _ in range(10):
            await peer.socket.send(bad)
        await peer.barrier()
        assert len(peer.all("error", fatal=False)) == 10
        await peer.socket.send(bad)
        assert await peer.close_code() == 4400
        assert len(peer.all("error")) in (10, 11)


async def test_all_kinds_of_bad_messages_count_together(scripted):
    async with connect(scripted.url, numbered=False) as peer:
        await peer.hello()
        await peer.barrier()
        for _ in range(4):
            await peer.socket.send("{")
            await peer.socket.send('{"type":"input.text"}')
            await peer.socket.send(b"short")
        assert await peer.close_code() == 4400


async def test_command_errors_do_not_count(scripted):
    async with talking(scripted.url) as peer:
        for _ in range(20):
            await peer.send("response.cancel")
        await peer.barrier()
        assert len(peer.all("error", code="no_active_response")) == 20


@pytest.mark.parametrize("text", [b"\xff\xfe", b'{"type":"input.text","text":"\xc3"}'])
async def test_text_that_is_not_utf8_closes_with_1007(scripted, text):
    async with connect(scripted.url) as peer:
        await peer.hello()
        await peer.socket.send(text, text=True)
        assert await peer.close_code() == 1007


async def test_random_messages_are_answered_or_ignored_but_never_an_internal_error(scripted):
    generator = random.Random(7)
    fields = ["type", "seq", "id", "session", "pts", "stream", "state", "text", "t0", "from", "to"]
    values = [
        None,
        True,
        -1,
        0,
        1,
        2**32,
        2**70,
        1.5,
        "",
        "x",
        [],
        {},
        [{}],
        {"turn": {}},
        "speech",
    ]
    types = [
        "session.update", "audio.open", "turn.start", "turn.commit", "turn.cancel", "input.text",
        "response.create", "response.cancel", "playout", "item.delete", "item.create", "ack",
        "nack", "gap", "ping", "pong", "tool.result", "welcome", "state", "hello",
    ]  # fmt: skip
    for _ in range(12):
        async with connect(scripted.url, numbered=False, watched=False) as peer:
            await peer.hello()
            for _ in range(30):
                body = {generator.choice(fields): generator.choice(values) for _ in range(5)}
                body["type"] = generator.choice(types)
                message: str | bytes = json.dumps(body)
                if generator.random() < 0.3:
                    message = generator.randbytes(generator.choice((0, 5, 16, 20, 336)))
                if peer.closed:
                    break
                try:
                    await peer.socket.send(message)
                except websockets.ConnectionClosed:
                    break
            await peer.close()
            assert peer.socket.close_code in (1000, 1005, 4400), peer.socket.close_code
            assert not peer.all("error", code="internal")
    async with talking(scripted.url) as peer:
        await peer.barrier()


# -- the end (section 12) -----------------------------------------------------------------------


async def test_bye_closes_with_1000(scripted):
    async with connect(scripted.url) as peer:
        await peer.hello()
        await peer.send("bye", reason="done")
        assert await peer.close_code() == 1000


async def test_bye_during_a_reply_closes_with_1000(scripted):
    async with connect(scripted.url, plays=False) as peer:
        await peer.hello()
        await peer.send("response.create", say="A long reply. " * 10)
        await peer.until("frame")
        await peer.send("bye")
        assert await peer.close_code() == 1000


async def test_a_socket_that_vanishes_frees_the_session(scripted):
    for _ in range(3):
        async with talking(scripted.url) as peer:
            await peer.speak(recording("hello"))
            peer.socket.transport.abort()
    async with talking(scripted.url) as peer:
        await peer.speak(recording("hello"))
        await peer.speak(silence(0.6))
        await peer.until("response.done")


async def test_a_server_that_stops_says_so_and_closes_with_1001():
    server = scripted_server()
    running = server.__enter__()
    async with connect(running.url) as peer:
        await peer.hello()
        await peer.send("response.create", say="Still.")
        await peer.until("frame")
        stopped = asyncio.create_task(asyncio.to_thread(server.__exit__, None, None, None))
        assert await peer.close_code() in (1001, 1012)
        goaway = await peer.until("goaway")
        # The text says resume:true; a server that cannot resume yet had better not promise it.
        assert isinstance(goaway["resume"], bool)
        assert goaway["left_ms"] >= 0
        await peer.until("response.done", status="completed")
        await stopped
