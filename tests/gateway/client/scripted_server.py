"""A small server that does as a test's script says: real sockets, real protocol, no engines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager

import numpy as np
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from pipeline.codecs import AudioDecoder, AudioEncoder
from protocol.errors import ErrorCode
from protocol.events import (
    AudioEnd,
    AudioFrame,
    AudioReceived,
    AudioStart,
    Bye,
    Hello,
    HistoryTruncated,
    Interrupt,
    Limits,
    Playout,
    ResponseDone,
    ResponseStarted,
    ResponseText,
    ServerInfo,
    SpeechStarted,
    SpeechStopped,
    TranscriptFinal,
    TranscriptPartial,
    Usage,
)
from protocol.negotiation import Capabilities, negotiate
from protocol.server import ServerProtocol

WAIT_S = 10
USAGE = Usage(in_=10, out=5, cached=0)


class Peer:
    """One client of the scripted server."""

    def __init__(self, socket):
        self.socket = socket
        self.protocol = ServerProtocol(
            Limits(), server=ServerInfo("scripted", "1"), now=time.monotonic()
        )
        self.hello: Hello | None = None
        self.commands: asyncio.Queue = asyncio.Queue()
        self.heard = bytearray()  # 16 kHz PCM of the microphone
        self.positions: list[int] = []
        self._decoder = None
        self._next_stream = 0x0100

    async def send(self, *events):
        for event in events:
            await self.socket.send(self.protocol.seal(event, time.monotonic()))

    async def expect(self, kind, **fields):
        """Wait for the next command of a kind; others are skipped."""
        async with asyncio.timeout(WAIT_S):
            while True:
                event = await self.commands.get()
                if isinstance(event, kind) and all(
                    getattr(event, name) == value for name, value in fields.items()
                ):
                    return event

    async def hear_speech(self, *, level=500):
        """Wait until something loud was said and 200 ms of silence followed."""
        async with asyncio.timeout(WAIT_S):
            while True:
                samples = np.abs(np.frombuffer(bytes(self.heard), np.int16).astype(np.int32))
                loud = np.flatnonzero(samples > level)
                if len(loud) and len(samples) - loud[-1] > 3200:
                    self.heard.clear()
                    return len(loud)
                await asyncio.sleep(0.01)

    async def hear_frames(self, count):
        """Wait for so many more frames of the microphone."""
        wanted = len(self.positions) + count
        await self.until(lambda: len(self.positions) >= wanted)

    async def until(self, met):
        async with asyncio.timeout(WAIT_S):
            while not met():
                await asyncio.sleep(0.005)

    async def answer(self, turn: str, text: str, audio, *, ahead=None, rate=None):
        """A whole reply, or its first ``ahead`` frames; returns the stream and the other frames."""
        response, item = f"r_{turn}", f"i_{turn}"
        out = self.protocol.agreement.audio_out
        stream, self._next_stream = self._next_stream, self._next_stream + 1
        await self.send(
            ResponseStarted(response=response, turn=turn),
            ResponseText(response=response, delta=text),
            AudioStart(stream, response, item, out.codec, out.rate, out.frame_ms),
        )
        encoder = AudioEncoder(out, source_rate=rate or out.rate)
        frames, pts = [], 0
        for frame in [*encoder.encode(audio), *encoder.flush()]:
            frames.append(AudioFrame(stream, pts, frame.payload, start=pts == 0))
            pts += frame.samples
        await self.send(*frames[:ahead])
        if ahead is None:
            await self.send(
                AudioFrame(stream, pts, b"", end=True),
                AudioEnd(stream, pts),
                ResponseDone(response, "completed", text, USAGE, item=item),
            )
        return stream, frames[ahead:]

    async def take_turn(self, turn: str, transcript: str, *, pts=(0, 100_000)):
        """Everything from the detected start of speech to the final transcript."""
        await self.send(
            SpeechStarted(turn, 1, pts[0]),
            TranscriptPartial(turn, transcript[:4], 0),
            SpeechStopped(turn, 1, pts[1], "silence"),
            TranscriptFinal(turn, f"i_u{turn}", transcript, "en", no_speech=not transcript),
        )

    async def interrupt(self, turn: str, stream: int, heard_text: str, text: str):
        await self.send(Interrupt(stream, f"r_{turn}", "speech"))
        flushed = await self.expect(Playout, state="flushed")
        await self.send(
            HistoryTruncated(f"i_{turn}", heard_text, 100, 2000, "playout"),
            ResponseDone(f"r_{turn}", "cancelled", text, USAGE, "speech", f"i_{turn}", True),
        )
        return flushed

    async def read(self):
        async for message in self.socket:
            outcome = self.protocol.receive(message, time.monotonic())
            await self.send(*outcome.replies)
            for command in outcome.commands:
                await self._take(command.event)
            if outcome.close is not None:
                await self.socket.close(outcome.close.code, outcome.close.reason)

    async def _take(self, event):
        match event:
            case Hello():
                self.hello = event
                agreement = negotiate(event, Capabilities())
                welcome, _ = self.protocol.welcome(
                    agreement,
                    session="s_1",
                    token="secret",
                    epoch="e_1",
                    wall_ms=0,
                    now=time.monotonic(),
                )
                await self.send(welcome)
                if agreement.audio_in is not None:
                    self._decoder = AudioDecoder(agreement.audio_in)
                self.commands.put_nowait(event)
            case AudioReceived(payload=payload, pts=pts):
                self.positions.append(pts)
                self.heard += self._decoder.decode(payload).tobytes()
            case Bye():
                self.commands.put_nowait(event)
                await self.socket.close()
            case _:
                self.commands.put_nowait(event)


class RefusingPeer(Peer):
    """Says no to every hello."""

    async def _take(self, event):
        outcome = self.protocol.refuse(ErrorCode.UNAUTHORIZED, "the token is unknown")
        await self.send(*outcome.replies)
        await self.socket.close(outcome.close.code, outcome.close.reason)


@asynccontextmanager
async def scripted_server(script: Callable[[Peer], Awaitable[None]], *, peer=Peer, **settings):
    """Run ``script`` for each client; yields the address."""
    failures: list[BaseException] = []

    async def serve_one(socket):
        one = peer(socket)
        playing = asyncio.ensure_future(script(one))
        try:
            await one.read()
        except ConnectionClosed:
            pass
        finally:
            await asyncio.wait({playing}, timeout=0.05)  # it may have a last command to look at
            playing.cancel()
            await asyncio.wait({playing})
            if not playing.cancelled():
                failure = playing.exception()
                if failure is not None and not isinstance(failure, ConnectionClosed):
                    failures.append(failure)

    async with serve(
        serve_one,
        "127.0.0.1",
        0,
        select_subprotocol=lambda _, offered: "parley.v1" if "parley.v1" in offered else None,
        compression=None,
        **settings,
    ) as server:
        port = server.sockets[0].getsockname()[1]
        try:
            yield f"ws://127.0.0.1:{port}/v1/native"
        except Exception as error:
            # What went wrong in the script explains what the client waited for.
            if failures:
                raise failures[0] from error
            raise
    if failures:
        raise failures[0]
