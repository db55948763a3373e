"""Sockets that come, go, stall and stay: the server's side of it."""

import asyncio
import os
import signal
import socket as sockets
import sys
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
import websockets

from gateway.client.commands import read_trust
from gateway.client.errors import Unreachable
from gateway.client.session import DeviceSettings, connect
from tests.end_to_end.raw_client import Connected, recording
from tests.end_to_end.servers import scripted_server

HELLO = recording("hello")
KEY = "a-key-of-enough-characters"
CERTIFICATES = Path(__file__).parent.parent / "gateway" / "security"


def test_capacity_is_refused_before_the_upgrade_with_retry_after():
    async def scene(server):
        async with Connected(server.url) as client:
            await client.hello()
            with pytest.raises(websockets.InvalidStatus) as refusal:
                async with Connected(server.url):
                    pass
            assert refusal.value.response.status_code == 503
            assert int(refusal.value.response.headers["Retry-After"]) > 0

    with scripted_server(server={"max_sessions": 1}) as server:
        asyncio.run(scene(server))


def test_a_key_in_hello_is_the_last_chance():
    async def scene(server):
        async with Connected(server.url) as client:
            await client.hello(token=KEY)
        async with Connected(server.url) as client:
            await client.send(
                "hello", protocol=1, client={"name": "x", "version": "1"}, token="wrong"
            )
            await client.socket.wait_closed()
            assert client.socket.close_code == 4401
            assert client.of("error")[0]["code"] == "unauthorized"

    with scripted_server(security={"key": KEY}) as server:
        asyncio.run(scene(server))


async def test_a_client_that_does_not_read_is_cut_off_and_others_do_not_notice():
    async def scene(server):
        stuck = await asyncio.get_running_loop().run_in_executor(None, _stuck_client, server)
        try:
            async with Connected(server.url) as client:
                await client.hello()
                await client.speak(HELLO)
                await client.until("response.done")
            for _ in range(100):
                if server.call(lambda: server.app.listener.connections) == 0:
                    break
                await asyncio.sleep(0.1)
            assert server.call(lambda: server.app.listener.connections) == 0
        finally:
            stuck.close()

    with scripted_server(server={"send_deadline_s": 0.5}) as server:
        await scene(server)
        metrics = server.call(server.app.metrics.text).decode()
        assert 'parley_errors_total{code="slow_consumer"} 1.0' in metrics


def _stuck_client(server):
    """Shakes hands, asks for a lot, and never reads."""
    import json
    import struct

    port = server.app.listener.port
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", port))
    raw.sendall(
        f"GET /v1/native HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert b"101" in raw.recv(1024)

    def send(message):
        payload = json.dumps(message).encode()
        raw.sendall(struct.pack("!BBH4x", 0x81, 0x80 | 126, len(payload)) + payload)

    pcm = {"codec": "pcm_s16le", "rate": 48000, "frame_ms": 20}
    send({
        "type": "hello", "protocol": 1, "client": {"name": "stuck", "version": "1"},
        "audio": {"out": [pcm]}, "limits": {"max_text": 65536, "max_binary": 16384},
    })  # fmt: skip
    long = "This text is meant to fill every buffer on the way. " * 1000
    for number in range(6):
        send({"type": "item.create", "role": "user", "text": long[:50_000], "id": f"k{number}"})
        send(
            {
                "type": "session.update",
                "session": {"instructions": long[:30_000]},
                "id": f"u{number}",
            }
        )
    for _ in range(60):
        send({"type": "session.update", "session": {"instructions": long[:30_000]}})
    return raw


def test_a_lost_socket_frees_its_place():
    async def scene(server):
        for _ in range(3):
            async with Connected(server.url) as client:
                await client.hello()
                await client.speak(HELLO, silence_s=0)
                client.socket.transport.abort()
            for _ in range(60):
                if server.call(lambda: len(server.app._sessions)) == 0:
                    break
                await asyncio.sleep(0.1)
            assert server.call(lambda: len(server.app._sessions)) == 0

    with scripted_server(server={"max_sessions": 1}) as server:
        asyncio.run(scene(server))


def test_the_server_leaves_no_task_behind():
    async def scene(server):
        async with Connected(server.url) as client:
            await client.hello()
            await client.speak(HELLO)
            await client.until("response.done")
            await client.send("bye")
            await client.socket.wait_closed()
            assert client.socket.close_code == 1000

    with scripted_server() as server:
        before = server.call(lambda: len(asyncio.all_tasks()))
        asyncio.run(scene(server))
        for _ in range(50):
            if server.call(lambda: len(asyncio.all_tasks())) <= before:
                break
        assert server.call(lambda: len(asyncio.all_tasks())) <= before


async def _serve(*options: str) -> tuple[asyncio.subprocess.Process, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "serve", "--port", "0", "--engines", "scripted", *options,
        stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PARLEY_SERVER_DRAIN_S": "10"},
    )  # fmt: skip
    assert process.stderr is not None
    async with asyncio.timeout(30):
        while line := (await process.stderr.readline()).decode():
            if "listening on " in line:
                return process, line.split("listening on ")[1].split()[0]
    raise AssertionError(f"the server did not start: {await process.stderr.read()!r}")


async def _ended(process: asyncio.subprocess.Process, within: float) -> tuple[int, str]:
    async with asyncio.timeout(within):
        _, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, errors.decode()


async def test_sigterm_lets_the_turn_end_says_goodbye_and_exits_0():
    process, url = await _serve()
    async with Connected(url) as client:
        await client.hello()
        await client.send("response.create", say="This sentence is still spoken to its end.")
        await client.until("audio.start")
        process.send_signal(signal.SIGTERM)
        farewell = await client.until("goaway")
        assert farewell["left_ms"] > 0
        done = await client.until("response.done")
        assert done["status"] == "completed"
        async with asyncio.timeout(15):
            await client.socket.wait_closed()
        assert client.socket.close_code == 1001
    code, errors = await _ended(process, 15)
    assert code == 0, errors
    assert "Traceback" not in errors


async def test_a_second_signal_does_not_wait():
    process, url = await _serve()
    async with Connected(url, plays=False) as client:
        await client.hello()
        await client.send("response.create", say="A sentence that nobody waits for. " * 20)
        await client.until("audio.start")
        process.send_signal(signal.SIGINT)
        await client.until("goaway")
        process.send_signal(signal.SIGINT)
        code, _ = await _ended(process, 5)
        assert code == 130


async def test_health_pages_tell_the_truth(scripted):
    def get(path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(scripted.http + path) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    loop = asyncio.get_running_loop()
    for path, content in [("/healthz", b"alive"), ("/readyz", b"ready"), ("/metrics", b"parley_")]:
        status, body = await loop.run_in_executor(None, get, path)
        assert status == 200
        assert content in body
    assert (await loop.run_in_executor(None, get, "/nothing"))[0] == 404


def test_the_client_talks_over_tls_to_whom_it_trusts():
    async def scene(server):
        settings = DeviceSettings(url=server.url, key=KEY, microphone=None)
        with pytest.raises(Unreachable, match="--ca-file"):
            async with connect(settings):
                pass
        async with connect(replace(settings, tls=read_trust(CERTIFICATES / "localhost.pem"))):
            pass

    tls = {
        "tls_certificate": CERTIFICATES / "localhost.pem",
        "tls_key": CERTIFICATES / "localhost.key.pem",
    }
    with scripted_server(security={"key": KEY, **tls}) as server:
        assert server.url.startswith("wss://")
        asyncio.run(scene(server))
