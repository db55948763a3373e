"""A client that shares no code with Parley: written from the specification, for its tests."""

import asyncio
import json
import struct
import time
import wave
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import websockets

from tests.protocol.schema_check import validate_event

HEADER = struct.Struct(">BBHIII")
START, END, DISCONT, DTX, REPLAY = 1, 2, 4, 8, 16
UTTERANCES = Path("gateway/client/utterances")
ALL_FEATURES = ["playout", "captions", "partials", "vad_events", "text_out", "latency"]
PCM = {"codec": "pcm_s16le", "rate": 16000, "frame_ms": 20}


def recording(name: str) -> np.ndarray:
    with wave.open(str(UTTERANCES / f"{name}.wav")) as file:
        assert (file.getframerate(), file.getnchannels()) == (16000, 1)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def now_ms() -> int:
    return int(time.monotonic() * 1000) & 0xFFFFFFFF


def rms(audio: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(audio.astype(float))))) if len(audio) else 0.0


class RawClient:
    """One connection. Keeps everything that came, in order; plays instantly unless told not to."""

    def __init__(self, socket: Any, *, plays: bool = True) -> None:
        self.socket = socket
        self.plays = plays
        self.messages: list[dict[str, Any]] = []
        self.frames: dict[int, list[tuple[int, int, bytes]]] = {}
        self.order: list[str] = []
        self.seq = 0
        self.pts = 0
        self.last_server_seq = 0
        self.acknowledged = 0
        self._changed = asyncio.Event()

    # -- out ------------------------------------------------------------------------------------

    async def send(self, kind: str, **fields: Any) -> None:
        numbered = kind not in ("hello", "ping", "pong", "ack", "nack", "gap", "bye")
        if numbered:
            self.seq += 1
            fields.setdefault("seq", self.seq)
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def hello(self, **changes: Any) -> dict[str, Any]:
        body = {
            "protocol": 1,
            "client": {"name": "raw", "version": "0"},
            "audio": {"in": [PCM], "out": [PCM], "aec": "device"},
            "features": ALL_FEATURES,
            **changes,
        }
        await self.send("hello", **body)
        return await self.until("welcome")

    async def frame(
        self, payload: bytes, samples: int, *, flags: int | None = None, stream: int = 1
    ) -> None:
        self.seq += 1
        flags = (START if self.pts == 0 else 0) if flags is None else flags
        header = HEADER.pack(0x11, flags, stream, self.seq, self.pts, now_ms())
        await self.socket.send(header + payload)
        self.pts += samples

    async def speak(self, audio: np.ndarray, *, frame: int = 320, silence_s: float = 2.5) -> None:
        """Send audio as PCM frames, faster than real time but below the rate limit."""
        padded = np.concatenate([audio, np.zeros(int(silence_s * 16000), np.int16)])
        for at in range(0, len(padded) - frame + 1, frame):
            await self.frame(padded[at : at + frame].astype("<i2").tobytes(), frame)
            await asyncio.sleep(0.002)

    # -- in -------------------------------------------------------------------------------------

    async def listen(self) -> None:
        async for message in self.socket:
            if isinstance(message, bytes):
                await self._take_frame(message)
            else:
                validate_event(message, "server")
                event = json.loads(message)
                if "seq" in event:
                    self._count(event["seq"])
                self.acknowledged = max(self.acknowledged, event.get("ack", 0))
                self.messages.append(event)
                self.order.append(event["type"])
                await self._react(event)
            self._changed.set()

    def _count(self, seq: int) -> None:
        assert seq == self.last_server_seq + 1, f"{seq} after {self.last_server_seq}"
        self.last_server_seq = seq

    async def _take_frame(self, message: bytes) -> None:
        kind, flags, stream, seq, pts, _ = HEADER.unpack_from(message)
        assert kind == 0x11
        self._count(seq)
        self.frames.setdefault(stream, []).append((flags, pts, message[16:]))
        self.order.append("END" if flags & END else "frame")
        if self.plays:
            state = "done" if flags & END else "playing"
            await self._answer("playout", stream=stream, pts=pts, state=state)

    async def _react(self, event: dict[str, Any]) -> None:
        if event["type"] == "ping":
            await self._answer("pong", t0=event["t0"], t1=now_ms(), t2=now_ms())

    async def _answer(self, kind: str, **fields: Any) -> None:
        # The server may have closed meanwhile; what it sent before that is still to be read.
        with suppress(websockets.ConnectionClosed):
            await self.send(kind, **fields)

    async def until(
        self,
        kind: str,
        where: Callable[[dict[str, Any]], bool] = lambda event: True,
        *,
        within: float = 20.0,
        after: int = 0,
    ) -> dict[str, Any]:
        """The first message of a type at or behind index ``after``, now or when it comes."""
        async with asyncio.timeout(within):
            while True:
                for event in self.messages[after:]:
                    if event["type"] == kind and where(event):
                        return event
                self._changed.clear()
                await self._changed.wait()

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.messages if event["type"] == kind]

    def audio(self, stream: int) -> bytes:
        return b"".join(payload for _, _, payload in self.frames.get(stream, []))


class Connected:
    """``async with Connected(url) as client``: a socket with its listener."""

    def __init__(self, url: str, *, plays: bool = True, **options: Any) -> None:
        self._url = url
        self._plays = plays
        self._options = options

    async def __aenter__(self) -> RawClient:
        options = {"subprotocols": ["parley.v1"], "compression": None, **self._options}
        self._socket = await websockets.connect(self._url, **options)
        self.client = RawClient(self._socket, plays=self._plays)
        self._listener = asyncio.create_task(self._listen())
        return self.client

    async def _listen(self) -> None:
        try:
            await self.client.listen()
        except websockets.ConnectionClosed:
            pass

    async def __aexit__(self, kind: Any, *_: Any) -> None:
        self._listener.cancel()
        await asyncio.wait({self._listener})
        await self._socket.close()
        if kind is None and not self._listener.cancelled():
            self._listener.result()  # a schema or sequence error in there fails the test
