"""A pipecat bot per WebSocket, whose recognizer, language model and voice take their stated time.

Runs in an environment of its own (requirements.txt) as a script, and imports nothing of Parley's.
Announces itself by one line of JSON on standard output; SIGTERM ends it.

Everything that pipecat switches on by default and that this comparison does not need is off:
RTVI, turn tracking, metrics, idle timers, Smart Turn, logging below warnings. The serializer hands
raw PCM through, which costs less than pipecat's own (protobuf).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass, fields
from importlib import metadata

import numpy as np
import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    OutputAudioRawFrame,
    OutputTransportMessageUrgentFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings, STTSettings, TTSSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.services.tts_service import TTSService
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.turns.user_start import VADUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

__all__ = ["Plan", "bot", "main"]

_PACKAGES = ("pipecat-ai", "fastapi", "uvicorn", "websockets", "uvloop", "onnxruntime", "numpy")


@dataclass(frozen=True)
class Plan:
    """What the bot shall be like; the same as Parley is told.

    Attributes:
        rate: Of audio both ways, Hz.
        frame_ms: Length of a frame to the device.
        threshold: Probability that counts as speech.
        start_s: Speech that begins a turn, and interrupts.
        vad_stop_s: Silence after which the utterance is recognized.
        rest_s: More silence until the turn ends.
        stt_s: Cost of a recognition.
        llm_s: Cost of the first token.
        tts_s: Cost of a spoken segment.
        reply: What is always answered.
        character_s: Length of a spoken character.
    """

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


class RawAudio(FrameSerializer):
    """Binary messages are PCM; an interruption is told, as Parley tells it."""

    def __init__(self, rate: int) -> None:
        super().__init__()
        self._rate = rate

    async def serialize(self, frame: Frame) -> str | bytes | None:
        """The payload of an audio frame, JSON of a message, nothing of anything else."""
        if isinstance(frame, OutputAudioRawFrame):
            return bytes(frame.audio)
        if isinstance(frame, InterruptionFrame):
            return '{"type":"interrupt"}'
        if isinstance(frame, OutputTransportMessageUrgentFrame):
            return json.dumps(frame.message)
        return None

    async def deserialize(self, data: str | bytes) -> Frame | None:
        """A frame of the microphone."""
        if isinstance(data, str):
            return None
        return InputAudioRawFrame(audio=data, sample_rate=self._rate, num_channels=1)


class Recognizer(SegmentedSTTService):
    """Always hears the same."""

    def __init__(self, seconds: float) -> None:
        # No further waiting for late transcripts: each of these is final.
        super().__init__(
            ttfs_p99_latency=0.0, settings=STTSettings(model="scripted", language="en")
        )
        self._seconds = seconds

    @property
    def wants_wav_segments(self) -> bool:
        """Not, which saves pipecat a copy."""
        return False

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Take the stated time."""
        await asyncio.sleep(self._seconds)
        yield TranscriptionFrame("Hello there.", "", "")


class LanguageModel(LLMService):
    """Always answers the same, word by word."""

    def __init__(self, seconds: float, reply: str) -> None:
        # A store of settings must be complete; there is nothing to set here.
        absent = dict.fromkeys({each.name for each in fields(LLMSettings)} - {"model", "extra"})
        super().__init__(settings=LLMSettings(model="scripted", **absent))
        self._seconds = seconds
        first, *rest = reply.split(" ")
        self._words = (first, *(f" {word}" for word in rest))

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Answer a context; pass on everything else."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(LLMFullResponseStartFrame())
        await asyncio.sleep(self._seconds)
        for word in self._words:
            await self.push_frame(LLMTextFrame(word))
        await self.push_frame(LLMFullResponseEndFrame())


class Voice(TTSService):
    """Hums for as long as the text is."""

    def __init__(self, seconds: float, character_s: float, rate: int) -> None:
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            sample_rate=rate,
            settings=TTSSettings(model="scripted", voice="scripted", language="en"),
        )
        self._seconds = seconds
        self._character_s = character_s

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Take the stated time, then yield the whole segment."""
        await asyncio.sleep(self._seconds)
        samples = np.arange(round(len(text) * self._character_s * self.sample_rate))
        tone = 3000 * np.sin(2 * np.pi * 220 * samples / self.sample_rate)
        audio = tone.astype(np.int16).tobytes()
        yield TTSAudioRawFrame(audio, self.sample_rate, 1, context_id=context_id)


async def bot(websocket: WebSocket, plan: Plan) -> None:
    """Hold one conversation, until the device is gone."""
    transport = FastAPIWebsocketTransport(
        websocket=websocket,
        params=FastAPIWebsocketParams(
            audio_in_enabled=True,
            audio_in_sample_rate=plan.rate,
            audio_out_enabled=True,
            audio_out_sample_rate=plan.rate,
            audio_out_10ms_chunks=plan.frame_ms // 10,
            serializer=RawAudio(plan.rate),
        ),
    )
    turns = UserTurnStrategies(
        start=[VADUserTurnStartStrategy()],
        stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=plan.rest_s)],
    )
    vad = SileroVADAnalyzer(
        params=VADParams(
            confidence=plan.threshold, start_secs=plan.start_s, stop_secs=plan.vad_stop_s
        )
    )
    context = LLMContextAggregatorPair(
        LLMContext(),
        user_params=LLMUserAggregatorParams(vad_analyzer=vad, user_turn_strategies=turns),
    )
    user = context.user()
    stages = (
        transport.input(),
        Recognizer(plan.stt_s),
        user,
        LanguageModel(plan.llm_s, plan.reply),
        Voice(plan.tts_s, plan.character_s, plan.rate),
        transport.output(),
        context.assistant(),
    )
    worker = PipelineWorker(
        Pipeline(list(stages)),
        params=PipelineParams(
            audio_in_sample_rate=plan.rate, audio_out_sample_rate=plan.rate, enable_metrics=False
        ),
        enable_rtvi=False,
        enable_turn_tracking=False,
        idle_timeout_secs=None,
        check_dangling_tasks=False,
    )

    async def tell(kind: str) -> None:
        await worker.queue_frame(OutputTransportMessageUrgentFrame(message={"type": kind}))

    @transport.event_handler("on_client_connected")
    async def greet(*_: object) -> None:
        await tell("ready")

    @user.event_handler("on_user_turn_stopped")
    async def end_turn(*_: object) -> None:
        await tell("turn.stopped")

    @transport.event_handler("on_client_disconnected")
    async def leave(*_: object) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False, check_dangling_tasks=False)
    await runner.add_workers(worker)
    await runner.run()


def _application(plan: Plan) -> FastAPI:
    application = FastAPI()

    @application.websocket("/ws")
    async def serve(websocket: WebSocket) -> None:
        await websocket.accept()
        await bot(websocket, plan)

    return application


class _Server(uvicorn.Server):
    """Tells its port once it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        assert sockets
        versions = {name: metadata.version(name) for name in _PACKAGES}
        print(json.dumps({"port": sockets[0].getsockname()[1], "versions": versions}), flush=True)


def main() -> None:
    """Serve until SIGTERM. The only argument is the plan, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", help="JSON with all fields of Plan")
    plan = Plan(**json.loads(parser.parse_args().plan))
    logger.remove()
    logger.add(sys.stderr, level=os.environ.get("PEER_LOG_LEVEL", "WARNING"))
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        _application(plan),
        loop="uvloop",
        lifespan="off",
        log_level="warning",
        access_log=False,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        timeout_graceful_shutdown=2,
    )
    _Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
