"""`parley record`: its errors, and the command as a process between a device and a server."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from benchmarks.recording.format import read_recording
from benchmarks.recording.timeline import read_timeline
from gateway import cli
from gateway.client.session import DeviceSettings, connect
from tests.end_to_end.servers import scripted_server

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def server():
    with scripted_server() as running:
        yield running


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["{there}"], "is there already"),
        (["{new}", "--to", "tcp://h:1"], "is no WebSocket address"),
        (["{new}", "--to", "ws://"], "is no address"),
        (["{new}", "--listen", "x"], "has no port"),
        (["{new}", "--listen", "192.0.2.1:9"], "cannot listen at 192.0.2.1:9"),
        (["{new}", "--max-mb", "0"], "leaves no room"),
        (["{none}/x.parley"], "cannot write"),
    ],
)
def test_what_the_user_can_fix_is_one_line(words, part, tmp_path, capsys):
    (tmp_path / "there").write_bytes(b"")
    places = {name: str(tmp_path / name) for name in ("there", "new", "none")}
    assert cli.main(["record", *(word.format(**places) for word in words)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("parley: ")
    assert err.count("\n") == 1
    assert part in err


async def recording(url: str, path: Path):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "record", str(path),
        "--listen", "127.0.0.1:0", "--to", url,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    announced = (await process.stdout.readline()).decode()
    return process, announced.split()[2].rstrip(";") + "/v1/native"


async def test_a_device_s_session_is_recorded_and_the_command_ends_with_it(server, tmp_path):
    path = tmp_path / "x.parley"
    async with asyncio.timeout(30):
        process, address = await recording(server.url, path)
        async with connect(DeviceSettings(address)) as device:
            await device.until(lambda: device.microphone.position > 8000, timeout_s=5, what="audio")
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert out.decode().startswith(f"{path}: ")
    found = read_recording(path)
    assert found.end.why == "closed"
    timeline = read_timeline(found)
    names = [event.name for event in timeline.events if event.side == "client"]
    assert names[0] == "hello"
    assert names[-1] == "bye"
    assert timeline.sounds[0].seconds >= 0.5
    assert timeline.orphans == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
async def test_a_recorder_that_is_stopped_or_killed_leaves_what_it_saw(number, server, tmp_path):
    path = tmp_path / "x.parley"
    async with asyncio.timeout(30):
        process, address = await recording(server.url, path)
        async with connect(DeviceSettings(address)) as device:
            await device.until(lambda: device.microphone.position > 8000, timeout_s=5, what="audio")
            process.send_signal(number)
            await device.until(lambda: device.ended, timeout_s=5, what="the end")
        await process.communicate()
    killed = number == signal.SIGKILL
    assert device.ended.code == (1006 if killed else 1001)
    assert process.returncode == (-signal.SIGKILL if killed else 0)
    found = read_recording(path)
    assert (found.end is None) if killed else (found.end.why == "stopped")
    assert read_timeline(found).sounds[0].seconds >= 0.3
