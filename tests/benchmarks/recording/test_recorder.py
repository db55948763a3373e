"""The recorder between real sockets: it changes nothing, and writes everything down."""

import asyncio
import contextlib
import os
import time

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from benchmarks.recording.format import Closed, End, Header, Message, RecordingError, Side
from benchmarks.recording.format import read_recording as read
from benchmarks.recording.recorder import Recorder, Tape, redact

HEADER = Header("now", "test", "ws://x")


@contextlib.asynccontextmanager
async def recorded(path, handler, *, process_request=None, subprotocols=None, **changes):
    """A WebSocket server and a recorder before it; the address to connect to."""
    async with asyncio.timeout(15):
        async with serve(
            handler, "127.0.0.1", 0, process_request=process_request, subprotocols=subprotocols
        ) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            tape = Tape(path)
            tape.write(HEADER)
            recorder = Recorder(
                f"ws://127.0.0.1:{port}", tape,
                listen=("127.0.0.1", 0), clock=time.monotonic, **changes,
            )  # fmt: skip
            try:
                async with recorder:
                    yield recorder, f"ws://127.0.0.1:{recorder.port}"
            finally:
                tape.close()


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def test_messages_pass_unchanged_and_are_written_down_in_order(tmp_path):
    path = tmp_path / "x.parley"
    messages = ["text", b"\x00\xff", "", b"", "ü" * 1000]
    async with recorded(path, echo) as (recorder, url):
        async with connect(url) as socket:
            for message in messages:
                await socket.send(message)
                assert await socket.recv() == message
            await socket.close(4000, "enough")
        await recorder.wait()
        recorder.check()
    recording = read(path)
    assert recording.header == HEADER
    assert [(r.side, r.content) for r in recording.messages] == [
        (side, message) for message in messages for side in Side
    ]
    [closed] = [record for record in recording.records if isinstance(record, Closed)]
    assert (closed.side, closed.code, closed.reason) == (Side.CLIENT, 4000, "enough")
    assert isinstance(recording.end, End)
    assert recording.end.why == "closed"
    assert path.stat().st_mode & 0o777 == 0o600


async def test_the_servers_close_reaches_the_client(tmp_path):
    async def close(socket):
        await socket.send("bye")
        await socket.close(4410, "the session is over")

    path = tmp_path / "x.parley"
    async with recorded(path, close) as (recorder, url):
        async with connect(url) as socket:
            assert await socket.recv() == "bye"
            with pytest.raises(ConnectionClosed) as error:
                await socket.recv()
        assert (error.value.rcvd.code, error.value.rcvd.reason) == (4410, "the session is over")
        await recorder.wait()
    closed = read(path).records[-1]
    assert (closed.side, closed.code) == (Side.SERVER, 4410)


async def test_a_server_that_vanishes_is_felt_and_written_as_1006(tmp_path):
    async def vanish(socket):
        await socket.recv()
        socket.transport.abort()

    path = tmp_path / "x.parley"
    async with recorded(path, vanish) as (recorder, url):
        async with connect(url) as socket:
            await socket.send("x")
            with pytest.raises(ConnectionClosed) as error:
                await socket.recv()
        assert error.value.rcvd is None
        await recorder.wait()
    assert (read(path).records[-1].side, read(path).records[-1].code) == (Side.SERVER, 1006)


async def test_path_credentials_and_subprotocol_pass_through(tmp_path):
    seen = []

    async def note(socket):
        seen.append((socket.request.path, socket.request.headers))

    async with recorded(tmp_path / "x", note, subprotocols=["parley.v1"]) as (recorder, url):
        socket = await connect(
            f"{url}/v1/native?a=b",
            subprotocols=["parley.v1", "parley.token.abc"],
            additional_headers={"Authorization": "Bearer secret"},
            origin="https://example.org",
            user_agent_header="device/1",
        )
        assert socket.subprotocol == "parley.v1"
        await recorder.wait()
        await socket.close()
    [(path, headers)] = seen
    assert path == "/v1/native?a=b"
    assert headers["Authorization"] == "Bearer secret"
    assert headers["Origin"] == "https://example.org"
    assert headers["User-Agent"] == "device/1"
    assert "parley.token.abc" in headers["Sec-WebSocket-Protocol"]
    written = (tmp_path / "x").read_bytes()
    assert b"secret" not in written
    assert b"token.abc" not in written


