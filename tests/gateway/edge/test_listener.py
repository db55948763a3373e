"""The listener over real sockets: refusals, pages, limits, and a close that never hangs."""

import asyncio
import contextlib
import errno
import json
import socket
import ssl
import struct
from dataclasses import replace
from pathlib import Path

import pytest
import websockets

from gateway.config import Config, SecurityConfig, ServerConfig
from gateway.control.health import Health, Pages
from gateway.edge import listener as edge
from gateway.edge.admission import Admission, admission
from gateway.edge.listener import Listener
from gateway.errors import CertificateError, ConfigError, ListenError
from gateway.security.credentials import token_subprotocol

KEY = "a-key-of-some-length"
PEM = Path(__file__).parents[1] / "security"
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}
ENOUGH_S = 20
"""Far more than anything here takes; only a hang exceeds it."""


class House:
    """A listener with everything around it, and what it was told."""

    def __init__(self, handle=None, *, security=None, **server):
        self.health = Health()
        self.health.ready()
        self.refusals = []
        self.verdicts = []
        self.admit = lambda: admission(self.health.state, sessions=0, capacity=99)
        self._handle = handle or self.echo
        config = Config(
            server=replace(ServerConfig(port=0), **server),
            security=SecurityConfig(**(security or {})),
        )
        self.listener = Listener(
            config,
            handle=self.handle,
            admit=lambda: self.admit(),
            pages=Pages(self.health, lambda: b"parley_x 1\n"),
            refused=self.refusals.append,
        )

    async def __aenter__(self):
        await self.listener.start()
        return self

    async def __aexit__(self, *error):
        async with asyncio.timeout(ENOUGH_S):
            await self.listener.close()

    async def handle(self, websocket, authorized):
        self.verdicts.append(authorized)
        await self._handle(websocket)

    @staticmethod
    async def echo(websocket):
        async for message in websocket:
            await websocket.send(message)

    def connect(self, **options):
        return websockets.connect(self.listener.url, proxy=None, **options)

    async def ask(self, path="/v1/native", headers=None, *, method="GET", raw=None):
        """Send one request and return status, headers (lower case) and body."""
        if raw is None:
            lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
            pairs = headers.items() if isinstance(headers, dict) else headers or []
            lines += [f"{name}: {value}" for name, value in pairs]
            raw = "\r\n".join([*lines, "", ""]).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port)
        writer.write(raw)
        try:
            async with asyncio.timeout(ENOUGH_S):
                return await read_answer(reader)
        finally:
            writer.close()


async def read_answer(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    first, *rest = head.decode().strip().split("\r\n")
    fields = {}
    for line in rest:
        name, _, value = line.partition(": ")
        fields[name.lower()] = value
    body = await reader.readexactly(int(fields.get("content-length", 0)))
    return int(first.split()[1]), fields, body.decode()


async def until(condition):
    async with asyncio.timeout(ENOUGH_S):
        while not condition():
            await asyncio.sleep(0.005)


# -- who gets in --------------------------------------------------------------------------------


async def test_a_device_without_key_origin_or_subprotocol_connects():
    async with House() as house, house.connect(compression=None) as client:
        await client.send("hello")
        assert await client.recv() == "hello"
        assert client.subprotocol is None
        assert house.verdicts == [True]


async def test_only_the_protocols_subprotocol_is_echoed():
    offered = ["parley.v2", token_subprotocol(KEY), "parley.v1"]
    async with House(security={"key": KEY}) as house:
        async with house.connect(subprotocols=offered) as client:
            assert client.subprotocol == "parley.v1"
            headers = client.response.headers
            assert headers.get_all("Sec-WebSocket-Protocol") == ["parley.v1"]
            assert "parley.token" not in str(headers)
        async with house.connect(subprotocols=["other.v9"]) as client:
            assert client.subprotocol is None
        assert house.verdicts == [True, None]


async def test_compression_is_never_negotiated():
    async with House() as house, house.connect(compression="deflate") as client:
        assert "Sec-WebSocket-Extensions" not in client.response.headers


async def test_the_server_says_its_name_and_no_version():
    async with House() as house, house.connect() as client:
        assert client.response.headers["Server"] == "Parley"


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({"Authorization": f"Bearer {KEY}"}, True),
        ({"Sec-WebSocket-Protocol": f"parley.v1, {token_subprotocol(KEY)}"}, True),
        ({}, None),
        ({"Sec-WebSocket-Protocol": "parley.v1"}, None),
    ],
)
async def test_the_right_key_or_none_yet_passes_the_handshake(headers, verdict):
    async with House(security={"key": KEY}) as house:
        status, _, _ = await house.ask(headers=UPGRADE | headers)
        assert status == 101
        await until(lambda: house.verdicts)
        assert house.verdicts == [verdict]
        assert house.refusals == []


