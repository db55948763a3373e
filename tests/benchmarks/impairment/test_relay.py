"""The relay between real sockets: what passes, and every way in which a connection can end."""

import asyncio
import contextlib
import time
from contextlib import asynccontextmanager

import pytest
import websockets.asyncio.client
import websockets.asyncio.server
from websockets.exceptions import ConnectionClosed

from benchmarks.impairment.link import Admission, Cut, CutKind, Direction, Link, Profile, Stall
from benchmarks.impairment.profiles import PROFILES
from benchmarks.impairment.relay import Relay
from gateway.client.demo import bundled
from gateway.client.errors import SessionEnded
from gateway.client.session import DeviceSettings, connect
from tests.end_to_end.servers import scripted_server

WITHIN_S = 10.0


@pytest.fixture(autouse=True)
async def _no_task_is_left():
    yield
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert [name for name in names if name.startswith("relay")] == []


@asynccontextmanager
async def echo(**changes):
    """A server that answers in capitals and notes how its connections ended, behind a relay."""
    endings: asyncio.Queue[str] = asyncio.Queue()

    async def answer(reader, writer):
        try:
            while content := await reader.read(65536):
                writer.write(content.upper())
                await writer.drain()
            endings.put_nowait("fin")
        except ConnectionResetError:
            endings.put_nowait("rst")
        finally:
            writer.close()

    profile = changes.pop("profile", Profile("test"))
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with asyncio.timeout(WITHIN_S), Relay("127.0.0.1", port, profile, **changes) as relay:
            yield relay, endings
    finally:
        server.close()
        while endings.empty() and relay.counters.accepted:
            await asyncio.sleep(0.001)


async def dialled(relay: Relay):
    return await asyncio.open_connection("127.0.0.1", relay.port)


async def ending(reader: asyncio.StreamReader) -> tuple[bytes, str]:
    """All that is received, and how it ended."""
    received = b""
    try:
        while content := await reader.read(65536):
            received += content
    except ConnectionResetError:
        return received, "rst"
    return received, "fin"


async def test_bytes_pass_both_ways_and_are_counted():
    async with echo() as (relay, endings):
        reader, writer = await dialled(relay)
        content = b"parley" * 50_000
        writer.write(content)
        writer.write_eof()
        assert await ending(reader) == (content.upper(), "fin")
        assert await endings.get() == "fin"
        writer.close()
        endings.put_nowait("seen")
    counters = relay.counters
    assert (counters.up.passed, counters.down.passed) == (len(content), len(content))
    assert (counters.accepted, counters.open, counters.cut) == (1, 0, 0)
    assert counters.up.held == counters.down.held == 0


async def test_a_delay_is_felt_in_each_direction():
    link = Link(delay_ms=60)
    async with echo(profile=Profile("slow", link, link)) as (relay, _):
        reader, writer = await dialled(relay)
        began = time.monotonic()
        writer.write(b"x")
        assert await reader.readexactly(1) == b"X"
        assert time.monotonic() - began >= 0.119
        writer.close()


@pytest.mark.parametrize("kind", CutKind)
@pytest.mark.parametrize("at_byte", [1, 1000, 4321])
async def test_a_connection_is_cut_after_exactly_that_byte(kind, at_byte):
    profile = Profile("cut", cut=Cut(kind, at_byte=at_byte))
    async with echo(profile=profile) as (relay, endings):
        reader, writer = await dialled(relay)
        writer.write(b"a" * 5000)
        received, end = await ending(reader)
        assert end == kind
        assert received == b"A" * at_byte
        assert await endings.get() == kind
        writer.close()
        endings.put_nowait("seen")
    assert relay.counters.cut == 1


async def test_a_cut_can_count_the_clients_bytes():
    profile = Profile("cut", cut=Cut(CutKind.FIN, at_byte=10, direction=Direction.UP))
    async with echo(profile=profile) as (relay, _):
        reader, writer = await dialled(relay)
        writer.write(b"a" * 50)
        received, end = await ending(reader)
        assert end == "fin"
        assert (b"A" * 10).startswith(received)
        writer.close()
    assert relay.counters.up.passed == 10


@pytest.mark.parametrize("kind", CutKind)
async def test_a_connection_is_cut_at_its_time_even_if_nothing_moves(kind):
    profile = Profile("cut", cut=Cut(kind, after_s=0.05, times=1))
    async with echo(profile=profile) as (relay, _):
        reader, writer = await dialled(relay)
        assert await ending(reader) == (b"", kind)
        writer.close()
        reader, writer = await dialled(relay)  # the second one is spared
        await asyncio.sleep(0.1)
        writer.write(b"b")
        assert await reader.readexactly(1) == b"B"
        writer.close()


async def test_all_connections_are_cut_on_demand():
    async with echo() as (relay, _):
        sockets = [await dialled(relay) for _ in range(3)]
        for reader, writer in sockets:
            writer.write(b"c")
            await reader.readexactly(1)
        assert relay.cut() == 3
        for reader, writer in sockets:
            assert await ending(reader) == (b"", "rst")
            writer.close()
        assert relay.cut() == 0


async def test_new_connections_are_refused_or_swallowed_while_old_ones_live():
    async with echo(idle_s=0.3) as (relay, _):
        old = await dialled(relay)
        old[1].write(b"d")
        assert await old[0].readexactly(1) == b"D"
        relay.admission = Admission.REFUSE
        refused = await dialled(relay)
        assert await ending(refused[0]) == (b"", "rst")
        relay.admission = Admission.BLACK_HOLE
        swallowed = await dialled(relay)
        swallowed[1].write(b"hello?")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(swallowed[0].read(1), 0.05)
        old[1].write(b"e")
        assert await old[0].readexactly(1) == b"E"
        assert await ending(swallowed[0]) == (b"", "rst")  # given up after idle_s
        for _, writer in (old, refused, swallowed):
            writer.close()
    assert (relay.counters.refused, relay.counters.swallowed) == (1, 1)


