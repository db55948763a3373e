"""The client's end of one connection, without I/O: the mirror of `protocol.server`.

    hello()      ->  the first message to write
    receive()    ->  what the server said, and what the connection answers by itself
    seal()       ->  the message to write for an event
    frame()      ->  the message to write for a piece of speech
    on_deadline() when next_deadline() has come: acknowledgements, pings, a dead server

Times are monotonic seconds. Nothing that a server can send makes `receive` raise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from protocol.clock import wire_clock
from protocol.codec import (
    Body,
    Envelope,
    encode,
    is_sequenced,
    parse_object,
    read_envelope,
    read_server_message,
)
from protocol.errors import CloseCode, ErrorCode, MalformedMessage, ProtocolError
from protocol.events import (
    AudioFrame,
    Bye,
    ClientMessage,
    ErrorReport,
    Gap,
    Hello,
    Nack,
    Ping,
    Pong,
    Retransmission,
    ServerMessage,
    Welcome,
)
from protocol.frames import Flag, Frame, pack, parse
from protocol.link import Link
from protocol.replay import SentLog
from protocol.server import Close
from protocol.states import ConnectionState, Step, advance

__all__ = ["ClientOutcome", "ClientProtocol"]

_LOG_BYTES: Final = 262_144
_LOG_AGE_S: Final = 10.0
_USUAL_HEARTBEAT_MS: Final = 15_000
_START: Final = int(Flag.START)
_END: Final = int(Flag.END)
_DISCONT: Final = int(Flag.DISCONT)
_DTX: Final = int(Flag.DTX)
"""As plain numbers: an enum's operators take a microsecond each, for every frame."""


@dataclass(frozen=True, slots=True)
class ClientOutcome:
    """What one message, or one deadline, brought.

    Attributes:
        events: What the server said, in order.
        envelopes: For each event what surrounded it: number, clock, and what it answers.
        replies: To be sealed and written, in order.
        problems: Messages of the server that break the protocol.
        close: What to close the socket with; None to go on.
    """

    events: tuple[ServerMessage | AudioFrame, ...] = ()
    envelopes: tuple[Envelope, ...] = ()
    replies: tuple[ClientMessage | Retransmission, ...] = ()
    problems: tuple[ProtocolError, ...] = ()
    close: Close | None = None


@dataclass(slots=True)
class _Draft:
    events: list[ServerMessage | AudioFrame] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    replies: list[ClientMessage | Retransmission] = field(default_factory=list)
    problems: list[ProtocolError] = field(default_factory=list)
    close: Close | None = None

    def done(self) -> ClientOutcome:
        return ClientOutcome(
            tuple(self.events),
            tuple(self.envelopes),
            tuple(self.replies),
            tuple(self.problems),
            self.close,
        )


