"""The minimal device of the documentation, as a reader runs it."""

from __future__ import annotations

import ast
import asyncio
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from gateway.client.wav import read_wav, write_wav
from protocol.audio import AudioFormat, Encoding
from protocol.events import Hello, Ping, Playout
from tests.gateway.client.scripted_server import scripted_server

DEVICE = Path(__file__).parents[1] / "docs" / "examples" / "minimal_device.py"
WAIT_S = 20


def tone(seconds):
    return (8000 * np.sin(np.arange(round(seconds * 16_000)) * 0.17)).astype(np.int16)


async def speak(folder, url, *flags):
    """Run the device in a folder of its own; returns the events that it printed."""
    device = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", str(DEVICE), *flags, "--url", url),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(WAIT_S):
            out, complaints = await device.communicate()
    finally:
        if device.returncode is None:
            device.kill()
            await device.wait()
    assert (device.returncode, complaints.decode()) == (0, "")
    return [json.loads(line) for line in out.decode().splitlines()]


@pytest.fixture
def folder(tmp_path):
    for name in ("question", "stop"):
        samples = np.concatenate([np.zeros(1600, np.int16), tone(0.2)])
        write_wav(tmp_path / f"{name}.wav", samples, 16_000)
    return tmp_path


async def test_the_minimal_device_asks_and_hears_the_answer(folder):
    async def script(peer):
        hello = await peer.expect(Hello)
        assert hello.features == ("playout",)
        assert peer.protocol.agreement.audio_out == AudioFormat(Encoding.PCM_S16LE, 16_000, 20)
        await peer.send(Ping(0))
        await peer.hear_speech()
        await peer.take_turn("t_1", "Hello?")
        await peer.answer("t_1", "Hi.", answer)
        done = await peer.expect(Playout, state="done")
        assert done.pts == len(answer)
        assert peer.protocol.recv == 0  # it does not count
        assert peer.protocol.round_trip_s is not None  # and it answered the ping

    answer = tone(0.3)
    async with scripted_server(script) as url:
        events = await speak(folder, url, "question.wav")
    assert [event["type"] for event in events if event["type"] not in ("ping", "ack", "pong")] == [
        "welcome",
        "speech.started",
        "transcript.partial",
        "speech.stopped",
        "transcript.final",
        "response.started",
        "response.text",
        "audio.start",
        "audio.end",
        "response.done",
    ]
    assert read_wav(folder / "reply.wav").samples.tolist() == answer.tolist()


async def test_the_minimal_device_stops_at_once_when_it_is_interrupted(folder):
    async def script(peer):
        await peer.hear_speech()
        await peer.take_turn("t_1", "Count.", pts=(0, 4800))
        stream, rest = await peer.answer("t_1", "One, two.", tone(2.0), ahead=80)
        await peer.hear_speech()
        flushed.append(await peer.interrupt("t_1", stream, "One,", "One, two."))
        await peer.send(*rest)  # late frames must not be heard
        await peer.take_turn("t_2", "Stop.", pts=(8000, 90_000))
        await peer.answer("t_2", "Okay.", tone(0.1))
        await peer.expect(Playout, state="done")

    flushed: list[Playout] = []
    async with scripted_server(script) as url:
        await speak(folder, url, "question.wav", "stop.wav", "--talk-over", "0.2")
    [report] = flushed
    assert 3200 <= report.pts < 80 * 320
    assert len(read_wav(folder / "reply.wav").samples) == report.pts + 1600


def test_the_minimal_device_is_short_and_needs_nothing_of_ours():
    source = DEVICE.read_text()
    assert len(source.splitlines()) <= 100
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"websockets"}