async def test_a_connection_on_which_nothing_moves_is_given_up():
    async with echo(idle_s=0.05) as (relay, _):
        reader, writer = await dialled(relay)
        assert await ending(reader) == (b"", "rst")
        writer.close()
    assert relay.counters.idle == 1


async def test_more_connections_than_allowed_are_refused():
    async with echo(max_connections=1) as (relay, _):
        first = await dialled(relay)
        first[1].write(b"f")
        assert await first[0].readexactly(1) == b"F"
        second = await dialled(relay)
        assert await ending(second[0]) == (b"", "rst")
        for _, writer in (first, second):
            writer.close()


async def test_a_server_that_is_not_there_is_told_by_a_reset():
    spare = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = spare.sockets[0].getsockname()[1]
    spare.close()
    async with Relay("127.0.0.1", port, Profile("test")) as relay:
        reader, writer = await dialled(relay)
        assert await ending(reader) == (b"", "rst")
        writer.close()
    assert relay.counters.unreachable == 1


async def test_leaving_the_relay_resets_what_is_open_and_keeps_the_callers_error():
    with pytest.raises(KeyError, match="mine"):
        async with echo() as (relay, _):
            reader, writer = await dialled(relay)
            writer.write(b"g")
            await reader.readexactly(1)
            raise KeyError("mine")
    assert await ending(reader) == (b"", "rst")
    writer.close()
    assert relay.counters.open == 0


async def test_a_sender_waits_when_the_receiver_does_not_read():
    profile = Profile("small", Link(buffer_bytes=8192), Link(buffer_bytes=8192))
    async with echo(profile=profile) as (relay, _):
        _, writer = await dialled(relay)
        writer.transport.set_write_buffer_limits(high=0)
        writer.write(b"h" * 20_000_000)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.3)
        assert relay.counters.down.most_held <= 8192
        assert relay.counters.down.passed < 10_000_000
        writer.transport.abort()


@pytest.mark.parametrize("direction", Direction)
async def test_a_connection_is_cut_after_a_whole_websocket_frame(direction):
    heard = []

    async def note(socket):
        with contextlib.suppress(ConnectionClosed):
            async for message in socket:
                heard.append(message)
                await socket.send(message)

    profile = Profile("cut", cut=Cut(CutKind.FIN, at_frame=3, direction=direction))
    async with (
        asyncio.timeout(WITHIN_S),
        websockets.asyncio.server.serve(note, "127.0.0.1", 0) as server,
    ):
        port = next(iter(server.sockets)).getsockname()[1]
        async with Relay("127.0.0.1", port, profile) as relay:
            returned = []
            async with websockets.asyncio.client.connect(f"ws://127.0.0.1:{relay.port}") as socket:
                for size in (0, 200, 70_000, 5):
                    await socket.send(b"x" * size)
                with pytest.raises(ConnectionClosed) as error:
                    while True:
                        returned.append(len(await socket.recv()))
    assert error.value.rcvd is None
    received = [len(message) for message in heard] if direction is Direction.UP else returned
    assert received == [0, 200, 70_000]


def test_an_address_keeps_its_path_behind_the_relay():
    relay = Relay("example.org", 443, PROFILES["lan"], listen=("::1", 9000))
    assert relay.url("wss://example.org/v1/native?a=b") == "wss://[::1]:9000/v1/native?a=b"


@pytest.fixture(scope="module")
def server():
    with scripted_server() as running:
        yield running


async def test_a_device_holds_its_conversation_through_a_bad_network(server):
    link = Link(20, 40, 1_000, Stall(1, 150), loss=0.01, recovery_ms=60, slice_bytes=50)
    async with (
        Relay("127.0.0.1", server.app.listener.port, Profile("awful", link, link)) as relay,
        connect(DeviceSettings(relay.url(server.url))) as device,
    ):
        device.say(bundled("hello"))
        playback = await device.heard(0.5, timeout_s=20)
        assert playback.received_s > 0.5
        assert device.trace.turns[0].transcript
        assert device.problems == []
        assert device.round_trip_s >= 0.039
    assert relay.counters.up.passed > 1000


async def test_a_device_learns_of_a_cut(server):
    profile = Profile("cut", cut=Cut(CutKind.RST, at_byte=3000))
    async with (
        Relay("127.0.0.1", server.app.listener.port, profile) as relay,
        connect(DeviceSettings(relay.url(server.url))) as device,
    ):
        with pytest.raises(SessionEnded) as ended:
            await device.ask("Tell me a long story.", timeout_s=20)
        assert ended.value.code == 1006
    assert relay.counters.down.passed == 3000


async def test_a_relay_that_is_left_at_once_drops_whoever_was_about_to_connect():
    async def knock(port):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await reader.read()
        except OSError:
            return
        writer.close()

    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        asyncio.timeout(WITHIN_S),
        asyncio.TaskGroup() as tasks,
        Relay("127.0.0.1", port, Profile("test")) as relay,
    ):
        for _ in range(20):
            tasks.create_task(knock(relay.port))
        await asyncio.sleep(0)
    server.close()
    assert relay.counters.open == 0


async def test_an_address_in_use_is_the_callers_error():
    async with echo() as (relay, _):
        with pytest.raises(OSError, match="in use"):
            async with Relay("h", 1, Profile("test"), listen=("127.0.0.1", relay.port)):
                pass
