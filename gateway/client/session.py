"""One device-like session: socket, protocol, codecs, microphone and loudspeaker.

    async with connect(DeviceSettings(url)) as device:
        question = device.say(read_wav(path))
        [turn] = await device.answered(question, timeout_s=30)
        print(turn.transcript, turn.reply)

A session behaves like hardware: its microphone never stops, its loudspeaker takes the time that
the sound takes, and what was heard is reported to the server. Nothing is printed and nothing is
global, so hundreds of sessions fit into one process: no session has a task of its own, messages
are taken as they arrive and sent as they are made, and two timers stand for the microphone's clock
and for all other deadlines.
"""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt
from websockets.exceptions import ConnectionClosed

from gateway.client.decoding import StreamDecoder
from gateway.client.dialing import dial_as
from gateway.client.errors import ClientError, Refused, SessionEnded, WaitExpired
from gateway.client.microphone import Microphone, Utterance
from gateway.client.shared_speech import SharedSpeech
from gateway.client.speaker import Playback, Speaker
from gateway.client.trace import ConversationTrace, TurnTrace
from gateway.client.wav import Recording
from gateway.client.wire import Wire
from gateway.version import VERSION
from pipeline.codecs import AudioEncoder
from pipeline.errors import AudioError
from protocol.audio import AudioFormat, Encoding
from protocol.client import ClientOutcome, ClientProtocol
from protocol.errors import CLOSES, CloseCode, ProtocolError
from protocol.events import (
    AudioFrame,
    AudioOffer,
    AudioStart,
    Bye,
    ClientInfo,
    ClientMessage,
    EchoCancellation,
    ErrorReport,
    Flow,
    FormatOffer,
    Hello,
    InputText,
    Interrupt,
    Nack,
    Retransmission,
    ServerEvent,
    SessionFields,
    TurnCommit,
    TurnStart,
    Welcome,
)
from protocol.negotiation import FEATURES

__all__ = ["DeviceSession", "DeviceSettings", "connect"]

T = TypeVar("T")
Int16Audio: TypeAlias = npt.NDArray[np.int16]

_OPUS: Final = AudioFormat(Encoding.OPUS, 16_000, 20)
_MICROPHONE: Final = 1
"""The stream that is open without being announced."""
_MAX_WAITING_FRAMES: Final = 250
"""How many messages may wait for the socket, 5 s of usual frames; the oldest speech is dropped."""
_NOTHING: Final = np.zeros(0, np.int16)
_LEAVE_S: Final = 2.0
_LOST: Final = 1006
_UNAUTHORIZED: Final = int(CloseCode.UNAUTHORIZED)


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """What a device is and wants.

    Attributes:
        url: The server's address.
        key: Bearer key, if the server asks for one.
        microphone: Format of speech to the server; None of a device without a microphone.
        speaker: Format of speech from the server; None for text only.
        aec: Where echo is removed. The simulated room has no echo, so "device" tells the truth,
            and allows interruptions.
        out_start_ms: How long audio is buffered before it plays.
        out_buffer_ms: How much audio the device holds.
        features: Parts of the protocol to use.
        session: Wishes about instructions, voice, turn taking and so on.
        preset: Name of a configuration on the server.
        name: What the device calls itself.
        keep_audio: Keep what was received, for `Playback.heard_audio`.
        shared: Frames of recordings that all devices of a load client share; None to encode one's
            own.
        open_timeout_s: For connecting, and again for the welcome.
        send_deadline_s: A socket that accepts nothing for so long is given up.
        tls: Whom to trust; the system's certificates by default.
    """

    url: str = "ws://127.0.0.1:8765/v1/native"
    key: str | None = None
    microphone: AudioFormat | None = _OPUS
    speaker: AudioFormat | None = _OPUS
    aec: EchoCancellation = "device"
    out_start_ms: int = 120
    out_buffer_ms: int = 2400
    features: tuple[str, ...] = FEATURES
    session: SessionFields | None = None
    preset: str | None = None
    name: str = "parley"
    keep_audio: bool = True
    shared: SharedSpeech | None = None
    open_timeout_s: float = 10.0
    send_deadline_s: float = 5.0
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class _Speech:
    """One frame of the microphone on its way out."""

    payload: bytes
    samples: int
    captured_at: float
    gap: int = 0


