"""A small session, written by hand: one spoken question in PCM, its answer, and the goodbye."""

import json

import numpy as np

from benchmarks.recording.format import Closed, End, Header, Message, Recording, Side
from protocol.frames import Flag, Frame, pack

HEADER = Header("2026-01-31T12:00:00+00:00", "test", "ws://127.0.0.1:8765")
AUDIO = {"codec": "pcm_s16le", "rate": 16000, "frame_ms": 100}


def say(at: float, side: Side, name: str, **body: object) -> Message:
    return Message(at, side, json.dumps({"type": name, **body}))


def sound(at: float, side: Side, stream: int, pts: int, level: int, **more: int) -> Message:
    """A tenth of a second."""
    payload = np.full(1600, level, "<i2").tobytes()
    return Message(at, side, pack(Frame(stream, 0, pts, 0, payload, **more)))


def one_turn() -> Recording:
    client, server = Side.CLIENT, Side.SERVER
    welcome = {
        "protocol": 1, "session": "s_1", "token": "redacted", "resume": "new", "recv": 0,
        "send_from": 1, "audio": {"in": AUDIO, "out": AUDIO}, "features": [], "epoch": "e_1",
        "time": {"wall": 0, "ts": 0}, "limits": {}, "heartbeat_ms": 15000,
        "server": {"name": "x", "version": "1"},
    }  # fmt: skip
    opening = (
        say(0.0, client, "hello", protocol=1, client={"name": "x", "version": "1"}),
        say(0.1, server, "welcome", **welcome),
        sound(0.2, client, 1, 0, 3000, flags=Flag.START),
        sound(0.3, client, 1, 1600, 3000),
        sound(0.4, client, 1, 4800, 0),  # a frame is missing before it
        say(0.41, server, "speech.started", seq=1, turn="t_1", stream=1, pts=0),
        say(0.42, client, "ping", t0=1),
        sound(0.5, client, 1, 6400, 0),
        say(0.7, server, "speech.stopped", turn="t_1", stream=1, pts=3200, reason="silence"),
        say(0.75, server, "transcript.final", turn="t_1", item="i_1", text="What?", language="en"),
    )
    answer = (
        say(0.8, server, "response.started", response="r_1", turn="t_1"),
        say(0.85, server, "response.text", response="r_1", delta="It is "),
        say(0.9, server, "audio.start", stream=256, response="r_1", item="i_2", **AUDIO),
        sound(0.95, server, 256, 0, 10, flags=Flag.START),
        say(0.96, server, "response.text", response="r_1", delta="noon."),
        sound(1.0, server, 256, 1600, 9000),
        Message(1.05, server, pack(Frame(256, 0, 3200, 0, b"", Flag.END))),
        say(1.06, server, "audio.end", stream=256, pts=3200),
        say(
            1.07, server, "response.done", response="r_1", status="completed", text="It is noon.",
            usage={"in": 1, "out": 2, "cached": 0}, item="i_2",
        ),
        say(1.5, client, "bye"),
        Closed(1.6, server, 1000, "bye"),
    )  # fmt: skip
    return Recording(HEADER, (*opening, *answer), End(1.7, "closed"))