async def test_a_listed_page_connects():
    page = "https://app.example"
    async with House(security={"allowed_origins": (page,)}) as house:
        assert (await house.ask(headers=UPGRADE | {"Origin": page}))[0] == 101


# -- who does not -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers", "status", "reason"),
    [
        ("/", UPGRADE, 404, "path"),
        ("/v1/native/", UPGRADE, 404, "path"),
        ("/v1/Native", UPGRADE, 404, "path"),
        ("/../v1/native", UPGRADE, 404, "path"),
        ("/v1/native", UPGRADE | {"Origin": "https://evil.example"}, 403, "origin"),
        ("/v1/native", UPGRADE | {"Origin": "null"}, 403, "origin"),
        ("/v1/native", UPGRADE | {"Authorization": "Bearer wrong"}, 401, "credentials"),
        ("/v1/native", UPGRADE | {"Authorization": f"Basic {KEY}"}, 401, "credentials"),
        (
            "/v1/native",
            UPGRADE | {"Sec-WebSocket-Protocol": f"parley.v1, {token_subprotocol('wrong')}"},
            401,
            "credentials",
        ),
        ("/v1/native?token=" + KEY, UPGRADE, 401, "credentials"),
        # Strangers do not learn how busy a server is, nor which keys are right from elsewhere.
        (
            "/v1/native",
            UPGRADE | {"Origin": "https://evil.example", "Authorization": f"Bearer {KEY}"},
            403,
            "origin",
        ),
    ],
)
async def test_a_handshake_is_refused_before_the_upgrade(path, headers, status, reason):
    async with House(security={"key": KEY}) as house:
        house.admit = lambda: Admission(accepted=False, reason="capacity", retry_after_s=1)
        answer, fields, body = await house.ask(path, headers)
        assert answer == status
        assert house.refusals == [reason]
        assert house.verdicts == []
        assert fields["connection"] == "close"
        assert KEY not in body + str(fields)
        assert ("www-authenticate" in fields) == (status == 401)


async def test_two_origins_are_refused_even_if_both_are_listed():
    page = "https://app.example"
    async with House(security={"allowed_origins": (page,)}) as house:
        headers = [*UPGRADE.items(), ("Origin", page), ("Origin", page)]
        assert (await house.ask(headers=headers))[0] == 403


@pytest.mark.parametrize("method", ["POST", "HEAD", "DELETE"])
async def test_other_methods_are_refused(method):
    async with House() as house:
        status, fields, _ = await house.ask(headers=UPGRADE, method=method)
        assert (status, fields["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 426),
        ({"Upgrade": "websocket", "Connection": "Upgrade"}, 400),
        (UPGRADE | {"Sec-WebSocket-Version": "8"}, 400),
        (UPGRADE | {"Sec-WebSocket-Key": "short"}, 400),
        (UPGRADE | {"Sec-WebSocket-Protocol": "a b,, ;"}, 400),
    ],
)
async def test_what_is_no_handshake_is_refused_and_takes_no_place(headers, status):
    async with House(max_sessions=1) as house:
        assert (await house.ask(headers=headers))[0] == status
        assert (await house.ask(headers=UPGRADE))[0] == 101


async def test_garbage_is_dropped():
    async with House() as house:
        with contextlib.suppress(ConnectionResetError, asyncio.IncompleteReadError):
            await house.ask(raw=b"\x16\x03\x01 not http\r\n\r\n")
        assert house.verdicts == []
        async with house.connect() as client:
            await client.send("still here")
            assert await client.recv() == "still here"


@pytest.mark.parametrize(
    ("answer", "reason", "retry_after"),
    [
        (Admission(accepted=False, reason="capacity", retry_after_s=15), "capacity", "15"),
        (Admission(accepted=False, reason="draining", retry_after_s=10), "draining", "10"),
    ],
)
async def test_whom_admission_refuses_is_told_when_to_come_back(answer, reason, retry_after):
    async with House() as house:
        house.admit = lambda: answer
        status, fields, body = await house.ask(headers=UPGRADE)
        assert (status, fields["retry-after"]) == (503, retry_after)
        assert reason in body
        assert house.refusals == [reason]


