"""Plays a script against a server, with a loudspeaker that takes its time."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import numpy as np
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from benchmarks.recording.script import Numbering, Script, rewrite
from benchmarks.recording.story import Story
from gateway.client.decoding import StreamDecoder
from gateway.client.dialing import dial
from gateway.client.speaker import Speaker
from pipeline.errors import AudioError
from protocol.audio import AudioFormat
from protocol.codec import read_server_message
from protocol.errors import BadFrame, MalformedMessage
from protocol.events import AudioStart, Interrupt, Playout
from protocol.frames import Flag, Frame, parse

__all__ = ["Player"]

_SEND_S: Final = 5.0
_HOLD_S: Final = 0.2  # servers wait 300 ms for a flush
_CLOSE_S: Final = 2.0
_TIMER_S: Final = 0.002
_UNSENT_CODES: Final = (1005, 1006, 1015)
_CLOCK: Final = 0xFFFFFFFF


class Player:
    """One replay.

    Args:
        script: What to do.
        speed: How many times faster than it was recorded, loudspeaker included.
        patience_s: How long a step waits at most for what came before it in the recording. After
            one vain wait the others are not tried: the difference is found already.
        complain: Told in one line what cannot be repeated.

    Attributes:
        story: The server's side so far.
        waited_s: How long the client was held up altogether because the server took longer.
        lost_patience_at: The recorded time of the step that waited in vain.
    """

    def __init__(
        self,
        script: Script,
        *,
        speed: float = 1.0,
        patience_s: float = 10.0,
        complain: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.story = Story()
        self.waited_s = 0.0
        self.lost_patience_at: float | None = None
        self._script = script
        self._speed = speed
        self._patience_s = patience_s
        self._complain = complain
        self._numbering = Numbering(counts=script.counts)
        self._speaker = Speaker(keep_audio=False)
        self._decoders: dict[int, StreamDecoder] = {}
        self._reports_playout = False
        self._finished = 0
        self._held: deque[tuple[Playout, float]] = deque()
        self._began = 0.0
        self._closed = False
        self._changed = asyncio.Event()
        self._due = asyncio.Event()
        self._sending = asyncio.Lock()
        self._socket: ClientConnection

    async def run(self, url: str, *, key: str | None, timeout_s: float = 10.0) -> None:
        """Play everything, then wait for the rest of what is expected.

        Raises:
            Unreachable: Nobody answers.
            Refused: The server refused the upgrade.
        """
        self._socket = await dial(url, key=key, timeout_s=timeout_s)
        self._began = time.monotonic()
        try:
            async with asyncio.TaskGroup() as tasks:
                running = (
                    tasks.create_task(self._read(), name="replay reader"),
                    tasks.create_task(self._listen(), name="replay loudspeaker"),
                )
                with suppress(ConnectionClosed, TimeoutError):
                    await self._perform()
                for task in running:
                    task.cancel()
        finally:
            await self._leave()
            for decoder in self._decoders.values():
                decoder.close()

    # -- the client's side ----------------------------------------------------------------------

    async def _perform(self) -> None:
        """Do each step when its time has come and what preceded it has happened."""
        shift = 0.0
        for step in self._script.steps:
            due = self._began + step.at / self._speed + shift
            # What was said in one breath is said in one breath: timers of the loop are coarser.
            if due - time.monotonic() > _TIMER_S:
                await asyncio.sleep(due - time.monotonic())
            # Only what had to be waited for moves the rest; lateness of timers would add up.
            shift += await self._caught_up(step.at, step.events, step.played)
            if self._closed:
                return
            match step.content:
                case None:
                    await self._release(step.played)
                case int(code):
                    await self._leave(code)
                    return
                case content:
                    await self._send(content)
        await self._caught_up(float("inf"), self._script.story.length, 0, always=True)

    async def _caught_up(
        self, at: float, events: int, played: int, *, always: bool = False
    ) -> float:
        """Wait until the server has said and the loudspeaker played so much; returns how long."""
        begin = time.monotonic()

        def has() -> bool:
            is_played = not self._reports_playout or self._finished >= played
            return self._closed or (self.story.length >= events and is_played)

        if has() or (self.lost_patience_at is not None and not always):
            return 0.0
        try:
            async with asyncio.timeout(self._patience_s):
                while not has():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            if self.lost_patience_at is None:
                self.lost_patience_at = at
        waited = time.monotonic() - begin
        self.waited_s += waited
        return waited

    async def _send(self, content: str | bytes) -> None:
        async with self._sending, asyncio.timeout(_SEND_S):
            recorded = self._script.story
            await self._socket.send(
                rewrite(content, self._numbering, recorded, self.story, self._complain)
            )

    async def _tell(self, kind: str, numbered: bool, **body: object) -> None:
        """Send a message of our own."""
        async with self._sending, asyncio.timeout(_SEND_S):
            number = self._numbering.next() if numbered else 0
            message = {"type": kind, **({"seq": number} if number else {}), **body}
            await self._socket.send(json.dumps(message))

    # -- the server's side ----------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            while True:
                message = await self._socket.recv()
                if isinstance(message, str):
                    await self._take(self.story.take(message))
                else:
                    self._hear(message)
                self._changed.set()
        except ConnectionClosed as error:
            self.story.close(error.rcvd.code if error.rcvd else 1006)
        except TimeoutError:
            self._socket.transport.abort()
            self.story.close(1006)
        self._closed = True
        self._changed.set()

    async def _take(self, body: Any) -> None:  # noqa: ANN401  any JSON object
        kind = body.get("type")
        if kind == "ping":
            now = self._clock_ms()
            await self._tell("pong", numbered=False, t0=body.get("t0"), t1=now, t2=now)
        elif kind == "welcome":
            self._reports_playout = "playout" in (body.get("features") or ())
        elif kind in ("audio.start", "interrupt"):
            with suppress(MalformedMessage, AudioError):
                self._play(read_server_message(body))
        self._due.set()

    def _play(self, event: object) -> None:
        match event:
            case AudioStart(stream=stream, response=response):
                decoder = StreamDecoder(AudioFormat(event.codec, event.rate, event.frame_ms))
                for old in self._decoders.values():
                    old.close()
                self._decoders = {stream: decoder}
                self._speaker.open(
                    stream,
                    response=response,
                    rate=event.rate,
                    audio_rate=decoder.audio_rate,
                    now=self._now(),
                )
            case Interrupt(stream=stream):
                self._speaker.flush(stream, self._now())
            case _:
                pass

    def _hear(self, message: bytes) -> None:
        try:
            frame = parse(message)
        except BadFrame:
            return
        now = self._now()
        if frame.payload:
            self._speaker.play(
                frame.stream,
                pts=frame.pts,
                samples=self._duration(frame),
                audio=np.zeros(0, np.int16),
                now=now,
            )
        if frame.flags & Flag.END:
            self._speaker.end(frame.stream, now)
        self._due.set()

    def _duration(self, frame: Frame) -> int:
        decoder = self._decoders.get(frame.stream)
        try:
            return decoder.decode(frame.payload)[1] if decoder is not None else 0
        except AudioError:
            return 0

    # -- the loudspeaker ------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Report what was played, when it was; a last report waits a little for its step."""
        with suppress(ConnectionClosed, TimeoutError):
            while True:
                for report in self._speaker.poll(self._now()):
                    await self._report(report)
                while self._held and self._held[0][1] <= time.monotonic():
                    await self._release(self._finished - len(self._held) + 1)
                self._due.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._next_wake()):
                        await self._due.wait()

    async def _report(self, report: Playout) -> None:
        if report.state not in ("done", "flushed"):
            await self._tell_playout(report)
            return
        self._finished += 1
        self._held.append((report, time.monotonic() + _HOLD_S))
        self._changed.set()

    async def _release(self, number: int) -> None:
        """Send the last reports that are held, up to the one with this number, counted from 1."""
        while self._held and self._finished - len(self._held) < number:
            await self._tell_playout(self._held.popleft()[0])

    async def _tell_playout(self, report: Playout) -> None:
        if self._reports_playout:
            body = {"stream": report.stream, "pts": report.pts, "state": report.state}
            await self._tell("playout", numbered=True, **body)

    def _next_wake(self) -> float | None:
        """Seconds until the loudspeaker or a report that is held wants something."""
        wake = self._speaker.next_deadline()
        left = [] if wake is None else [(wake - self._now()) / self._speed]
        left += [self._held[0][1] - time.monotonic()] if self._held else []
        return max(0.0, min(left)) if left else None

    def _now(self) -> float:
        """The loudspeaker's clock, which runs as fast as the replay."""
        return (time.monotonic() - self._began) * self._speed

    def _clock_ms(self) -> int:
        return round(time.monotonic() * 1000) & _CLOCK

    async def _leave(self, code: int = 1000) -> None:
        if code in _UNSENT_CODES:
            self._socket.transport.abort()
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._socket.close(code)
                return
        self._socket.transport.abort()
