"""What both ends of a connection do alike: numbers, acknowledgements, repetition, signs of life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from protocol.clock import ClockFilter, wire_clock
from protocol.errors import ErrorCode, MalformedMessage
from protocol.events import Ack, Gap, Nack, Ping, Pong, Retransmission
from protocol.frames import Frame, pack
from protocol.replay import SentLog
from protocol.sequence import AckCadence, Receipt, ReceiveCounter, is_after, successor

__all__ = ["Link", "LinkReply", "Repetition"]

LinkReply: TypeAlias = Ack | Nack | Gap | Ping | Pong | Retransmission

Event = TypeVar("Event")

_OPENING_PINGS: Final = 3
_OPENING_PING_GAP_S: Final = 0.2
_DEAD_AFTER_HEARTBEATS: Final = 2.5


@dataclass(frozen=True, slots=True)
class Repetition:
    """The answer to a nack.

    Attributes:
        replies: What to send, in order.
        lost: First and last number that cannot be sent again; None if all can.
    """

    replies: tuple[Gap | Retransmission, ...]
    lost: tuple[int, int] | None


class Link:
    """The state that both ends of a connection keep.

    Args:
        log: Keeps what was sent.
        now: When the connection was opened.

    Attributes:
        receiver: How far the peer's frames have arrived.
        last_sent: Number of the newest numbered frame; 0 before the first.
        heard_at: When the peer last said anything.
        heartbeat_s: How often each side says something.
    """

    def __init__(self, log: SentLog, *, now: float, heartbeat_s: float) -> None:
        self.receiver = ReceiveCounter()
        self.last_sent = 0
        self.heard_at = now
        self.heartbeat_s = heartbeat_s
        self._log = log
        self._acks = AckCadence()
        self._clock = ClockFilter()
        self._pings = 0
        self._ping_at = now

    # Out.

    def next_number(self) -> int:
        """Take the next number."""
        self.last_sent = successor(self.last_sent)
        return self.last_sent

    def riding_ack(self, event: object) -> int | None:
        """The acknowledgement that a text message carries; always one if it is an `Ack`."""
        is_ack = isinstance(event, Ack)
        if not self.receiver.counting or not (is_ack or self._acks.pending):
            return None
        self._acks.acknowledged()
        return self.receiver.recv

    def keep(self, seq: int, sealed: str | bytes, size: int, now: float) -> None:
        """Keep a numbered frame, so that it can be sent again."""
        self._log.append(seq, sealed, size, now)

    def pack(self, frame: Frame, now: float) -> bytes:
        """Number and stamp a binary frame, and keep it."""
        seq = self.next_number()
        packed = pack(
            Frame(frame.stream, seq, frame.pts, wire_clock(now), frame.payload, frame.flags)
        )
        self.keep(seq, packed, len(packed), now)
        return packed

    def stamped(self, event: Event, now: float) -> Event | Ping | Pong:
        """The event with the time at which it leaves, if that is what it tells."""
        match event:
            case Ping():
                return self._clock.ping(now)
            case Pong(t0, t1, _):
                return Pong(t0, t1, wire_clock(now))
            case _:
                return event

    # In.

    def count(self, seq: int, now: float) -> tuple[bool, tuple[LinkReply, ...]]:
        """Judge a numbered frame.

        Returns:
            Whether to take it, and what to answer.
        """
        receipt = self.receiver.admit(seq)
        if receipt is Receipt.ACCEPT:
            return True, self.received(now)
        if receipt is Receipt.GAP:
            return False, (Nack(self.receiver.expected, seq),)
        return False, ()

    def received(self, now: float) -> tuple[LinkReply, ...]:
        """Note that a number of the peer was used up; return an acknowledgement if one is due."""
        if not self._acks.received(now):
            return ()
        self._acks.acknowledged()
        return (Ack(),)

    def acknowledged(self, ack: int) -> None:
        """The peer has everything up to a number.

        Raises:
            MalformedMessage: ``bad_field``, if that was never sent.
        """
        self._check_sent(ack, "ack")
        self._log.acknowledge(ack)

    def repeat(self, nack: Nack) -> Repetition:
        """What the peer misses.

        Raises:
            MalformedMessage: ``bad_field``, if that was never sent.
        """
        self._check_sent(nack.from_, "from")
        if nack.from_ == 0:
            raise MalformedMessage(ErrorCode.BAD_FIELD, "from is 0, which no frame has", "from")
        replay = self._log.since(nack.from_, self.last_sent)
        frames = tuple(Retransmission(frame) for frame in replay.frames)
        if replay.lost is None:
            return Repetition(frames, None)
        return Repetition((Gap(*replay.lost), *frames), replay.lost)

    def _check_sent(self, seq: int, path: str) -> None:
        if is_after(seq, self.last_sent):
            text = f"{path} is {seq}, but {self.last_sent} was the last frame sent"
            raise MalformedMessage(ErrorCode.BAD_FIELD, text, path)

    def skip(self, gap: Gap) -> None:
        """Go on after frames that the peer cannot send again."""
        counting = self.receiver.counting is not False
        if counting and not is_after(gap.from_, self.receiver.expected):
            self.receiver.skip_to(gap.to)

    def answer(self, ping: Ping, now: float) -> Pong:
        """The pong to a ping that just arrived."""
        return Pong(ping.t0, wire_clock(now), wire_clock(now))

    def measured(self, pong: Pong, now: float) -> None:
        """Take a sample of the peer's clock."""
        self._clock.pong(pong, now)

    # Time.

    @property
    def round_trip_s(self) -> float | None:
        """Shortest round trip of the last eight pings, in seconds; None before the first."""
        return self._clock.round_trip_s

    @property
    def clock_offset_ms(self) -> float | None:
        """The peer's clock less ours, in ms; None before the first pong."""
        return self._clock.offset_ms

    def open(self, now: float) -> None:
        """The welcome is spoken: the pings begin."""
        self.heard_at = self._ping_at = now

    @property
    def dead_at(self) -> float:
        """When the peer counts as dead unless it says something."""
        return self.heard_at + self.heartbeat_s * _DEAD_AFTER_HEARTBEATS

    @property
    def deadline(self) -> float:
        """When `due` or `dead_at` has something to say at the latest."""
        times = (self._ping_at, self.dead_at)
        return min(times if self._acks.deadline is None else (*times, self._acks.deadline))

    def due(self, now: float) -> tuple[Ack | Ping, ...]:
        """The acknowledgement and the ping whose time has come."""
        replies: list[Ack | Ping] = []
        if self._acks.deadline is not None and now >= self._acks.deadline:
            self._acks.acknowledged()
            replies.append(Ack())
        if now >= self._ping_at:
            self._pings += 1
            opening = self._pings < _OPENING_PINGS
            self._ping_at = now + (_OPENING_PING_GAP_S if opening else self.heartbeat_s)
            replies.append(Ping(wire_clock(now)))
        return tuple(replies)