async def test_no_more_sockets_than_sessions_are_open_whatever_admission_says():
    async with House(max_sessions=2) as house, house.connect(), house.connect() as second:
        status, fields, _ = await house.ask(headers=UPGRADE)
        assert status == 503
        assert int(fields["retry-after"]) > 0
        await second.close()
        await until(lambda: house.listener.connections == 1)
        assert (await house.ask(headers=UPGRADE))[0] == 101


def on(loop, scenario):
    """Run a scenario on asyncio's own loop or on uvloop, which orders callbacks differently."""
    factory = pytest.importorskip("uvloop").new_event_loop if loop == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(scenario)


async def hang_up_during_the_handshake(*, reset):
    lines = ["GET /v1/native HTTP/1.1", "Host: x", *(f"{k}: {v}" for k, v in UPGRADE.items())]
    async with House(max_sessions=1) as house:
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", house.listener.port)) as sock:
                sock.sendall("\r\n".join([*lines, "", ""]).encode())
                if reset:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await asyncio.sleep(0)
        await until(lambda: house.listener.connections == 0)
        async with house.connect() as client:
            await client.send("room for one")
            assert await client.recv() == "room for one"


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("reset", [False, True])
def test_whoever_hangs_up_during_the_handshake_leaves_no_place_taken(loop, reset):
    on(loop, hang_up_during_the_handshake(reset=reset))


async def test_whoever_says_nothing_is_cut_after_the_handshake_timeout():
    async with House(handshake_timeout_s=0.1) as house:
        for opening in (b"", b"GET /v1/native HTTP/1.1\r\nHost:"):
            reader, writer = await asyncio.open_connection("127.0.0.1", house.listener.port)
            writer.write(opening)
            async with asyncio.timeout(ENOUGH_S):
                with contextlib.suppress(ConnectionResetError):
                    assert await reader.read() == b""
            writer.close()


async def test_a_message_beyond_64_kib_closes_1009():
    async with House() as house, house.connect() as client:
        await client.send(b"x" * 65536)
        assert len(await client.recv()) == 65536
        await client.send(b"x" * 65537)
        with pytest.raises(websockets.ConnectionClosedError):
            await client.recv()
        assert client.close_code == 1009


# -- pages --------------------------------------------------------------------------------------


async def test_health_pages_need_no_handshake_and_no_key():
    async with House(security={"key": KEY}) as house:
        assert (await house.ask("/healthz"))[0] == 200
        status, fields, body = await house.ask("/readyz?from=probe")
        assert (status, json.loads(body)) == (200, {"status": "ready"})
        assert fields["content-type"] == "application/json"
        assert fields["cache-control"] == "no-store"
        house.health.drain()
        assert (await house.ask("/readyz"))[0] == 503
        assert (await house.ask("/healthz"))[0] == 200


@pytest.mark.parametrize(
    ("security", "headers", "status"),
    [
        ({}, {}, 200),
        ({"key": KEY}, {}, 200),
        ({}, {"X-Forwarded-For": "192.0.2.1"}, 401),
        ({}, {"Forwarded": "for=192.0.2.1", "Authorization": "Bearer any"}, 401),
        ({"key": KEY}, {"X-Real-IP": "192.0.2.1"}, 401),
        ({"key": KEY}, {"X-Real-IP": "192.0.2.1", "Authorization": "Bearer wrong"}, 401),
        ({"key": KEY}, {"X-Real-IP": "192.0.2.1", "Authorization": f"Bearer {KEY}"}, 200),
    ],
)
async def test_metrics_are_for_this_machine_and_for_holders_of_the_key(security, headers, status):
    async with House(security=security) as house:
        answer, _, body = await house.ask("/metrics", headers)
        assert answer == status
        assert ("parley_x 1" in body) == (status == 200)


# -- sockets ------------------------------------------------------------------------------------


async def test_sockets_send_at_once_hold_little_and_give_up_on_dead_peers():
    options = {}

    async def handle(websocket):
        sock = websocket.transport.get_extra_info("socket")
        options["nodelay"] = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        options["timeout"] = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        options["unsent"] = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)

    async with House(handle, send_deadline_s=2.0) as house:
        async with house.connect() as client:
            await client.wait_closed()
        assert options["nodelay"]
        assert options["timeout"] == 6000
        assert options["unsent"] == 32768


