"""Whatever a client sends, it gets the documented answer, and nobody else notices."""

import asyncio
import json

import numpy as np
import pytest
import websockets

from tests.end_to_end.raw_client import (
    END,
    HEADER,
    PCM,
    START,
    Connected,
    RawClient,
    now_ms,
    recording,
)

VOICE = [recording("hello")]


async def closed(client: RawClient, within: float = 10.0) -> int:
    async with asyncio.timeout(within):
        await client.socket.wait_closed()
    return client.socket.close_code


BAD_MESSAGES = [
    ("not JSON", '{"type":', "bad_json", None),
    ("an array", "[1,2]", "bad_json", None),
    ("no type", '{"seq":1}', "missing_field", "type"),
    ("a wrong type", '{"type":"playout","seq":1,"stream":"x","pts":0,"state":"done"}',
     "bad_field", "stream"),
    ("a missing field", '{"type":"input.text","seq":1}', "missing_field", "text"),
    ("a bad choice", '{"type":"session.update","seq":1,"session":{"turn":{"mode":"x"}}}',
     "bad_field", "session.turn.mode"),
    ("out of range", '{"type":"session.update","seq":1,"session":{"speed":9}}',
     "bad_field", "session.speed"),
    ("an unknown voice", '{"type":"session.update","seq":1,"session":{"voice":"nobody"}}',
     "bad_field", "session.voice"),
    ("an unknown language", '{"type":"session.update","seq":1,"session":{"language":"fr"}}',
     "bad_field", "session.language"),
    ("must be understood", '{"type":"future.thing","seq":1,"must":true}', "bad_event", None),
    ("hello twice", '{"type":"hello","protocol":1,"client":{"name":"x","version":"1"}}',
     "bad_event", None),
    ("a commit without a start",
     '{"type":"turn.cancel","seq":1}', "bad_event", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code", "path"), [row[1:] for row in BAD_MESSAGES], ids=[r[0] for r in BAD_MESSAGES]
)
async def test_a_malformed_message_is_answered_and_the_session_goes_on(scripted, text, code, path):
    async with Connected(scripted.url) as client:
        await client.hello()
        await client.socket.send(text)
        error = await client.until("error")
        assert error["code"] == code
        assert error["fatal"] is False
        if path:
            assert error["details"]["path"] == path
        client.seq = 0 if "hello" in text else 1  # a hello has no number
        await client.speak(VOICE[0])
        assert (await client.until("response.done"))["status"] == "completed"


def frame(*, kind=0x11, flags=START, stream=1, seq=1, pts=0, payload=b"\0" * 640) -> bytes:
    return HEADER.pack(kind, flags, stream, seq, pts, now_ms()) + payload


BAD_FRAMES = [
    ("short", b"\x11\x01"),
    ("wrong version", frame(kind=0x21)),
    ("reserved kind", frame(kind=0x1F)),
    ("stream 0", frame(stream=0)),
    ("the server's stream", frame(stream=0x0100)),
    ("odd PCM", frame(payload=b"\0" * 641)),
    ("no START", frame(flags=0)),
    ("pts not 0 at START", frame(pts=5)),
    ("empty", frame(payload=b"")),
    ("too long", frame(payload=b"\0" * 4000)),
]


@pytest.mark.parametrize("message", [row[1] for row in BAD_FRAMES], ids=[r[0] for r in BAD_FRAMES])
async def test_a_malformed_frame_is_answered_and_the_session_goes_on(scripted, message):
    async with Connected(scripted.url) as client:
        await client.hello()
        await client.socket.send(message)
        error = await client.until("error")
        assert error["code"] == "bad_frame"
        client.seq = 1 if len(message) >= HEADER.size else 0  # what has no header has no number
        await client.frame(b"\0" * 640, 320, flags=START)
        await client.speak(VOICE[0])
        await client.until("response.done")


async def test_opus_that_cannot_be_decoded_is_a_bad_frame(scripted):
    opus = {"codec": "opus", "rate": 16000, "frame_ms": 20}
    async with Connected(scripted.url) as client:
        await client.hello(audio={"in": [opus], "out": [PCM]})
        await client.socket.send(frame(payload=b"\x0b\xff\xff\xff\xff"))
        error = await client.until("error")
        assert error["code"] == "bad_frame"


async def test_the_eleventh_bad_message_closes_the_socket(scripted):
    async with Connected(scripted.url) as client:
        await client.hello()
        for _ in range(11):
            await client.socket.send("nonsense")
        assert await closed(client) == 4400
        assert [error["code"] for error in client.of("error")][:10] == ["bad_json"] * 10


HELLOS = [
    ("not a hello", {"type": "ping", "t0": 1}, 4400, "bad_event"),
    ("version 9", {"type": "hello", "protocol": 9, "client": {"name": "x", "version": "1"}},
     4426, None),
    ("no client", {"type": "hello", "protocol": 1}, 4400, "missing_field"),
    ("unknown preset", {"type": "hello", "protocol": 1, "preset": "shop",
                        "client": {"name": "x", "version": "1"}}, 4404, "unknown_preset"),
    ("unknown codec", {"type": "hello", "protocol": 1, "client": {"name": "x", "version": "1"},
                       "audio": {"in": [{"codec": "mp3", "rate": 16000, "frame_ms": 20}]}},
     4400, "unsupported_codec"),
    ("unknown rate", {"type": "hello", "protocol": 1, "client": {"name": "x", "version": "1"},
                      "audio": {"out": [{"codec": "opus", "rate": 44100, "frame_ms": 20}]}},
     4400, "unsupported_rate"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("hello", "close", "code"), [row[1:] for row in HELLOS], ids=[row[0] for row in HELLOS]
)
async def test_a_wrong_hello_gets_its_error_and_close_code(scripted, hello, close, code):
    async with Connected(scripted.url) as client:
        await client.socket.send(json.dumps(hello))
        assert await closed(client) == close
        (error,) = client.of("error")
        assert error["fatal"] is True
        if code:
            assert error["code"] == code
        if code in ("unsupported_codec", "unsupported_rate"):
            assert error["details"]["supported"]


async def test_a_frame_above_64_kib_closes_with_1009(scripted):
    async with Connected(scripted.url) as client:
        await client.hello()
        await client.socket.send(b"\0" * 70_000)
        assert await closed(client) == 1009


async def test_a_message_above_the_limit_is_too_large_and_not_fatal(scripted):
    async with Connected(scripted.url) as client:
        await client.hello()
        await client.socket.send(frame(payload=b"\0" * 20_000))
        assert (await client.until("error"))["code"] == "too_large"


UNSUPPORTED = [
    {"type": "tool.result", "call_id": "c_1", "output": 1},
    {"type": "response.create", "out_of_band": True},
    {"type": "session.update", "session": {"tools": [
        {"name": "x", "description": "", "parameters": {}}]}},
    {"type": "audio.open", "stream": 2, "codec": "opus", "rate": 16000, "frame_ms": 20,
     "role": "ref"},
]  # fmt: skip


@pytest.mark.parametrize("message", UNSUPPORTED, ids=lambda m: m["type"])
async def test_what_is_not_implemented_yet_is_unsupported_with_its_id(scripted, message):
    async with Connected(scripted.url) as client:
        await client.hello()
        await client.send(**{"kind": message["type"], "id": "k1"}, **_without_type(message))
        error = await client.until("error")
        assert (error["code"], error["re"], error["fatal"]) == ("unsupported", "k1", False)


def _without_type(message):
    return {key: value for key, value in message.items() if key != "type"}


async def test_commands_that_do_not_fit_the_moment_are_answered_with_their_id(scripted):
    async with Connected(scripted.url, plays=False) as client:
        await client.hello()
        await client.send("response.cancel", id="a")
        assert (await client.until("error"))["code"] == "no_active_response"
        await client.send("item.delete", id="b", item="i_none")
        unknown = await client.until("error", lambda e: e["code"] == "unknown_item")
        assert unknown["re"] == "b"
        await client.send("response.create", id="c", say="Good morning to you all.")
        started = await client.until("response.started")
        assert started["re"] == "c"
        await client.send("response.create", id="d", say="And good night.")
        active = await client.until("error", lambda e: e["code"] == "response_active")
        assert active["re"] == "d"


async def test_a_command_sent_twice_has_one_effect_and_the_same_answer(scripted):
    async with Connected(scripted.url) as client:
        await client.hello()
        for _ in range(2):
            await client.send("input.text", id="once", text="Hello.")
        await client.until("response.done")
        await client.send("session.update", id="last", session={"speed": 1.5})
        updated = await client.until("session.updated")
        assert updated["session"]["speed"] == 1.5
        assert len(client.of("response.started")) == 1
        assert [ack["re"] for ack in client.of("ack") if "re" in ack] == ["once", "once"]


async def test_a_client_that_does_not_count_is_served(scripted):
    async with Connected(scripted.url) as client:
        await client.hello()
        for at in range(0, len(VOICE[0]) + 40_000, 320):
            chunk = VOICE[0][at : at + 320].astype("<i2").tobytes().ljust(640, b"\0")
            await client.socket.send(frame(flags=START if at == 0 else 0, seq=0, pts=at,
                                           payload=chunk))  # fmt: skip
            await asyncio.sleep(0.002)
        await client.until("transcript.final")
        assert [ack for ack in client.of("ack") if "re" not in ack] == []


async def test_a_client_that_counts_is_acknowledged(scripted):
    async with Connected(scripted.url) as client:
        await client.hello()
        await client.speak(np.zeros(320 * 70, np.int16), silence_s=0)
        async with asyncio.timeout(5):
            while client.acknowledged < 64:  # on its own, or riding on whatever was sent
                await asyncio.sleep(0.05)
        assert client.acknowledged <= client.seq


async def test_audio_flags_start_and_end_frame_an_utterance(scripted):
    async with Connected(scripted.url) as client:
        await client.hello()
        await client.speak(VOICE[0], silence_s=0)
        await client.frame(b"", 0, flags=END)
        stopped = await client.until("speech.stopped")
        assert stopped["reason"] == "commit"
        await client.until("response.done")


async def test_no_hello_is_a_timeout(scripted):
    async with Connected(scripted.url) as client:
        assert await closed(client, within=8.0) == 4408


async def test_neighbours_do_not_notice_garbage(scripted):
    async def garbage():
        for _ in range(20):
            try:
                async with Connected(scripted.url) as client:
                    await client.hello()
                    for _ in range(30):
                        await client.socket.send(b"\xff" * 100)
            except websockets.ConnectionClosed:
                continue

    async def talk():
        async with Connected(scripted.url) as client:
            await client.hello()
            for _ in range(3):
                seen = len(client.messages)
                await client.speak(VOICE[0])
                await client.until("response.done", after=seen)
            return [done["status"] for done in client.of("response.done")]

    statuses, _ = await asyncio.gather(talk(), garbage())
    assert statuses == ["completed"] * 3