class ClientProtocol:
    """One connection to a server.

    Args:
        now: When the socket was opened.
        counting: Number what is sent; without, nothing is acknowledged or sent again.

    Attributes:
        state: Where the connection stands.
        welcome: What the server agreed to; None before.
    """

    def __init__(self, *, now: float, counting: bool = True) -> None:
        self.state = ConnectionState.AWAITING_HELLO
        self.welcome: Welcome | None = None
        self._counting = counting
        self._positions: dict[int, int] = {}
        self._link = Link(
            SentLog(_LOG_BYTES, _LOG_AGE_S), now=now, heartbeat_s=_USUAL_HEARTBEAT_MS / 1000
        )
        self._link.receiver.decide(counting=True)

    @property
    def round_trip_s(self) -> float | None:
        """Shortest round trip of the last eight pings, in seconds; None before the first."""
        return self._link.round_trip_s

    @property
    def clock_offset_ms(self) -> float | None:
        """The server's clock less ours, in ms; None before the first pong."""
        return self._link.clock_offset_ms

    @property
    def recv(self) -> int:
        """Highest number received in order."""
        return self._link.receiver.recv

    @property
    def last_sent(self) -> int:
        """Number of the newest numbered frame; 0 before the first, and always if not counting."""
        return self._link.last_sent

    def position(self, stream: int = 1) -> int:
        """Samples sent on a stream since its START, gaps included; 0 if it is not open."""
        return self._positions.get(stream, 0)

    # What goes out.

    def hello(self, hello: Hello, now: float) -> str:
        """The first message; audio may follow at once if one input format was offered.

        Raises:
            StateError: If a hello was sent already.
        """
        self.state = advance(self.state, Step.HELLO)
        self._link.heard_at = now
        return encode(hello, ts=wire_clock(now)).decode()

    def seal(
        self, event: ClientMessage | Retransmission, now: float, *, id: str | None = None
    ) -> str | bytes:
        """Turn an event into the message to write, right before it is written.

        Args:
            event: What to say.
            now: Monotonic seconds.
            id: Idempotency key, at most 36 code points; the answer carries it as ``re``.
        """
        if isinstance(event, Retransmission):
            return event.frame
        event = self._link.stamped(event, now)
        seq = self._link.next_number() if self._counting and is_sequenced(event) else None
        ack = self._link.riding_ack(event) if self._counting else None
        text = encode(event, seq=seq, ts=wire_clock(now), ack=ack, id=id)
        sealed = text.decode()
        if seq is not None:
            self._link.keep(seq, sealed, len(text), now)
        return sealed

    def frame(
        self,
        payload: bytes,
        samples: int,
        now: float,
        *,
        stream: int = 1,
        start: bool = False,
        end: bool = False,
        discont: bool = False,
        dtx: bool = False,
        gap: int = 0,
    ) -> bytes:
        """Pack one frame of speech; a stream that is not open is started.

        Args:
            payload: One Opus packet, or PCM or G.711 samples; empty only with ``end`` or ``dtx``.
            samples: Its duration at the stream's rate; 0 if it is empty and ends the stream.
            now: Monotonic seconds, at capture.
            stream: Its stream, 1 to 255.
            start: Start the stream anew, although it is open.
            end: This is the last frame.
            discont: Something is missing before this frame; implied by ``gap``.
            dtx: The encoder had nothing to say.
            gap: Samples that are missing before this frame.
        """
        starts = start or stream not in self._positions
        pts = 0 if starts else self._positions[stream] + gap
        flags = (
            (_START if starts else 0)
            | (_END if end else 0)
            | (_DISCONT if discont or gap > 0 else 0)
            | (_DTX if dtx else 0)
        )
        self._positions[stream] = pts + samples
        if end:
            del self._positions[stream]
        seq = self._link.next_number() if self._counting else 0
        packed = pack(Frame(stream, seq, pts & 0xFFFFFFFF, wire_clock(now), payload, flags))
        if self._counting:
            self._link.keep(seq, packed, len(packed), now)
        return packed

    # What comes in.

    def receive(self, message: str | bytes, now: float) -> ClientOutcome:
        """Take one message of the server."""
        self._link.heard_at = now
        draft = _Draft()
        try:
            if isinstance(message, bytes):
                return self._take_binary(message, now)
            self._take_text(message, now, draft)
        except ProtocolError as error:
            draft.problems.append(error)
        return draft.done()

    def _take_text(self, text: str, now: float, draft: _Draft) -> None:
        body = parse_object(text, max_depth=64)
        envelope = read_envelope(body)
        if envelope.seq is not None and not self._count(envelope.seq, now, draft):
            return
        if envelope.ack is not None:
            self._link.acknowledged(envelope.ack)
        message = self._read(body, envelope)
        if message is not None:
            self._dispatch(message, envelope, now, draft)

    def _read(self, body: Body, envelope: Envelope) -> ServerMessage | None:
        message = read_server_message(body, envelope.omitted)
        if message is None and envelope.must:
            raise MalformedMessage(
                ErrorCode.BAD_EVENT, f"{str(body['type'])[:48]} is not known here", "type"
            )
        return message

    def _dispatch(
        self, message: ServerMessage, envelope: Envelope, now: float, draft: _Draft
    ) -> None:
        match message:
            case Ping():
                draft.replies.append(self._link.answer(message, now))
                return
            case Pong():
                self._link.measured(message, now)
                return
            case Nack():
                draft.replies += self._link.repeat(message).replies
                return
            case Gap():
                self._link.skip(message)
                return
            case Welcome():
                self._open(message, now)
            case ErrorReport(fatal=True):
                self.state = advance(self.state, Step.CLOSE)
            case _:
                pass
        draft.events.append(message)
        draft.envelopes.append(envelope)

    def _open(self, welcome: Welcome, now: float) -> None:
        if self.state is not ConnectionState.NEGOTIATING:
            raise MalformedMessage(ErrorCode.BAD_EVENT, "a connection has one welcome")
        self.state = advance(self.state, Step.WELCOME)
        self.welcome = welcome
        self._link.heartbeat_s = welcome.heartbeat_ms / 1000
        self._link.open(now)

    def _take_binary(self, message: bytes, now: float) -> ClientOutcome:
        frame = parse(message)
        replies: tuple[ClientMessage | Retransmission, ...] = ()
        if frame.seq:
            taken, counted = self._link.count(frame.seq, now)
            replies = counted if self._counting else ()
            if not taken:
                return ClientOutcome(replies=replies)
        flags = frame.flags
        audio = AudioFrame(
            frame.stream,
            frame.pts,
            frame.payload,
            start=bool(flags & _START),
            end=bool(flags & _END),
        )
        return ClientOutcome((audio,), (Envelope(seq=frame.seq or None, ts=frame.ts),), replies)

    def _count(self, seq: int, now: float, draft: _Draft) -> bool:
        taken, replies = self._link.count(seq, now)
        draft.replies += replies if self._counting else ()
        return taken

    # Time.

    def next_deadline(self) -> float | None:
        """When `on_deadline` must be called, if nothing else happens before; None if never."""
        if self.state is not ConnectionState.OPEN:
            return None
        return self._link.deadline

    def on_deadline(self, now: float) -> ClientOutcome:
        """Do what is due: acknowledge, ping, or give a silent server up."""
        draft = _Draft()
        if self.state is not ConnectionState.OPEN:
            return draft.done()
        if now >= self._link.dead_at:
            self.state = advance(self.state, Step.CLOSE)
            reason = f"heard nothing for {now - self._link.heard_at:.1f} s"
            draft.close = Close(CloseCode.TIMEOUT, reason)
            return draft.done()
        draft.replies += [
            reply for reply in self._link.due(now) if self._counting or isinstance(reply, Ping)
        ]
        return draft.done()

    def bye(self, now: float, reason: str | None = None) -> str | bytes:
        """The message that ends the session; the server then closes with 1000."""
        return self.seal(Bye(reason), now)
