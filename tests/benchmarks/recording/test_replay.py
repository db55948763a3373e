"""`parley replay` against running servers: the same, different, and bad files."""

import asyncio
import time

import pytest

from benchmarks.recording.format import Closed, End, Header, Message, Side, encode, read_recording
from benchmarks.recording.recorder import Recorder, Tape
from gateway import cli
from gateway.client.demo import bundled
from gateway.client.session import DeviceSettings, connect
from protocol.events import ResponseCreate
from tests.benchmarks.recording.sessions import HEADER, one_turn, say
from tests.end_to_end.servers import scripted_server


@pytest.fixture(scope="module")
def server():
    with scripted_server() as running:
        yield running


@pytest.fixture(scope="module")
def recorded(server, tmp_path_factory):
    """A device asks, interrupts the answer, hears a sentence to its end, and leaves."""
    path = tmp_path_factory.mktemp("recorded") / "x.parley"
    asyncio.run(asyncio.wait_for(converse(server.url, path), 60))
    return path


async def converse(url, path):
    tape = Tape(path)
    tape.write(Header("now", "test", url))
    async with Recorder(url, tape, listen=("127.0.0.1", 0), clock=time.monotonic) as recorder:
        settings = DeviceSettings(f"ws://127.0.0.1:{recorder.port}/v1/native")
        async with connect(settings) as device:
            device.say(bundled("hello"))
            await device.heard(0.3, timeout_s=20)
            device.say(bundled("stop"))
            await device.heard(0.3, since=1, timeout_s=20)
            device.send(ResponseCreate(say="Too early."))  # refused: one is being given
            await device.until(lambda: device.errors, timeout_s=5, what="the refusal")
        await recorder.wait()
        recorder.check()
    tape.close()


def replay(path, url, *words):
    return cli.main(["replay", str(path), "--url", url, "--patience", "5", *words])


@pytest.mark.parametrize("speed", ["1", "3"])
def test_the_same_server_says_the_same(recorded, server, speed, capsys):
    code = replay(recorded, server.url, "--speed", speed)
    out, err = capsys.readouterr()
    assert (code, err) == (0, ""), out
    assert out.startswith("the same ")
    assert " events in the same order" in out
    assert int(out.split()[2]) > 20


def test_what_the_recorded_client_did_is_in_the_recording(recorded):
    lines = [message.content for message in read_recording(recorded).messages]
    texts = "".join(line for line in lines if isinstance(line, str))
    assert '"interrupt"' in texts
    assert '"response_active"' in texts


def test_a_server_that_says_something_else_is_told_line_by_line(recorded, capsys):
    with scripted_server(conversation={"greeting": "Good morning."}) as other:
        code = replay(recorded, other.url, "--speed", "3", "--patience", "1")
    out = capsys.readouterr().out
    assert code == 1
    assert "@ event " in out
    assert [line for line in out.splitlines() if line.startswith("+ response.started")]
    assert "different: " in out


def written(path, *records):
    path.write_bytes(b"".join(encode(record) for record in (HEADER, *records)))
    return path


def hello(at=0.0):
    return say(at, Side.CLIENT, "hello", protocol=1, client={"name": "x", "version": "1"}, audio={})


def test_a_server_that_closes_early_is_a_difference(server, tmp_path, capsys):
    records = (
        say(0.0, Side.CLIENT, "input.text", text="no hello"),
        say(0.1, Side.SERVER, "state", state="listening"),
        Closed(0.2, Side.SERVER, 1000, ""),
        End(0.2, "closed"),
    )
    assert replay(written(tmp_path / "x", *records), server.url) == 1
    out = capsys.readouterr().out
    assert "- state state=listening" in out
    assert "+ close code=4400" in out


def test_of_a_recorder_that_was_killed_only_what_it_saw_is_compared(server, tmp_path, capsys):
    welcome = Message(0.1, Side.SERVER, '{"type":"state","state":"idle"}')
    path = written(tmp_path / "x", hello())
    assert replay(path, server.url) == 0
    assert replay(written(tmp_path / "y", hello(), welcome), server.url) == 1
    assert "+ welcome" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--speed", "0"], "--speed 0 cannot be"),
        (["--patience", "nan"], "--patience nan cannot be"),
        (["--url", "ws://127.0.0.1:1/v1/native"], "cannot reach ws://127.0.0.1:1"),
        (["--key-file", "/none"], "cannot read the key"),
    ],
)
def test_what_the_user_can_fix_is_one_line(recorded, words, part, capsys):
    assert cli.main(["replay", str(recorded), *words]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert part in err


def test_bad_files_are_one_line_and_exit_code_2(server, tmp_path, capsys):
    session = one_turn()
    whole = b"".join(map(encode, (session.header, *session.records)))
    contents = {
        "is damaged in line 22: it is cut off": whole[:-9],
        "its checksum is wrong": whole.replace(b"t_1", b"t_2"),
        "is no recording": b"RIFF",
        "nothing to replay": encode(HEADER),
    }
    for part, content in contents.items():
        path = tmp_path / "x"
        path.write_bytes(content)
        assert replay(path, server.url) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("parley: ")
        assert err.count("\n") == 1
        assert part in err