_Outgoing: TypeAlias = ClientMessage | Retransmission | _Speech


@dataclass(slots=True)
class _Waiter:
    """Somebody who waits for something to become true."""

    met: Callable[[], Any]
    future: asyncio.Future[Any]


@asynccontextmanager
async def connect(
    settings: DeviceSettings,
    *,
    clock: Callable[[], float] = time.monotonic,
    observe: Callable[[ServerEvent, float], None] | None = None,
    observe_text: Callable[[str], None] | None = None,
) -> AsyncIterator[DeviceSession]:
    """Open a session; leaving the context says bye and closes the socket within 2 s.

    Args:
        settings: The device.
        clock: Monotonic seconds; every time that the session notes is read from it.
        observe: Called with every event of the server (audio included) and its arrival.
        observe_text: Called with every text message of the server as it came.

    Raises:
        Unreachable: Nobody answers.
        Refused: The server refused the upgrade or the hello.
    """
    socket = await dial_as(
        Wire, settings.url, key=settings.key, timeout_s=settings.open_timeout_s, tls=settings.tls
    )
    device = DeviceSession(
        settings, socket, clock=clock, observe=observe, observe_text=observe_text
    )
    async with device.running():
        yield device


class DeviceSession:
    """A session in progress; made by `connect`.

    Attributes:
        speaker: The loudspeaker, with the history of what it played.
        microphone: What is being captured; None without one.
        trace: The conversation so far, turn by turn.
        errors: Errors that the server reported.
        ended: Why the connection is gone; None while it lasts.
        dropped_frames: Microphone frames that were thrown away because the socket was too slow.
        undecodable_frames: Frames of the server that no decoder took.
        microphone_lag_s: How late the latest frame of the microphone was, in seconds: a client that
            is too busy measures itself.
        problems: Messages of the server that break the protocol.
        sequence_gaps: Holes in the numbers of either side's messages, as they were noticed.
        bytes_sent: WebSocket payload, in ``messages_sent`` messages.
        bytes_received: The same of the server, in ``messages_received`` messages.
    """

    def __init__(
        self,
        settings: DeviceSettings,
        socket: Wire,
        *,
        clock: Callable[[], float],
        observe: Callable[[ServerEvent, float], None] | None = None,
        observe_text: Callable[[str], None] | None = None,
    ) -> None:
        self.settings = settings
        self.trace = ConversationTrace()
        self.errors: list[ErrorReport] = []
        self.ended: SessionEnded | None = None
        self.dropped_frames = 0
        self.undecodable_frames = 0
        self.microphone_lag_s = 0.0
        self.problems: list[ProtocolError] = []
        self.sequence_gaps = 0
        self.bytes_sent = 0
        self.bytes_received = 0
        self.messages_sent = 0
        self.messages_received = 0
        self.speaker = Speaker(
            start_ms=settings.out_start_ms,
            keep_audio=settings.keep_audio,
            listen=lambda _: self._notify(),
        )
        self.microphone: Microphone | None = None
        self._clock = clock
        self._observe = observe
        self._observe_text = observe_text
        self._socket = socket
        self._protocol = ClientProtocol(now=clock())
        self._encoder: AudioEncoder | None = None
        self._decoders: dict[int, StreamDecoder] = {}
        self._outgoing: deque[_Outgoing] = deque()
        self._missing = 0
        self._paused = False
        self._reports_playout = False
        self._welcome: Welcome | None = None
        self._waiters: list[_Waiter] = []
        self._crash: Exception | None = None
        self._loop = asyncio.get_running_loop()
        self._next_capture: asyncio.TimerHandle | None = None
        self._wake: asyncio.TimerHandle | None = None
        self._wake_at = math.inf
        self._give_up: asyncio.TimerHandle | None = None

    # -- what a user does -----------------------------------------------------------------------

    @property
    def welcome(self) -> Welcome:
        """What the server agreed to."""
        assert self._welcome is not None, "a session is only handed out after its welcome"
        return self._welcome

    @property
    def is_paused(self) -> bool:
        """Whether the server asked the microphone to stop for a while."""
        return self._paused

    @property
    def round_trip_s(self) -> float | None:
        """Shortest round trip of the last eight pings; None before the first."""
        return self._protocol.round_trip_s

    @property
    def now(self) -> float:
        """The session's clock."""
        return self._clock()

    def say(self, recording: Recording, label: str = "") -> Utterance:
        """Speak a recording; returns at once, and the utterance tells when it was spoken."""
        return self._listening_microphone().say(recording, label)

    async def spoken(self, utterance: Utterance, *, timeout_s: float) -> None:
        """Wait until a recording has been captured to its end."""
        microphone = self._listening_microphone()

        def is_spoken() -> bool:
            return utterance.end is not None and microphone.position >= utterance.end

        await self.until(is_spoken, timeout_s=timeout_s, what=f"speaking {utterance.label!r}")

    async def push_to_talk(
        self, recording: Recording, label: str, *, timeout_s: float
    ) -> Utterance:
        """Press, speak, release; turn taking has to be manual (`TurnFields.mode`)."""
        microphone = self._listening_microphone()
        await self.until(
            lambda: microphone.position > 0, timeout_s=timeout_s, what="the microphone to open"
        )
        self.send(TurnStart(stream=_MICROPHONE))
        utterance = self.say(recording, label)
        await self.spoken(utterance, timeout_s=timeout_s)
        self.send(TurnCommit(stream=_MICROPHONE, pts=utterance.end))
        return utterance

    def send(self, event: ClientMessage) -> None:
        """Send an event after what already waits."""
        self._outgoing.append(event)
        self._flush()

    def vanish(self) -> None:
        """Lose the connection without a word, as a device out of power does."""
        self._socket.transport.abort()

    async def stop_reading(self, seconds: float) -> None:
        """Take nothing from the socket for a while; the server feels it once buffers are full."""
        self._socket.stop_reading()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._socket.read_on()

    # -- what a user waits for ------------------------------------------------------------------

    async def until(self, met: Callable[[], T], *, timeout_s: float, what: str) -> T:
        """Wait until ``met`` returns something true, which is returned; it is asked at each event.

        Raises:
            WaitExpired: It did not within ``timeout_s``; the message names ``what``.
            SessionEnded: The connection closed before.
        """
        value = met()
        if value:
            return value
        if self.ended is not None:
            raise self.ended
        # Asked where something happens, not in a task that is woken for each frame to ask.
        waiter = _Waiter(met, self._loop.create_future())
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                return cast("T", await waiter.future)
        except TimeoutError:
            raise WaitExpired(f"waited {timeout_s:g} s for {what}, in vain") from None
        finally:
            self._waiters.remove(waiter)

    async def answered(self, utterance: Utterance, *, timeout_s: float) -> list[TurnTrace]:
        """Wait until the turns that an utterance became are over and their replies were played.

        More than one if the server found an end of speech in the middle of the utterance.

        Raises:
            WaitExpired: It took longer than ``timeout_s``.
            SessionEnded: The connection closed before.
        """

        def over() -> list[TurnTrace]:
            begin, end = utterance.begin, utterance.end
            if begin is None or end is None or self._listening_microphone().position < end:
                return []
            return self.over(self.trace.between(begin, end))

        return await self.until(
            over, timeout_s=timeout_s, what=f"the answer to {utterance.label!r}"
        )

    async def ask(self, text: str, *, timeout_s: float) -> list[TurnTrace]:
        """Type a text and wait until the reply was played.

        Raises:
            WaitExpired: It took longer than ``timeout_s``.
            SessionEnded: The connection closed before.
        """
        return await self.command(InputText(text=text), timeout_s=timeout_s)

    async def command(self, event: ClientMessage, *, timeout_s: float) -> list[TurnTrace]:
        """Send an event that makes the agent speak, and wait until that was played."""
        known = len(self.trace.turns)
        self.send(event)
        return await self.until(
            lambda: self.over(self.trace.turns[known:]),
            timeout_s=timeout_s,
            what="the reply",
        )

    async def heard(self, seconds: float, *, since: int = 0, timeout_s: float) -> Playback:
        """Wait until so much of a reply has passed the loudspeaker, or the reply is over.

        Args:
            seconds: Of the first stream after the first ``since`` ones of the speaker's history.
            since: Streams to pass over.
            timeout_s: For all of it.

        Raises:
            WaitExpired: It took longer than ``timeout_s``.
            SessionEnded: The connection closed before.
        """

        def playback() -> Playback | None:
            history = self.speaker.history
            begun = len(history) > since and history[since].started_at is not None
            return history[since] if begun else None

        what = f"{seconds:g} s of the reply to be heard"
        deadline = self._clock() + timeout_s
        found = await self.until(playback, timeout_s=timeout_s, what=what)
        assert found is not None
        while found.outcome is None and found.heard_s < seconds:
            if self.ended is not None:
                raise self.ended
            if self._clock() > deadline:
                raise WaitExpired(f"waited {timeout_s:g} s for {what}, in vain")
            await asyncio.sleep(max(0.002, seconds - found.heard_s))
            self._play_on()
        return found

    def playback(self, turn: TurnTrace) -> Playback | None:
        """The first audio of a turn's reply."""
        streams = {playback.stream: playback for playback in self.speaker.history}
        return next((streams[stream] for stream in turn.streams if stream in streams), None)

    def over(self, turns: list[TurnTrace]) -> list[TurnTrace]:
        """The turns, if there are any, all are over, and nothing plays; else none.

        Turns that the server dropped without a word (speech too short to interrupt a reply) count
        as over when a later one is.
        """
        if not turns or not turns[-1].is_over or not self.speaker.is_idle:
            return []
        return turns if all(turn.is_over or turn.is_dropped for turn in turns) else []

    # -- while it lasts -------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Greet the server, then let the session run while the context lasts; see `connect`."""
        try:
            self._socket.listen(
                deliver=self._guarded_take, lost=self._end, writable=self._on_writable
            )
            await self._greet()
            self._agree(self.welcome)
            self._on_time()
            yield
            await self._leave()
        except SessionEnded as error:
            if self._crash is not None:
                raise self._crash from error
            raise
        finally:
            self._stop_timers()
            await self._close()

    async def _greet(self) -> None:
        """Exchange hello and welcome."""
        if self.ended is None and self._socket.can_write:
            self._socket.post(self._protocol.hello(self._hello(), self._clock()))
        timeout_s = self.settings.open_timeout_s
        try:
            await self.until(lambda: self._welcome, timeout_s=timeout_s, what="the welcome")
        except WaitExpired:
            raise WaitExpired(
                f"{self.settings.url} sent no welcome within {timeout_s:g} s"
            ) from None
        except SessionEnded as error:
            raise self._refusal(error) from error

    def _flush(self) -> None:
        """Number and send what waits, until the socket takes no more for now."""
        while self._outgoing and self._can_send:
            self._post(self._seal(self._outgoing.popleft()))
        if self._outgoing and self._give_up is None and self.ended is None:
            self._give_up = self._loop.call_later(
                self.settings.send_deadline_s, self._socket.transport.abort
            )

    @property
    def _can_send(self) -> bool:
        is_open = self.ended is None and self._welcome is not None
        return is_open and self._socket.can_write

    def _post(self, message: str | bytes) -> None:
        self.messages_sent += 1
        self.bytes_sent += len(message)
        self._socket.post(message)

    def _on_writable(self) -> None:
        """The socket takes messages again: it is not given up."""
        if self._give_up is not None:
            self._give_up.cancel()
            self._give_up = None
        self._flush()

    def _guarded_take(self, message: str | bytes) -> None:
        """Take a message; a mistake in here ends the session, and comes out of its context."""
        try:
            self._take(message)
        except Exception as error:
            self._fail(error)
            raise

    def _capture(self) -> None:
        """Send the microphone frame whose last sample has just been captured; wait for the next."""
        try:
            self._capture_frame()
        except Exception as error:
            self._fail(error)
            raise

    def _capture_frame(self) -> None:
        microphone = self.microphone
        if microphone is None or self.ended is not None:
            return
        now = self._clock()
        late = now - microphone.next_due()
        self.microphone_lag_s = max(self.microphone_lag_s, late)
        wakes = microphone.is_speaking or microphone.position == 0
        self._take_frame(microphone, now)
        self._next_capture = self._loop.call_later(
            max(0.0, microphone.next_due() - now), self._capture
        )
        if wakes:
            self._notify()

    def _take_frame(self, microphone: Microphone, now: float) -> None:
        """Encode the next frame, or take it from those that all devices share."""
        encoder, shared = self._encoder, self.settings.shared
        assert encoder is not None, "there is one where there is a microphone"
        if shared is None:
            samples = microphone.next_frame()
        else:
            cut = microphone.next_cut()
            payload = shared.payload(cut, encoder.format)
            if payload is not None:
                self._send_speech(payload, microphone.frame_samples, now)
                return
            assert cut.samples is not None, "what is not shared is there"
            samples = cut.samples
        for frame in encoder.encode(samples):
            self._send_speech(frame.payload, frame.samples, now)

    def _on_time(self) -> None:
        """Let the loudspeaker and the protocol know what time it is, when they asked for it."""
        self._wake, self._wake_at = None, math.inf
        self._play_on()
        self._answer(self._protocol.on_deadline(self._clock()))

    def _set_alarm(self) -> None:
        """See to it that `_on_time` is called in time; too early does no harm."""
        at = self._next_wake()
        if at is None or at >= self._wake_at or self.ended is not None:
            return
        if self._wake is not None:
            self._wake.cancel()
        # uvloop rounds to milliseconds: rounded up here, or the loop would spin until it is time.
        delay_ms = math.ceil(max(0.0, at - self._clock()) * 1000)
        self._wake = self._loop.call_later(delay_ms / 1000, self._on_time)
        self._wake_at = at

    def _fail(self, error: Exception) -> None:
        self._crash = self._crash or error
        self._finish(SessionEnded(f"the client failed: {error!r}", code=_LOST))
        self._socket.transport.abort()

    def _stop_timers(self) -> None:
        for timer in (self._next_capture, self._wake, self._give_up):
            if timer is not None:
                timer.cancel()

    # -- what they do ---------------------------------------------------------------------------

    def _hello(self) -> Hello:
        settings = self.settings
        formats = (settings.microphone, settings.speaker)
        offers = [
            (FormatOffer(each.codec, each.rate, each.frame_ms),) if each else () for each in formats
        ]
        return Hello(
            protocol=1,
            client=ClientInfo(name=settings.name, version=VERSION),
            audio=AudioOffer(
                in_=offers[0],
                out=offers[1],
                out_buffer_ms=settings.out_buffer_ms,
                out_start_ms=settings.out_start_ms,
                aec=settings.aec,
            ),
            features=settings.features,
            session=settings.session,
            preset=settings.preset,
        )

    def _listening_microphone(self) -> Microphone:
        if self.microphone is None:
            raise ClientError("this session has no microphone: it was opened for text only")
        return self.microphone

    def _agree(self, welcome: Welcome) -> None:
        """Open the microphone in the format that was agreed."""
        agreed = welcome.audio.in_
        if agreed is not None:
            self._encoder = AudioEncoder(agreed, source_rate=agreed.rate)
            self.microphone = Microphone(
                rate=agreed.rate, frame_samples=self._encoder.frame_samples
            )
            self.microphone.open(self._clock())
            self._next_capture = self._loop.call_later(
                self.microphone.frame_samples / agreed.rate, self._capture
            )
        self._reports_playout = "playout" in welcome.features

    def _send_speech(self, payload: bytes, samples: int, captured_at: float) -> None:
        """Send a frame, or let it wait for the socket; stale speech gives way to fresh speech."""
        if self._paused:
            self._missing += samples
            return
        if not self._outgoing and self._can_send:
            gap, self._missing = self._missing, 0
            self._post(self._protocol.frame(payload, samples, captured_at, gap=gap))
            return
        self._outgoing.append(_Speech(payload, samples, captured_at, self._missing))
        self._missing = 0
        if len(self._outgoing) > _MAX_WAITING_FRAMES:
            self._drop_oldest_speech()
        self._flush()

    def _drop_oldest_speech(self) -> None:
        frames = [index for index, each in enumerate(self._outgoing) if isinstance(each, _Speech)]
        if len(frames) < 2:
            return
        first, second = frames[:2]
        dropped, following = self._outgoing[first], self._outgoing[second]
        assert isinstance(dropped, _Speech)
        assert isinstance(following, _Speech)
        gap = dropped.gap + dropped.samples + following.gap
        self._outgoing[second] = replace(following, gap=gap)
        del self._outgoing[first]
        self.dropped_frames += 1

    def _seal(self, outgoing: _Outgoing) -> str | bytes:
        if isinstance(outgoing, _Speech):
            return self._protocol.frame(
                outgoing.payload, outgoing.samples, outgoing.captured_at, gap=outgoing.gap
            )
        return self._protocol.seal(outgoing, self._clock())

    def _answer(self, outcome: ClientOutcome) -> None:
        """Send what the protocol replies by itself, and wake for what it will have to."""
        if outcome.replies:
            self._outgoing.extend(outcome.replies)
            self.sequence_gaps += any(
                isinstance(reply, Nack | Retransmission) for reply in outcome.replies
            )
            self._flush()
        if outcome.close is not None:
            self._finish(SessionEnded(outcome.close.reason, code=outcome.close.code))
            self._socket.transport.abort()
        self._set_alarm()

    def _take(self, message: str | bytes) -> None:
        now = self._clock()
        self.messages_received += 1
        self.bytes_received += len(message)
        if isinstance(message, str) and self._observe_text is not None:
            self._observe_text(message)
        outcome = self._protocol.receive(message, now)
        for event in outcome.events:
            self._handle(event, now)
        self.problems += outcome.problems
        self._play_on()
        self._answer(outcome)
        self._notify()

    def _handle(self, event: ServerEvent, now: float) -> None:
        if isinstance(event, AudioFrame):
            self._play(event, now)  # nearly all are, and the trace has no use for them
        else:
            self.trace.take(event, now)
            self._heed(event, now)
        if self._observe is not None:
            self._observe(event, now)

    def _heed(self, event: ServerEvent, now: float) -> None:
        match event:
            case Welcome():
                self._welcome = event
            case AudioStart():
                self._open_stream(event, now)
            case Interrupt(stream=stream):
                self.speaker.flush(stream, now)
            case Flow(state=state):
                self._paused = state == "pause"
            case ErrorReport():
                self.errors.append(event)
            case _:
                pass

    def _open_stream(self, event: AudioStart, now: float) -> None:
        for decoder in self._decoders.values():
            decoder.close()
        decoder = StreamDecoder(AudioFormat(event.codec, event.rate, event.frame_ms))
        self._decoders = {event.stream: decoder}
        self.speaker.open(
            event.stream,
            response=event.response,
            rate=event.rate,
            audio_rate=decoder.audio_rate,
            now=now,
        )

    def _play(self, frame: AudioFrame, now: float) -> None:
        if frame.payload:
            audio, samples = self._decode(frame)
            self.speaker.play(frame.stream, pts=frame.pts, samples=samples, audio=audio, now=now)
        if frame.end:
            decoder = self._decoders.get(frame.stream)
            rest = decoder.flush() if decoder is not None else None
            self.speaker.end(frame.stream, now, rest=rest)

    def _decode(self, frame: AudioFrame) -> tuple[Int16Audio, int]:
        decoder = self._decoders.get(frame.stream)
        if decoder is not None:
            if not self.speaker.needs_samples(frame.stream):
                length = decoder.samples(frame.payload)
                if length is not None:
                    return _NOTHING, length
            try:
                return decoder.decode(frame.payload)
            except AudioError:
                # As on a device: nothing of it can be played, and the gap becomes silence.
                self.undecodable_frames += 1
        return _NOTHING, 0

    def _notify(self) -> None:
        """Ask for everybody who waits whether it has come true."""
        for waiter in self._waiters:
            if waiter.future.done():
                continue
            try:
                value = waiter.met()
            except Exception as error:  # noqa: BLE001  it belongs to whoever waits
                waiter.future.set_exception(error)
                continue
            if value:
                waiter.future.set_result(value)
            elif self.ended is not None:
                waiter.future.set_exception(self.ended)

    def _play_on(self) -> None:
        """Let the loudspeaker catch up with the clock, and report."""
        reports = self.speaker.poll(self._clock())
        if self._reports_playout:
            for report in reports:
                self.send(report)

    def _next_wake(self) -> float | None:
        times = (self.speaker.next_deadline(), self._protocol.next_deadline())
        return min((each for each in times if each is not None), default=None)

    # -- the end --------------------------------------------------------------------------------

    async def _leave(self) -> None:
        """Say bye, and wait a little until the server has closed."""
        if self.ended is not None:
            return
        self.send(Bye())
        with suppress(SessionEnded, WaitExpired):
            await self.until(lambda: False, timeout_s=_LEAVE_S, what="the server to close")

    async def _close(self) -> None:
        """Close the socket, gracefully if that is quick, and free the codecs."""
        self._socket.read_on()
        try:
            async with asyncio.timeout(_LEAVE_S):
                await self._socket.close()
        except TimeoutError:
            self._socket.transport.abort()
        if self._encoder is not None:
            self._encoder.close()
        for decoder in self._decoders.values():
            decoder.close()

    def _end(self, error: ConnectionClosed) -> None:
        """The connection is gone."""
        code, reason = _close_frame(error)
        self._finish(SessionEnded(self._explain(code, reason), code=code))

    def _finish(self, why: SessionEnded) -> None:
        if self.ended is None:
            self.ended = why
        self._stop_timers()
        self._notify()

    def _refusal(self, error: SessionEnded) -> Refused:
        advice = "; give --key-file or set PARLEY_KEY" if error.code == _UNAUTHORIZED else ""
        return Refused(f"{self.settings.url} refused the session: {error}{advice}", code=error.code)

    def _explain(self, code: int, reason: str) -> str:
        """One line about the end of a connection: the last fatal error, or the close code."""
        fatal = next((error for error in reversed(self.errors) if error.fatal), None)
        if fatal is not None:
            return f"{fatal.message} ({fatal.code}, close code {code})"
        known = {int(each): rule.meaning for each, rule in CLOSES.items()}
        meaning = known.get(code, "the connection was lost" if code == _LOST else "no reason given")
        return f"the server closed with {code}: {reason or meaning}"


def _close_frame(error: ConnectionClosed) -> tuple[int, str]:
    if error.rcvd is None:
        return _LOST, ""
    return error.rcvd.code, error.rcvd.reason
