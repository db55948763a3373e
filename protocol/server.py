"""The server's end of one connection, without I/O.

The caller owns the socket and the clock. It passes every message to `ServerProtocol.receive`, acts
on the `Outcome`, calls `on_deadline` when `next_deadline` has come, and passes everything that it
sends through `seal`. Times are monotonic seconds.

    hello        ->  receive() returns a Command with the Hello
    decision     ->  welcome() or refuse()
    messages     ->  receive() returns commands, replies and perhaps a Close
    own messages ->  seal() returns what to write

Of what a peer can send nothing makes these methods raise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from protocol.clock import wire_clock
from protocol.codec import (
    Body,
    encode,
    is_numbered,
    is_sequenced,
    parse_object,
    peek,
    read_client_message,
    read_envelope,
)
from protocol.errors import (
    BAD_CODES,
    ERRORS,
    BadFrame,
    CloseCode,
    ErrorCode,
    MalformedMessage,
    ProtocolError,
    TooLarge,
    Unsupported,
    VersionMismatch,
    WarningCode,
)
from protocol.events import (
    CLIENT_TYPES,
    Ack,
    Answer,
    AudioFrame,
    AudioOpen,
    Bye,
    ClientEvent,
    ClientLimits,
    ClientMessage,
    ErrorReport,
    Gap,
    Hello,
    InputText,
    Limits,
    Nack,
    Ping,
    Playout,
    Pong,
    ResponseCreate,
    Retransmission,
    ServerEvent,
    ServerInfo,
    ServerMessage,
    SessionFields,
    SessionUpdate,
    ToolResult,
    TurnCommit,
    TurnStart,
    WarningReport,
    Welcome,
    WelcomeAudio,
    WelcomeTime,
)
from protocol.frames import Flag, Frame, Kind, parse
from protocol.idempotency import CommandLog
from protocol.limiter import FrameRate, Verdict
from protocol.link import Link
from protocol.negotiation import SUPPORTED_VERSIONS, Agreement
from protocol.replay import SentLog
from protocol.states import ConnectionState, Step, advance
from protocol.streams import UplinkStreams

__all__ = [
    "Close",
    "Command",
    "Outcome",
    "ServerProtocol",
    "Timers",
    "has_natural_reply",
]

MAX_FRAME_BYTES: Final = 65_536
"""A frame above this closes the socket, whatever the limits say."""

MAX_BAD: Final = 10
"""``bad_*`` errors of a connection that are forgiven."""

_MAX_HELD_BYTES: Final = 524_288
_MAX_REASON_BYTES: Final = 123
_CLOSE_WITHOUT_RULE: Final = {
    ErrorCode.INTERNAL: CloseCode.INTERNAL_ERROR,
    ErrorCode.BUSY: CloseCode.NO_CAPACITY,
    ErrorCode.MODEL_LOADING: CloseCode.TRY_AGAIN_LATER,
}


class Command(NamedTuple):
    """One event of a client with what its envelope says.

    Attributes:
        event: What the client said.
        id: Idempotency key; the answer carries it as ``re``.
        seq: Number of its frame; None if the client does not count.
    """

    event: ClientEvent
    id: str | None = None
    seq: int | None = None

    def error(self, code: ErrorCode, message: str, **details: Any) -> ErrorReport:  # noqa: ANN401
        """The non-fatal error that answers this command."""
        if self.id is None and self.seq is not None:
            details["seq"] = self.seq
        return ErrorReport(code, message, re=self.id, details=details or None)


@dataclass(frozen=True, slots=True)
class Close:
    """The socket is to be closed, after the replies; ``reason`` fits a close frame."""

    code: CloseCode
    reason: str = ""


class Outcome(NamedTuple):
    """What one message, or one deadline, brought.

    Attributes:
        commands: For the session, in order.
        replies: For the outbox, in order; to be sealed when they are written.
        close: What to close the socket with after the replies.
    """

    commands: tuple[Command, ...] = ()
    replies: tuple[ServerEvent, ...] = ()
    close: Close | None = None


@dataclass(frozen=True, slots=True)
class Timers:
    """How long a connection may wait for what."""

    hello_s: float = 5.0
    heartbeat_ms: int = 15_000
    idle_s: float = 600.0


_START: Final = int(Flag.START)
_END: Final = int(Flag.END)
_USUAL_TIMERS: Final = Timers()
_NOTHING: Final = Outcome()


class _Draft:
    """An outcome in the making."""

    __slots__ = ("close", "commands", "replies")

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.replies: list[ServerEvent] = []
        self.close: Close | None = None

    def done(self) -> Outcome:
        return Outcome(tuple(self.commands), tuple(self.replies), self.close)


def has_natural_reply(event: ClientEvent) -> bool:
    """Whether carrying a command out brings a message that can carry ``re``.

    If not, an accepted command that has an id is answered by ``Ack(re=id)``.
    """
    return isinstance(event, SessionUpdate | ResponseCreate)


class ServerProtocol:
    """One connection of one session.

    Args:
        limits: What is accepted and kept; announced in the welcome.
        server: Name and version for the welcome.
        now: When the socket was opened.
        timers: How long to wait for hello, heartbeat and speech.

    Attributes:
        state: Where the connection stands.
        agreement: What holds for it; None before the welcome.
    """

    def __init__(
        self, limits: Limits, *, server: ServerInfo, now: float, timers: Timers = _USUAL_TIMERS
    ) -> None:
        self.state = ConnectionState.AWAITING_HELLO
        self.agreement: Agreement | None = None
        self._limits = limits
        self._server = server
        self._timers = timers
        self._opened_at = self._active_at = now
        self._welcomed_at = now
        self._hello: Hello | None = None
        self._hello_id: str | None = None
        self._held: list[tuple[str | bytes, float]] = []
        self._held_bytes = 0
        self._bad = 0
        self._rate = FrameRate(limits.max_frames_per_s, limits.burst, now)
        self._streams = UplinkStreams(None, limits.max_streams)
        self._link = Link(
            SentLog(limits.replay_bytes, limits.replay_ms / 1000),
            now=now,
            heartbeat_s=timers.heartbeat_ms / 1000,
        )
        self._commands = CommandLog()

    # What the caller may ask.

    @property
    def round_trip_s(self) -> float | None:
        """Shortest round trip of the last eight pings, in seconds; None before the first."""
        return self._link.round_trip_s

    @property
    def recv(self) -> int:
        """Highest sequence number received in order; 0 for a client that does not count."""
        return self._link.receiver.recv

    @property
    def last_sent(self) -> int:
        """Sequence number of the newest numbered frame; 0 before the first."""
        return self._link.last_sent

    @property
    def streams(self) -> UplinkStreams:
        """The client's streams, for their formats."""
        return self._streams

    # Messages of the client.

    def receive(self, message: str | bytes, now: float) -> Outcome:
        """Take one message of the peer."""
        if self.state is ConnectionState.CLOSED:
            return _NOTHING
        self._link.heard_at = now
        draft = _Draft()
        size = _size(message)
        if size > MAX_FRAME_BYTES:
            self._close(
                draft,
                CloseCode.MESSAGE_TOO_BIG,
                f"frame has {size} bytes, at most {MAX_FRAME_BYTES} are read",
            )
        elif self.state is ConnectionState.AWAITING_HELLO:
            self._take_hello(message, size, draft)
        elif self.state is ConnectionState.NEGOTIATING:
            self._hold(message, size, now, draft)
        else:
            self._take(message, size, now, draft)
        return draft.done()

    def _take_hello(self, message: str | bytes, size: int, draft: _Draft) -> None:
        body: Body = {}
        try:
            if not isinstance(message, str):
                raise BadFrame("the first frame is binary, expected a hello as text")
            if size > self._limits.max_hello:
                raise TooLarge(f"hello has {size} bytes, at most {self._limits.max_hello}")
            body = parse_object(message, self._limits.max_depth)
            hello = self._read_hello(body)
        except ProtocolError as error:
            wrong_version = isinstance(error, VersionMismatch)
            code = CloseCode.VERSION_UNSUPPORTED if wrong_version else CloseCode.BAD_MESSAGE
            self._fail(draft, error.code, error.message, code, error.details, peek(body)[1])
            return
        self.state = advance(self.state, Step.HELLO)
        self._hello, self._hello_id = hello, peek(body)[1]
        draft.commands.append(Command(hello, self._hello_id))

    def _read_hello(self, body: Body) -> Hello:
        kind = body.get("type")
        if isinstance(kind, str) and kind != "hello":
            raise MalformedMessage(
                ErrorCode.BAD_EVENT, f"the first message is {kind[:48]}, expected hello"
            )
        version = body.get("protocol")
        if kind == "hello" and type(version) is int and version not in SUPPORTED_VERSIONS:
            raise VersionMismatch(version, SUPPORTED_VERSIONS)
        read_envelope(body)
        hello = read_client_message(body)
        assert isinstance(hello, Hello)
        if hello.session is not None:
            self._check_instructions(hello.session.instructions, "session.instructions")
        return hello

    def _hold(self, message: str | bytes, size: int, now: float, draft: _Draft) -> None:
        """Keep what a client says before it was welcomed."""
        self._held_bytes += size
        if len(self._held) >= self._limits.burst or self._held_bytes > _MAX_HELD_BYTES:
            message_text = f"{len(self._held)} frames came before the welcome; wait for it"
            self._fail(
                draft,
                ErrorCode.RATE_LIMITED,
                message_text,
                CloseCode.RATE_LIMITED,
                retry_after_ms=1000,
            )
            return
        self._held.append((message, now))

    def _take(
        self,
        message: str | bytes,
        size: int,
        now: float,
        draft: _Draft,
        *,
        discard_audio: bool = False,
    ) -> None:
        verdict = self._rate.count(now)
        if verdict is not Verdict.FINE:
            self._slow_down(verdict, draft)
            if draft.close is not None:
                return
        if isinstance(message, str):
            self._take_text(message, size, now, draft)
        else:
            self._take_binary(message, now, draft, discard=discard_audio)

    def _slow_down(self, verdict: Verdict, draft: _Draft) -> None:
        """Warn a client that sends too many frames; give it up if it was warned."""
        if verdict is Verdict.WARN:
            text = f"above {self._limits.max_frames_per_s} frames per second; slow down"
            draft.replies.append(WarningReport(WarningCode.RATE_LIMITED, text))
            return
        self._fail(
            draft,
            ErrorCode.RATE_LIMITED,
            f"above {self._limits.max_frames_per_s} frames per second, despite a warning",
            CloseCode.RATE_LIMITED,
            retry_after_ms=self._rate.recovery_ms,
        )

    # Text.

    def _take_text(self, text: str, size: int, now: float, draft: _Draft) -> None:
        try:
            body = parse_object(text, self._limits.max_depth)
        except MalformedMessage as error:
            self._link.receiver.consume_unreadable()
            seq = self._link.receiver.recv if self._link.receiver.counting else None
            self._reject(error, draft, seq=seq)
            if self._link.receiver.counting:
                draft.replies += self._link.received(now)
            return
        seq, key = peek(body)
        try:
            if self._is_next(body, seq, now, draft):
                self._check_size(size, self._limits.max_text)
                self._handle(body, seq, key, now, draft)
        except ProtocolError as error:
            self._reject(error, draft, key=key, seq=seq)

    def _is_next(self, body: Body, seq: int | None, now: float, draft: _Draft) -> bool:
        """Count a text frame; False if it is to be dropped."""
        kind = body.get("type")
        message = CLIENT_TYPES.get(kind) if isinstance(kind, str) else None
        if message is not None and not is_numbered(message):
            return True
        if seq is not None and self._link.receiver.counting is not False:
            return self._count(seq, now, draft)
        if message is not None and body.get("seq") is None:
            self._link.receiver.decide(counting=False)
        return True

    def _handle(
        self, body: Body, seq: int | None, key: str | None, now: float, draft: _Draft
    ) -> None:
        envelope = read_envelope(body)
        if envelope.ack is not None:
            self._link.acknowledged(envelope.ack)
        event = read_client_message(body)
        if event is None:
            if envelope.must:
                raise MalformedMessage(
                    ErrorCode.BAD_EVENT, f"{str(body['type'])[:48]} is not known here", "type"
                )
            return
        numbered = is_numbered(type(event))
        if numbered and seq is None and self._link.receiver.counting:
            raise MalformedMessage(
                ErrorCode.MISSING_FIELD, "seq is missing, but earlier frames were numbered", "seq"
            )
        if numbered and key is not None and not self._commands.is_new(key, now):
            if (reply := self._commands.reply(key)) is not None:
                draft.replies.append(Answer(reply, key))
            return
        self._dispatch(Command(event, key, self._counted(seq)), event, now, draft)

    def _counted(self, seq: int | None) -> int | None:
        return seq if self._link.receiver.counting else None

    def _dispatch(self, command: Command, event: ClientMessage, now: float, draft: _Draft) -> None:
        """Do what the connection itself must do; hand the rest out."""
        match event:
            case Ack():
                return
            case Ping():
                pong = self._link.answer(event, now)
                draft.replies.append(Answer(pong, command.id) if command.id else pong)
                return
            case Pong():
                self._link.measured(event, now)
                return
            case Nack():
                self._retransmit(command, event, draft)
                return
            case Gap():
                self._link.skip(event)
                return
            case Bye():
                self._close(draft, CloseCode.NORMAL, "bye")
            case _:
                self._check(event)
        if isinstance(event, InputText | ResponseCreate | TurnStart | TurnCommit):
            self.touch(now)
        draft.commands.append(command)

    def _check(self, event: ClientMessage) -> None:
        """Refuse what this connection did not agree on, or this version does not implement."""
        match event:
            case Hello():
                raise MalformedMessage(ErrorCode.BAD_EVENT, "a connection has one hello")
            case SessionUpdate(session):
                self._check_session(session)
            case ResponseCreate():
                self._check_response(event)
            case AudioOpen():
                self._check_stream(event)
            case Playout() if not self._has("playout"):
                raise MalformedMessage(ErrorCode.BAD_EVENT, "the feature playout is not on")
            case ToolResult():
                raise Unsupported("tools are not implemented")
            case _:
                pass

    def _has(self, feature: str) -> bool:
        return self.agreement is not None and self.agreement.has(feature)

    def _check_session(self, session: SessionFields) -> None:
        if _asks_for_tools(session):
            raise Unsupported("tools are not implemented", "session.tools")
        self._check_instructions(session.instructions, "session.instructions")

    def _check_response(self, event: ResponseCreate) -> None:
        if event.tools:
            raise Unsupported("tools are not implemented", "tools")
        if event.out_of_band:
            raise Unsupported("out_of_band responses are not implemented", "out_of_band")
        if event.say is not None and event.instructions is not None:
            raise MalformedMessage(
                ErrorCode.BAD_FIELD, "say and instructions exclude each other", "say"
            )
        self._check_instructions(event.instructions, "instructions")

    def _check_stream(self, event: AudioOpen) -> None:
        if event.role == "ref":
            raise Unsupported("reference streams are not implemented", "role")
        if self.agreement is not None and event.codec not in self.agreement.codecs:
            raise Unsupported(f"{event.codec} cannot be decoded here", "codec")
        self._streams.declare(event)

    def _check_instructions(self, instructions: object, path: str) -> None:
        if not isinstance(instructions, str):
            return
        size = _size(instructions)
        if size > self._limits.max_instructions:
            raise MalformedMessage(
                ErrorCode.BAD_FIELD,
                f"{path} has {size} bytes, at most {self._limits.max_instructions}",
                path,
            )

    # Audio.

    def _take_binary(
        self, message: bytes, now: float, draft: _Draft, *, discard: bool = False
    ) -> None:
        """Take a binary frame; ``discard`` if it is not known in which format it is."""
        try:
            frame = parse(message)
        except BadFrame as error:
            if self._link.receiver.consume(error.details.get("seq", 0)):
                draft.replies += self._link.received(now)
            self._reject(error, draft)
            return
        try:
            if self._is_next_frame(frame, now, draft):
                if discard:
                    self._streams.discard(frame.stream)
                    return
                self._check_size(len(message), self._limits.max_binary)
                self._take_frame(frame, draft)
        except ProtocolError as error:
            self._reject(error, draft, seq=frame.seq, stream=frame.stream)

    def _is_next_frame(self, frame: Frame, now: float, draft: _Draft) -> bool:
        if frame.seq and self._link.receiver.counting is not False:
            return self._count(frame.seq, now, draft)
        if frame.kind is Kind.AUDIO:
            self._link.receiver.decide(counting=False)
            if self._link.receiver.counting:
                raise BadFrame("seq is 0, but earlier frames were numbered", stream=frame.stream)
        return True

    def _take_frame(self, frame: Frame, draft: _Draft) -> None:
        if frame.kind is not Kind.AUDIO:
            raise Unsupported(f"frames of kind {frame.kind.value} are not implemented")
        seq = self._counted(frame.seq)
        draft.commands += [Command(event, None, seq) for event in self._streams.accept(frame)]

    # Sequence.

    def _count(self, seq: int, now: float, draft: _Draft) -> bool:
        """Count a numbered frame; False if it is to be dropped."""
        taken, replies = self._link.count(seq, now)
        draft.replies += replies
        return taken

    def _retransmit(self, command: Command, nack: Nack, draft: _Draft) -> None:
        repetition = self._link.repeat(nack)
        draft.replies += repetition.replies
        if repetition.lost is not None:
            first, last = repetition.lost
            text = f"frames {first} to {last} are not kept any more"
            draft.replies.append(command.error(ErrorCode.SEQ_GAP, text))

    # Refusals.

    def _check_size(self, size: int, limit: int) -> None:
        if size > limit:
            raise TooLarge(f"frame has {size} bytes, at most {limit}; send less at a time")

    def _reject(
        self,
        error: ProtocolError,
        draft: _Draft,
        *,
        key: str | None = None,
        seq: int | None = None,
        stream: int | None = None,
    ) -> None:
        """Report an error, and close after too many malformed messages."""
        details = dict(error.details)
        if key is None:
            details |= {"stream": stream} if stream else {}
            details |= {"seq": seq} if seq else {}
        if not details.get("seq", True) or self._link.receiver.counting is False:
            details.pop("seq", None)
        if error.code in BAD_CODES:
            self._bad += 1
        if self._bad > MAX_BAD and error.code in BAD_CODES:
            self._fail(draft, error.code, error.message, CloseCode.BAD_MESSAGE, details, key)
            return
        report = ErrorReport(error.code, error.message, re=key, details=details or None)
        if key is not None:
            self._commands.answered(key, report)
        draft.replies.append(report)

    def _fail(
        self,
        draft: _Draft,
        code: ErrorCode,
        message: str,
        close: CloseCode,
        details: Mapping[str, Any] | None = None,
        key: str | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        """Report a fatal error and close."""
        report = ErrorReport(
            code,
            message,
            fatal=True,
            re=key,
            retry_after_ms=retry_after_ms,
            details=details or None,
        )
        draft.replies.append(report)
        self._close(draft, close, message)

    def _close(self, draft: _Draft, code: CloseCode, reason: str) -> None:
        self.state = advance(self.state, Step.CLOSE)
        self._held.clear()
        draft.close = Close(code, _cut(reason))

    # The session's decisions.

    def welcome(
        self,
        agreement: Agreement,
        *,
        session: str,
        token: str,
        epoch: str,
        wall_ms: int,
        now: float,
    ) -> tuple[Welcome, Outcome]:
        """Accept the hello.

        Args:
            agreement: From `protocol.negotiation.negotiate`.
            session: Id of the session.
            token: Secret with which the session could be resumed.
            epoch: Names the life of the sequence numbers.
            wall_ms: Time of day, ms since 1970.
            now: Monotonic seconds.

        Returns:
            The message to send first, and what had arrived before it.

        Raises:
            StateError: If there is no hello to accept.
        """
        self.state = advance(self.state, Step.WELCOME)
        assert self._hello is not None
        self.agreement = agreement
        self._streams = UplinkStreams(agreement.audio_in, self._limits.max_streams)
        self._welcomed_at = self._active_at = now
        self._link.open(now)
        draft = _Draft()
        if self._hello.session is not None and _asks_for_tools(self._hello.session):
            self._reject(Unsupported("tools are not implemented", "session.tools"), draft)
        self._release_held(agreement, draft)
        welcome = Welcome(
            protocol=self._hello.protocol,
            session=session,
            token=token,
            resume="new" if self._hello.resume is None else "expired",
            recv=self._link.receiver.recv,
            send_from=1,
            audio=WelcomeAudio(agreement.audio_in, agreement.audio_out),
            features=agreement.features,
            time=WelcomeTime(wall_ms, wire_clock(now)),
            epoch=epoch,
            limits=self._limits,
            heartbeat_ms=self._timers.heartbeat_ms,
            server=self._server,
        )
        return welcome, draft.done()

    def _release_held(self, agreement: Agreement, draft: _Draft) -> None:
        held, self._held = self._held, []
        unsure = agreement.audio_in is not None and not agreement.may_speak_early
        if unsure and any(isinstance(message, bytes) for message, _ in held):
            text = "audio came before the welcome although several formats were offered"
            draft.replies.append(WarningReport(WarningCode.AUDIO_DISCARDED, text))
        for message, at in held:
            if draft.close is not None:
                return
            self._take(message, _size(message), at, draft, discard_audio=unsure)

    def refuse(
        self, code: ErrorCode, message: str, details: Mapping[str, Any] | None = None
    ) -> Outcome:
        """End the connection with a fatal error: before the welcome, or at any time after it."""
        if self.state is ConnectionState.CLOSED:
            return _NOTHING
        close = ERRORS[code].close or _CLOSE_WITHOUT_RULE.get(code, CloseCode.BAD_MESSAGE)
        before = self.state is ConnectionState.NEGOTIATING
        draft = _Draft()
        self._fail(draft, code, message, close, details, self._hello_id if before else None)
        return draft.done()

    def fault(
        self, error: ProtocolError, *, re: str | None = None, seq: int | None = None
    ) -> Outcome:
        """Report what only the session could find, such as Opus that cannot be decoded.

        Counts with the other ``bad_*`` errors.

        Args:
            error: What was found.
            re: Id of the command at fault.
            seq: Number of its frame, for a command without id.
        """
        if self.state is ConnectionState.CLOSED:
            return _NOTHING
        draft = _Draft()
        self._reject(error, draft, key=re, seq=seq)
        return draft.done()

    def remember(self, id: str, reply: ServerMessage) -> None:
        """Keep the first reply to a command, for its duplicates.

        Not needed for a reply that `seal` got with ``re``, an `Answer`, an `Ack` or an
        `ErrorReport` that says what it answers: those are remembered when they are sealed.
        """
        self._commands.answered(id, reply)

    def touch(self, now: float) -> None:
        """Speech or text happened, in either direction: the session is not idle."""
        self._active_at = max(self._active_at, now)

    # Messages of the server.

    def seal(self, event: ServerEvent, now: float, *, re: str | None = None) -> str | bytes:
        """Turn an event into the message to write, right before it is written.

        Numbers it if it takes part in the sequence, stamps it, lets an acknowledgement ride on it,
        keeps it for retransmission. Text fields that exceed the client's ``max_text`` are left out.

        Raises:
            ValueError: If an audio frame exceeds the client's ``max_binary``.
        """
        match event:
            case Retransmission(frame):
                return frame
            case AudioFrame():
                return self._seal_audio(event, now)
            case Answer(message, answered):
                return self.seal(message, now, re=answered)
            case Welcome():
                return self._seal_text(event, now, self._hello_id)
            case Ack() | ErrorReport():
                return self._seal_text(event, now, re or event.re)
            case _:
                return self._seal_text(self._link.stamped(event, now), now, re)

    def _seal_text(self, message: ServerMessage, now: float, re: str | None) -> str:
        if re is not None:
            self._commands.answered(re, message)
        seq = self._link.next_number() if is_sequenced(message) else None
        text = encode(
            message,
            seq=seq,
            ts=wire_clock(now),
            ack=self._link.riding_ack(message),
            re=re,
            max_text=self._client_limits.max_text,
        )
        sealed = text.decode()
        if seq is not None:
            self._link.keep(seq, sealed, len(text), now)
        return sealed

    def _seal_audio(self, frame: AudioFrame, now: float) -> bytes:
        size = len(frame.payload)
        if self.agreement is not None and size > self.agreement.max_payload:
            raise ValueError(
                f"audio payload has {size} bytes, the client takes {self.agreement.max_payload}; "
                "encode shorter frames"
            )
        flags = (_START if frame.start else 0) | (_END if frame.end else 0)
        pts = frame.pts & 0xFFFFFFFF
        return self._link.pack(Frame(frame.stream, 0, pts, 0, frame.payload, flags), now)

    @property
    def _client_limits(self) -> ClientLimits:
        return self.agreement.limits if self.agreement else ClientLimits()

    # Time.

    def next_deadline(self) -> float | None:
        """When `on_deadline` must be called, if nothing else happens before; None if never."""
        match self.state:
            case ConnectionState.AWAITING_HELLO:
                return self._opened_at + self._timers.hello_s
            case ConnectionState.OPEN:
                return min(self._link.deadline, self._idle_at, self._expires_at)
            case _:
                return None

    @property
    def _idle_at(self) -> float:
        return self._active_at + self._timers.idle_s

    @property
    def _expires_at(self) -> float:
        return self._welcomed_at + self._limits.session_ttl_ms / 1000

    def on_deadline(self, now: float) -> Outcome:
        """Do what is due: acknowledge, ping, or give the connection up."""
        draft = _Draft()
        if self.state is ConnectionState.AWAITING_HELLO:
            if now >= self._opened_at + self._timers.hello_s:
                reason = f"no hello within {self._timers.hello_s:g} s"
                self._close(draft, CloseCode.TIMEOUT, reason)
        elif self.state is ConnectionState.OPEN and not self._give_up(now, draft):
            draft.replies += self._link.due(now)
        return draft.done()

    def _give_up(self, now: float, draft: _Draft) -> bool:
        if now >= self._link.dead_at:
            silence = now - self._link.heard_at
            self._close(draft, CloseCode.TIMEOUT, f"heard nothing for {silence:.1f} s")
        elif now >= self._expires_at:
            self._fail(
                draft,
                ErrorCode.SESSION_EXPIRED,
                f"a session lasts at most {self._limits.session_ttl_ms / 60_000:g} minutes",
                CloseCode.SESSION_ENDED,
            )
        elif now >= self._idle_at:
            self._fail(
                draft,
                ErrorCode.IDLE_TIMEOUT,
                f"nothing was said for {self._timers.idle_s:g} s",
                CloseCode.SESSION_ENDED,
            )
        return draft.close is not None


def _asks_for_tools(session: SessionFields) -> bool:
    return isinstance(session.tools, tuple) and len(session.tools) > 0


def _size(message: str | bytes) -> int:
    """Bytes on the wire; lone surrogates, which no wire carries, are measured all the same."""
    if isinstance(message, bytes) or message.isascii():
        return len(message)
    return len(message.encode(errors="surrogatepass"))


def _cut(reason: str) -> str:
    """A close reason as long as a close frame can hold (RFC 6455 section 5.5)."""
    return reason.encode(errors="replace")[:_MAX_REASON_BYTES].decode(errors="ignore")
