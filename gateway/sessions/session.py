"""One conversation with one client: commands in, events out. It outlives its sockets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import assert_never

import orjson

from gateway.bridge import Bridge
from gateway.control.metrics import Metrics
from gateway.sessions.microphone import Microphone
from gateway.sessions.outbox import Closing, Outbox
from gateway.sessions.settings import SessionSettingsBook
from gateway.sessions.timeline import Timeline
from gateway.sessions.turn_log import TurnLog
from pipeline.conversation import Item
from pipeline.dialogue import Dialogue, Engines
from pipeline.engines import Int16Audio
from pipeline.errors import (
    AudioError,
    CommandError,
    NoActiveReply,
    NoOpenTurn,
    ReplyActive,
    UnknownItem,
)
from pipeline.events import (
    PipelineEvent,
    ReplyAudio,
    ReplyInterrupted,
    ReplyStarted,
    SpeechStarted,
    StopReason,
)
from pipeline.playout import PlayoutState
from protocol.errors import BadFrame, CloseCode, ErrorCode, MalformedMessage, ProtocolError
from protocol.events import (
    Ack,
    AudioEnded,
    AudioFrame,
    AudioInterrupted,
    AudioOpen,
    AudioReceived,
    Bye,
    ErrorReport,
    Gap,
    Hello,
    InputText,
    Interrupt,
    ItemCreate,
    ItemDelete,
    Nack,
    Ping,
    Playout,
    Pong,
    ResponseCancel,
    ResponseCreate,
    ResponseStarted,
    ServerEvent,
    ServerMessage,
    SessionUpdate,
    SessionUpdated,
    ToolResult,
    TurnCancel,
    TurnCommit,
    TurnStart,
    WarningReport,
)
from protocol.negotiation import Agreement
from protocol.server import Command, Outcome, ServerProtocol, has_natural_reply

__all__ = ["Session"]

log = logging.getLogger(__name__)

DISCARD_STEP_S = 0.25
ROUNDING = 16
"""Samples (1 ms) by which a scaled pts may miss the end of what was received, and means it."""
LATE_TURN_S = 30.0
"""How long a session goes on after its socket is lost, to end the turn in progress."""

_ERROR_OF: dict[type[CommandError], ErrorCode] = {
    UnknownItem: ErrorCode.UNKNOWN_ITEM,
    ReplyActive: ErrorCode.RESPONSE_ACTIVE,
    NoActiveReply: ErrorCode.NO_ACTIVE_RESPONSE,
    NoOpenTurn: ErrorCode.BAD_EVENT,
}


class Session:
    """Binds a dialogue to the wire. All methods but `run` are synchronous.

    Args:
        id: ``s_...``, also in every log line.
        protocol: The connection's state; numbers what is sent.
        agreement: What was negotiated.
        settings: Settings in effect.
        engines: What the dialogue runs on.
        metrics: Counts.
        clock: Monotonic seconds.
        now: Local time of day.
        new_id: Makes ids from a prefix.
    """

    def __init__(
        self,
        id: str,
        *,
        protocol: ServerProtocol,
        agreement: Agreement,
        settings: SessionSettingsBook,
        engines: Engines,
        outbox: Outbox,
        metrics: Metrics,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        new_id: Callable[[str], str],
    ) -> None:
        self.id = id
        self.outbox = outbox
        self._protocol = protocol
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._new_id = new_id
        self._timeline = Timeline()
        self._microphone = Microphone(agreement.audio_in, self._timeline)
        self._bridge = Bridge(self._timeline, frozenset(agreement.features))
        self._bridge.output = settings.output
        self._log = TurnLog(metrics)
        self._dialogue = Dialogue(
            engines,
            settings.dialogue(),
            self,
            clock=clock,
            now=now,
            new_id=new_id,
            round_trip=lambda: protocol.round_trip_s or 0.0,
        )
        self._over = asyncio.Event()
        self._interrupted_at: dict[str, float] = {}
        self._last_audio_at = 0.0
        self._asked_for: Command | None = None
        self.result = "completed"

    # -- life -----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Live until `end`. Never raises: whatever goes wrong ends this session and no other."""
        try:
            async with asyncio.TaskGroup() as tasks:
                conversation = tasks.create_task(self._dialogue.run(), name=f"dialogue-{self.id}")
                await self._over.wait()
                conversation.cancel("the session is over")
        except* Exception:
            reference = self._new_id("e")
            log.exception("the session failed (%s)", reference)
            self.result = "failed"
            self._fail(reference)
        finally:
            self._over.set()
            self._microphone.close()

    def end(self, result: str = "completed") -> None:
        """End the conversation now; the first reason given counts."""
        if not self._over.is_set():
            self.result = result
            self._over.set()

    async def end_after_turn(self) -> None:
        """The socket is lost: let the turn in progress end, unheard, then end."""
        try:
            await self._end_turn(self._clock() + LATE_TURN_S)
        finally:
            self.end("disconnected")
            # The session is part of reference cycles; what it holds may stay for long.
            self.outbox.close(CloseCode.NORMAL, "", drop=True)

    async def _end_turn(self, deadline: float) -> None:
        self._dialogue.drop_utterance()
        while self._dialogue.is_busy and self._clock() < deadline and not self._over.is_set():
            try:
                async with asyncio.timeout(DISCARD_STEP_S):
                    entry = await self.outbox.take()
            except TimeoutError:
                continue
            if isinstance(entry, Closing):
                break
            self._discard(entry.event)

    def _discard(self, event: ServerEvent) -> None:
        if isinstance(event, AudioFrame):
            # Nobody plays it, so nobody has to be waited for.
            self._note_delivery(event)
            end = event.pts + event.samples
            self._dialogue.playout(event.response, end, PlayoutState.PLAYING)

    @property
    def is_busy(self) -> bool:
        """Whether a turn or a reply is in progress."""
        return self._dialogue.is_busy

    @property
    def is_behind(self) -> bool:
        """Whether `ready_for_more` would have to wait."""
        return self._dialogue.is_behind

    async def ready_for_more(self) -> None:
        """Wait while more audio waits to be listened to than a second."""
        await self._dialogue.caught_up()

    def _fail(self, reference: str) -> None:
        message = "something went wrong on the server; its log has the details"
        details = {"ref": reference}
        self.outbox.put(ErrorReport(ErrorCode.INTERNAL, message, fatal=True, details=details))
        self.outbox.close(CloseCode.INTERNAL_ERROR, message)

    # -- to the client --------------------------------------------------------------------------

    def greet(self, warning: str) -> None:
        """Say what a new client must know."""
        if warning:
            self.outbox.put(WarningReport("starter_models", warning))

    def report(self, event: PipelineEvent) -> None:
        """Take an event of the dialogue (`pipeline.dialogue.Listener`)."""
        if isinstance(event, ReplyAudio):  # by far the most frequent, and of no further interest
            self.outbox.put(self._bridge.frame(event))
            return
        if isinstance(event, SpeechStarted | ReplyStarted):
            self._protocol.touch(self._clock())
        if isinstance(event, ReplyInterrupted):
            self._interrupted_at[event.response] = self._clock()
        self._log.note(event)
        for message in self._bridge.translate(event):
            if isinstance(message, ErrorReport):
                self._metrics.error(message.code)
            self._put(message)

    def _put(self, message: ServerEvent) -> None:
        asked_for = self._asked_for
        if asked_for is not None and isinstance(message, ResponseStarted) and not message.turn:
            self._asked_for = None
            self._answer(asked_for, message)
        else:
            self.outbox.put(message)

    def close_reply(self, response: str) -> None:
        """Withdraw a reply's audio (`pipeline.dialogue.Listener`)."""
        self.outbox.close_reply(response, self._bridge.stream_of(response))

    def on_sent(self, event: ServerEvent) -> None:
        """An event was handed to the socket."""
        if isinstance(event, AudioFrame):
            self._last_audio_at = self._clock()
            self._note_delivery(event)
        elif isinstance(event, Interrupt):
            detected = self._interrupted_at.pop(event.response, self._clock())
            self._metrics.interrupted(max(0.0, self._last_audio_at - detected) * 1000)

    def _note_delivery(self, frame: AudioFrame) -> None:
        self._dialogue.delivered(frame.response, frame.pts + frame.samples)

    # -- from the client ------------------------------------------------------------------------

    def receive(self, command: Command) -> None:
        """Act on a command. What cannot be done is answered; the session goes on."""
        if self._over.is_set():
            return  # it came behind a farewell
        try:
            self._act(command)
        except CommandError as error:
            code = _ERROR_OF[type(error)]
            if code is ErrorCode.BAD_EVENT:
                self._refuse(MalformedMessage(code, str(error)), command)
            else:
                self._metrics.error(code)
                self._answer(command, command.error(code, str(error)))
        except ProtocolError as error:
            self._refuse(error, command)
        else:
            if command.id is not None and not has_natural_reply(command.event):
                self._answer(command, Ack(re=command.id))

    def _act(self, command: Command) -> None:
        event = command.event
        match event:
            case AudioReceived() | AudioInterrupted() | AudioEnded():
                self._hear(event)
            case AudioOpen():
                self._microphone.announce(event)
            case SessionUpdate():
                self._update(command, event)
            case TurnStart() | TurnCommit() | TurnCancel():
                self._push_to_talk(event)
            case InputText():
                self._protocol.touch(self._clock())
                self._dialogue.type(event.text, role=event.role, respond=event.respond)
            case ResponseCreate():
                self._respond(command, event)
            case ResponseCancel():
                self._dialogue.cancel(event.response or "")
            case Playout():
                response = self._bridge.response_of(event.stream)
                self._dialogue.playout(response, event.pts, PlayoutState(event.state))
            case ItemDelete():
                self._dialogue.conversation.delete(event.item)
            case ItemCreate():
                item = Item(self._new_id("i"), event.role, event.text)
                self._dialogue.conversation.add(item, after=event.after)
            case Bye():
                self.end()
                self.outbox.close(CloseCode.NORMAL, "bye", drop=True)
            case Hello() | ToolResult() | Ack() | Nack() | Gap() | Ping() | Pong():
                pass  # the protocol has dealt with them
            case _:
                assert_never(event)

    def _hear(self, event: AudioReceived | AudioInterrupted | AudioEnded) -> None:
        match event:
            case AudioReceived():
                if event.start:
                    if self._microphone.is_open:
                        self._dialogue.drop_utterance()
                    self._microphone.begin(event.stream, self._dialogue.arrived)
                if event.stream == self._microphone.stream:
                    self._decode(event)
            case AudioInterrupted():
                if event.stream == self._microphone.stream:
                    self._dialogue.break_off(StopReason.GAP)
                    self._microphone.skip(event.pts, self._dialogue.arrived)
            case AudioEnded():
                self._microphone.forget(event.stream)
                if event.stream == self._microphone.stream:
                    self._hear_rest(self._microphone.end())
                    self._dialogue.break_off(StopReason.COMMIT)

    def _decode(self, frame: AudioReceived) -> None:
        try:
            for audio in self._microphone.decode(frame):
                self._dialogue.hear(audio)
        except AudioError as error:
            raise BadFrame(str(error), stream=frame.stream) from error

    def _hear_rest(self, rest: Int16Audio | None) -> None:
        if rest is not None:
            self._dialogue.hear(rest)

    def _push_to_talk(self, event: TurnStart | TurnCommit | TurnCancel) -> None:
        # A button acts on all that was sent, also on what the resampler would hold back for long.
        self._hear_rest(self._microphone.catch_up())
        position = None if event.pts is None else self._position(event.pts)
        match event:
            case TurnStart():
                self._protocol.touch(self._clock())
                self._dialogue.press(position)
            case TurnCommit():
                self._dialogue.release(position)
            case TurnCancel():
                self._dialogue.abandon()

    def _position(self, pts: int) -> int:
        position, arrived = self._timeline.position(pts), self._dialogue.arrived
        return arrived if abs(position - arrived) <= ROUNDING else position

    def _respond(self, command: Command, event: ResponseCreate) -> None:
        metadata = None if event.metadata is None else orjson.dumps(event.metadata)
        if event.say is not None:
            self._dialogue.say(event.say, metadata=metadata)
        else:
            self._dialogue.answer(event.instructions or "", metadata=metadata)
        self._asked_for = command

    def _update(self, command: Command, event: SessionUpdate) -> None:
        self._settings.change(event.session)
        self._bridge.output = self._settings.output
        self._dialogue.configure(self._settings.dialogue())
        self._answer(command, SessionUpdated(self._settings.current))

    # -- answers --------------------------------------------------------------------------------

    def apply(self, outcome: Outcome) -> None:
        """Put the protocol's replies into the outbox, act on its commands, close if it says so."""
        for reply in outcome.replies:
            if isinstance(reply, ErrorReport):
                self._metrics.error(reply.code)
            self.outbox.put(reply)
        for command in outcome.commands:
            self.receive(command)
        if outcome.close is not None:
            self.outbox.close(outcome.close.code, outcome.close.reason)

    def _refuse(self, error: ProtocolError, command: Command) -> None:
        self.apply(self._protocol.fault(error, re=command.id, seq=command.seq))

    def _answer(self, command: Command, reply: ServerMessage) -> None:
        if command.id is not None:
            self._protocol.remember(command.id, reply)
        self.outbox.put(reply, re=command.id)
