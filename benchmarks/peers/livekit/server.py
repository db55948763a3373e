"""LiveKit's AgentSession behind a plain WebSocket: its framework, without its media server.

Runs in an environment of its own (requirements.txt) as a script, and imports nothing of Parley's.
Announces itself by one line of JSON on standard output; SIGTERM ends it.

LiveKit moves audio over WebRTC, through a media server that no package index carries, and runs a
process per session. Here its sessions share one process, and audio comes in and goes out through
its own seams for other transports (`AudioInput`, `AudioOutput`). The recognizer does not stream,
so that LiveKit puts its StreamAdapter before it, with a second voice activity detector.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import time
from collections import deque
from dataclasses import dataclass
from importlib import metadata

import numpy as np
import uvloop
from livekit import rtc
from livekit.agents import Agent, AgentSession, inference, llm, stt, tts
from livekit.agents.voice.io import AudioInput, AudioOutput, AudioOutputCapabilities
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

__all__ = ["Plan", "converse", "main"]

_PACKAGES = (
    "livekit-agents",
    "livekit",
    "livekit-local-inference",
    "websockets",
    "uvloop",
    "numpy",
)
_WAITING = 50
"""Frames of the microphone that may wait for the session: a second."""


@dataclass(frozen=True)
class Plan:
    """What a session shall be like; see `pipecat/server.py`."""

    rate: int
    frame_ms: int
    threshold: float
    start_s: float
    vad_stop_s: float
    rest_s: float
    stt_s: float
    llm_s: float
    tts_s: float
    reply: str
    character_s: float

    @property
    def frame_bytes(self) -> int:
        """Of a frame to the device."""
        return self.rate * self.frame_ms // 1000 * 2


class Microphone(AudioInput):
    """What the device sends."""

    def __init__(self, rate: int) -> None:
        super().__init__(label="websocket")
        self._rate = rate
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue(_WAITING)

    async def put(self, payload: bytes | None) -> None:
        """Hand a frame in; None ends the stream."""
        await self._frames.put(payload)

    async def __anext__(self) -> rtc.AudioFrame:
        """The next frame."""
        payload = await self._frames.get()
        if payload is None:
            raise StopAsyncIteration
        return rtc.AudioFrame(payload, self._rate, 1, len(payload) // 2)


class Loudspeaker(AudioOutput):
    """Sends what is said to the device, as fast as it sounds."""

    def __init__(self, connection: ServerConnection, plan: Plan) -> None:
        super().__init__(
            label="websocket",
            capabilities=AudioOutputCapabilities(pause=False),
            sample_rate=plan.rate,
        )
        self._connection = connection
        self._plan = plan
        self._rest = b""
        self._frames: deque[bytes] = deque()
        self._there = asyncio.Event()
        self._ended = False
        self._played = 0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Take audio, in pieces of any length."""
        await super().capture_frame(frame)
        self._ended = False
        self._rest += bytes(frame.data)
        self._cut()

    def _cut(self) -> None:
        size = self._plan.frame_bytes
        whole = len(self._rest) // size * size
        self._frames.extend(self._rest[at : at + size] for at in range(0, whole, size))
        self._rest = self._rest[whole:]
        if self._frames:
            self._there.set()

    def flush(self) -> None:
        """The segment is complete."""
        super().flush()
        if self._rest:
            self._frames.append(self._rest)
            self._rest = b""
        self._ended = True
        self._there.set()

    def clear_buffer(self) -> None:
        """Forget what has not been sent."""
        self._frames.clear()
        self._rest = b""
        if self._played:
            self._finish(interrupted=True)

    def _finish(self, *, interrupted: bool) -> None:
        position, self._played, self._ended = self._played / self._plan.rate, 0, False
        self.on_playback_finished(playback_position=position, interrupted=interrupted)

    async def play(self) -> None:
        """Send frames until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if not self._frames:
                if self._ended and self._played:
                    self._finish(interrupted=False)
                self._there.clear()
                await self._there.wait()
                due = loop.time()
                continue
            frame = self._frames.popleft()
            if not self._played:
                self.on_playback_started(created_at=time.time())
            self._played += len(frame) // 2
            await self._connection.send(frame)
            due += self._plan.frame_ms / 1000
            await asyncio.sleep(max(0.0, due - loop.time()))


class Recognizer(stt.STT):
    """Always hears the same."""

    def __init__(self, seconds: float) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self._seconds = seconds

    async def _recognize_impl(self, buffer: object, **_: object) -> stt.SpeechEvent:
        await asyncio.sleep(self._seconds)
        heard = stt.SpeechData(language="en", text="Hello there.")
        return stt.SpeechEvent(stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[heard])


class LanguageModel(llm.LLM):
    """Always answers the same."""

    def __init__(self, seconds: float, reply: str) -> None:
        super().__init__()
        self.seconds = seconds
        first, *rest = reply.split(" ")
        self.words = (first, *(f" {word}" for word in rest))

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: object = None,
        **_: object,
    ) -> llm.LLMStream:
        """Begin an answer."""
        return _Answer(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _Answer(llm.LLMStream):
    async def _run(self) -> None:
        await asyncio.sleep(self._llm.seconds)
        for word in self._llm.words:
            delta = llm.ChoiceDelta(role="assistant", content=word)
            self._event_ch.send_nowait(llm.ChatChunk(id="answer", delta=delta))


class Voice(tts.TTS):
    """Hums for as long as the text is."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=False),
            sample_rate=plan.rate,
            num_channels=1,
        )
        self.plan = plan

    def synthesize(self, text: str, *, conn_options: object = None) -> tts.ChunkedStream:
        """Begin a segment."""
        return _Segment(tts=self, input_text=text, conn_options=conn_options)