async def test_tls_is_served_with_the_certificate():
    security = {"tls_certificate": PEM / "localhost.pem", "tls_key": PEM / "localhost.key.pem"}
    async with House(security=security) as house:
        assert house.listener.url.startswith("wss://127.0.0.1:")
        context = ssl.create_default_context(cafile=str(PEM / "localhost.pem"))
        async with house.connect(ssl=context) as client:
            await client.send("secret")
            assert await client.recv() == "secret"
            version = client.transport.get_extra_info("ssl_object").version()
            assert version in ("TLSv1.2", "TLSv1.3")
        with pytest.raises((OSError, websockets.InvalidMessage, EOFError)):
            await websockets.connect(house.listener.url.replace("wss:", "ws:"), proxy=None)


async def test_a_certificate_that_cannot_be_used_stops_the_start():
    security = {"tls_certificate": PEM / "localhost.pem", "tls_key": PEM / "gone.pem"}
    with pytest.raises(CertificateError):
        await House(security=security).listener.start()


async def test_a_handler_may_let_the_end_of_its_connection_through(caplog):
    async def handle(websocket):
        await websocket.recv()

    async with House(handle) as house:
        async with house.connect():
            pass
        await until(lambda: house.listener.connections == 0)
    assert not caplog.records


# -- listening ----------------------------------------------------------------------------------


async def test_a_busy_port_is_told():
    async with House() as house:
        port = house.listener.port
        with pytest.raises(ListenError, match=rf"port {port} is in use; .*--port"):
            await House(port=port).listener.start()


async def test_an_exposed_address_without_key_and_tls_is_refused_here_too():
    with pytest.raises(ConfigError, match="--insecure"):
        await House(host="0.0.0.0").listener.start()


async def test_an_address_of_another_machine_is_told():
    with pytest.raises(ListenError, match=r"192\.0\.2\.1 is not an address of this machine"):
        await House(host="192.0.2.1", security={"insecure": True}).listener.start()


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "port 80 is not allowed"),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "h cannot be resolved"),
        (OSError(errno.EMFILE, "Too many open files"), "cannot listen on h port 80: Too many"),
    ],
)
def test_other_reasons_are_told_in_one_line(error, part):
    message = str(edge._listen_error(error, "h", 80))
    assert part in message
    assert "\n" not in message


# -- closing ------------------------------------------------------------------------------------


async def test_closing_lets_handlers_finish():
    drain = asyncio.Event()

    async def handle(websocket):
        await drain.wait()
        await websocket.send("goodbye")
        await websocket.close(1001)

    async with House(handle) as house, house.connect() as client:
        closing = asyncio.create_task(house.listener.close(within=ENOUGH_S))
        await asyncio.sleep(0)
        drain.set()
        assert await client.recv() == "goodbye"
        async with asyncio.timeout(ENOUGH_S):
            await closing
        assert client.close_code == 1001


async def test_closing_accepts_nobody_new():
    async with House() as house:
        url = house.listener.url
        await house.listener.close()
        with pytest.raises(OSError, match=r"refused|failed"):
            await websockets.connect(url, proxy=None)


async def never_read(port):
    """Open a WebSocket and never read from it; return the socket."""
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await loop.sock_connect(sock, ("127.0.0.1", port))
    lines = ["GET /v1/native HTTP/1.1", "Host: x", *(f"{k}: {v}" for k, v in UPGRADE.items())]
    await loop.sock_sendall(sock, "\r\n".join([*lines, "", ""]).encode())
    return sock


async def close_with_a_client_that_does_not_read():
    stuck = asyncio.Event()

    async def flood(websocket):
        while True:
            send = asyncio.ensure_future(websocket.send(b"x" * 60_000))
            done, _ = await asyncio.wait({send}, timeout=0.2)
            if not done:
                stuck.set()
            await send

    house = House(flood, max_sessions=3)
    await house.listener.start()
    socks = [await never_read(house.listener.port) for _ in range(3)]
    async with asyncio.timeout(ENOUGH_S):
        await stuck.wait()
        await house.listener.close(within=0.1)
    assert house.listener.connections == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
    for sock in socks:
        sock.close()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_client_that_does_not_read_cannot_hang_the_close(loop):
    on(loop, close_with_a_client_that_does_not_read())


async def test_half_a_handshake_and_a_deaf_handler_cannot_hang_the_close():
    cancelled = asyncio.Event()

    async def deaf(websocket):
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    house = House(deaf)
    await house.listener.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", house.listener.port)
    writer.write(b"GET /v1")
    async with house.connect():
        async with asyncio.timeout(ENOUGH_S):
            await house.listener.close(within=0.1)
        assert cancelled.is_set()
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()


async def test_closing_twice_or_before_the_start_is_fine():
    house = House()
    await house.listener.close()
    await house.listener.start()
    await house.listener.close()
    await house.listener.close()