async def test_a_refusal_passes_through_and_the_recorder_goes_on_listening(tmp_path):
    refusals = [503]

    def refuse(connection, request):
        if refusals:
            response = connection.respond(refusals.pop(), "full\n")
            response.headers["Retry-After"] = "7"
            return response
        return None

    complaints = []
    path = tmp_path / "x"
    async with recorded(path, echo, process_request=refuse, complain=complaints.append) as (
        recorder,
        url,
    ):
        with pytest.raises(InvalidStatus) as error:
            await connect(url)
        assert error.value.response.status_code == 503
        assert error.value.response.headers["Retry-After"] == "7"
        async with connect(url) as socket:
            await socket.send("x")
            assert await socket.recv() == "x"
        await recorder.wait()
    assert complaints == ["the server refused the client with HTTP 503"]
    assert len(list(read(path).messages)) == 2


async def test_a_second_client_is_turned_away_while_one_is_recorded(tmp_path):
    async with recorded(tmp_path / "x", echo) as (_, url), connect(url) as socket:
        with pytest.raises(InvalidStatus) as error:
            await connect(url)
        assert error.value.response.status_code == 503
        await socket.send("still here")
        assert await socket.recv() == "still here"


async def test_a_server_that_is_not_there_is_a_502(tmp_path):
    complaints = []
    tape = Tape(tmp_path / "x")
    async with Recorder(
        "ws://127.0.0.1:1", tape,
        listen=("127.0.0.1", 0), clock=time.monotonic, complain=complaints.append,
    ) as recorder:  # fmt: skip
        with pytest.raises(InvalidStatus) as error:
            await connect(f"ws://127.0.0.1:{recorder.port}/v1/native")
    tape.close()
    assert error.value.response.status_code == 502
    assert complaints[0].startswith("cannot reach ws://127.0.0.1:1/v1/native: ")


async def test_stopping_closes_both_sides_and_says_so_in_the_file(tmp_path):
    path = tmp_path / "x"
    async with recorded(path, echo) as (recorder, url), connect(url) as socket:
        await socket.send("x")
        await socket.recv()
        await recorder.stop()
        with pytest.raises(ConnectionClosed) as error:
            await socket.recv()
    assert error.value.rcvd.code == 1001
    assert read(path).end.why == "stopped"
    assert [type(record) for record in read(path).records] == [Message, Message]


async def test_a_recording_that_is_full_ends_the_session(tmp_path):
    path = tmp_path / "x"
    async with recorded(path, echo, max_bytes=2000) as (recorder, url):
        async with connect(url) as socket:
            with pytest.raises(ConnectionClosed) as error:
                while True:
                    await socket.send("y" * 500)
                    await socket.recv()
        await recorder.wait()
    assert error.value.rcvd.code == 1001
    assert read(path).end.why == "full"
    assert 2000 < path.stat().st_size < 6000


async def test_a_file_that_takes_no_more_ends_the_session_with_an_error(tmp_path, monkeypatch):
    path = tmp_path / "x"
    async with recorded(path, echo) as (recorder, url), connect(url) as socket:
        await socket.send("x")
        await socket.recv()
        monkeypatch.setattr(os, "write", _full)
        await socket.send("y")
        with pytest.raises(ConnectionClosed) as error:
            await socket.recv()
        assert error.value.rcvd.code == 1011
        await recorder.wait()
        with pytest.raises(RecordingError, match=r"cannot write .*No space left"):
            recorder.check()
    assert len(list(read(path).messages)) == 2


def _full(file, content):
    raise OSError(28, "No space left on device")


def test_a_file_is_not_replaced_by_accident(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"precious")
    with pytest.raises(RecordingError, match="is there already; give another name, or --force"):
        Tape(path)
    tape = Tape(path, replace=True)
    tape.close()
    assert path.read_bytes() == b""
    with pytest.raises(RecordingError, match=r"cannot write .*: No such file"):
        Tape(tmp_path / "none" / "x")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"type":"hello","token":"t"}', '{"type":"hello","token":"redacted"}'),
        ('{"type":"welcome","token":"ü"}', '{"type":"welcome","token":"redacted"}'),
        (
            '{"type":"hello","resume":{"token":"t","recv":3}}',
            '{"type":"hello","resume":{"token":"redacted","recv":3}}',
        ),
        ('{"type":"input.text","text":"\\"token\\""}',) * 2,
        ('{"type": "state", "token": 1}',) * 2,
        ('"token"',) * 2,
        ('{"token"',) * 2,
    ],
)
def test_tokens_are_left_out_and_nothing_else(text, kept):
    assert redact(text) == kept