class _Segment(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        plan = self._tts.plan
        await asyncio.sleep(plan.tts_s)
        output_emitter.initialize(
            request_id="segment", sample_rate=plan.rate, num_channels=1, mime_type="audio/pcm"
        )
        samples = np.arange(round(len(self.input_text) * plan.character_s * plan.rate))
        tone = 3000 * np.sin(2 * np.pi * 220 * samples / plan.rate)
        output_emitter.push(tone.astype(np.int16).tobytes())
        output_emitter.flush()


async def converse(connection: ServerConnection, plan: Plan) -> None:
    """Hold one conversation, until the device is gone."""
    session = AgentSession(
        vad=inference.VAD(
            min_silence_duration=plan.vad_stop_s, activation_threshold=plan.threshold
        ),
        stt=Recognizer(plan.stt_s),
        llm=LanguageModel(plan.llm_s, plan.reply),
        tts=Voice(plan),
        turn_handling={
            "turn_detection": "vad",
            "endpointing": {
                "min_delay": plan.vad_stop_s + plan.rest_s,
                "max_delay": plan.vad_stop_s + plan.rest_s,
            },
            "interruption": {
                "mode": "vad",
                "min_duration": plan.start_s,
                "resume_false_interruption": False,
                "false_interruption_timeout": None,
            },
            "preemptive_generation": {"enabled": False},
        },
        aec_warmup_duration=None,
        user_away_timeout=None,
    )
    microphone, loudspeaker = Microphone(plan.rate), Loudspeaker(connection, plan)
    session.input.audio = microphone
    session.output.audio = loudspeaker
    telling: set[asyncio.Task[None]] = set()

    def tell(kind: str) -> None:
        task = asyncio.create_task(connection.send(json.dumps({"type": kind})))
        telling.add(task)
        task.add_done_callback(telling.discard)

    def changed(event: object) -> None:
        if getattr(event, "new_state", "") == "thinking":
            tell("turn.stopped")

    def finished(event: object) -> None:
        if getattr(event, "interrupted", False):
            tell("interrupt")

    session.on("agent_state_changed", changed)
    loudspeaker.on("playback_finished", finished)
    playing = asyncio.create_task(loudspeaker.play())
    try:
        await session.start(Agent(instructions="Answer."), record=False)
        await connection.send('{"type":"ready"}')
        async for message in connection:
            if isinstance(message, bytes):
                await microphone.put(message)
    except ConnectionClosed:
        pass
    finally:
        playing.cancel()
        await session.aclose()


async def main() -> None:
    """Serve until SIGTERM. The only argument is the plan, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", help="JSON with all fields of Plan")
    plan = Plan(**json.loads(parser.parse_args().plan))
    logging.getLogger("livekit").setLevel(logging.WARNING)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    async def handle(connection: ServerConnection) -> None:
        await converse(connection, plan)

    async with serve(handle, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        versions = {name: metadata.version(name) for name in _PACKAGES}
        print(json.dumps({"port": port, "versions": versions}), flush=True)
        await stop.wait()


if __name__ == "__main__":
    uvloop.run(main())
