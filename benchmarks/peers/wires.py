"""What goes over the wire to each peer: how a frame is sent, and what an answer means. Pure."""

from __future__ import annotations

import enum
import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from benchmarks.peers.terms import FRAME_SAMPLES, RATE

__all__ = [
    "BotWire",
    "EchoWire",
    "Framing",
    "Heard",
    "Kind",
    "Message",
    "ParleyWire",
    "Wire",
    "WireError",
    "WyomingFraming",
    "WyomingWire",
]

Message: TypeAlias = str | bytes
"""Text or binary, as of a WebSocket."""


class WireError(Exception):
    """A server said what its wire does not know; the message is one line."""


class Kind(enum.Enum):
    """What a message of a server means to a device."""

    READY = "the session may begin"
    AUDIO = "a frame of the reply"
    TURN_ENDED = "the server has decided that the turn is over"
    INTERRUPTED = "the reply stops here"
    FAILED = "the server complains"
    OTHER = "nothing that is measured"


@dataclass(frozen=True, slots=True)
class Heard:
    """One message of a server.

    Attributes:
        kind: What it means.
        samples: Of audio.
        detail: Of a complaint.
        answer: What a device has to answer.
    """

    kind: Kind
    samples: int = 0
    detail: str = ""
    answer: str | None = None


_OTHER: Final = Heard(Kind.OTHER)
_TURN_ENDED: Final = Heard(Kind.TURN_ENDED)
_INTERRUPTED: Final = Heard(Kind.INTERRUPTED)
_READY: Final = Heard(Kind.READY)
_BOT: Final = {"ready": _READY, "turn.stopped": _TURN_ENDED, "interrupt": _INTERRUPTED}
"""What their messages mean."""


class Wire(Protocol):
    """One connection's part of the conversation about bytes."""

    path: str
    """Of the WebSocket's address; of no meaning elsewhere."""
    greets: bool
    """Whether the server says when the session may begin."""

    def opening(self) -> Sequence[Message]:
        """What the device says first."""

    def closing(self) -> Sequence[Message]:
        """What it says last."""

    def frame(self, payload: bytes) -> bytes:
        """The message that carries the microphone's next frame: 20 ms of PCM, 16 kHz."""

    def typed(self, text: str) -> Message:
        """The message of a typed turn.

        Raises:
            WireError: There is no such thing here.
        """

    def read(self, message: Message) -> Heard:
        """What a message of the server means."""


class EchoWire:
    """The floor: what is sent comes back."""

    path = "/"
    greets = False

    def opening(self) -> Sequence[Message]:
        """Nothing."""
        return ()

    def closing(self) -> Sequence[Message]:
        """Nothing."""
        return ()

    def frame(self, payload: bytes) -> bytes:
        """The payload, behind as many bytes as Parley's header has: the same frames."""
        return bytes(_HEADER.size) + payload

    def typed(self, text: str) -> Message:
        """Not here."""
        raise WireError("an echo takes no text")

    def read(self, message: Message) -> Heard:
        """Any message is an answered frame."""
        return Heard(Kind.AUDIO, (len(message) - _HEADER.size) // 2)


class BotWire:
    """Raw PCM both ways and a few messages, as pipecat/server.py and livekit/server.py have it."""

    path = "/ws"
    greets = True

    def opening(self) -> Sequence[Message]:
        """Nothing."""
        return ()

    def closing(self) -> Sequence[Message]:
        """Nothing."""
        return ()

    def frame(self, payload: bytes) -> bytes:
        """The payload."""
        return payload

    def typed(self, text: str) -> Message:
        """Not here."""
        raise WireError("this bot takes no text")

    def read(self, message: Message) -> Heard:
        """Binary is audio; text tells what happened."""
        if isinstance(message, bytes):
            return Heard(Kind.AUDIO, len(message) // 2)
        return _BOT.get(json.loads(message).get("type"), _OTHER)


_HEADER: Final = struct.Struct(">BBHIII")
"""Parley's frame header (protocol/README.md section 2): kind, flags, stream, seq, pts, ts."""
_START: Final = 0x01
_FORMAT: Final = {"codec": "pcm_s16le", "rate": RATE, "frame_ms": 20}
_HELLO: Final = {
    "type": "hello",
    "protocol": 1,
    "client": {"name": "bench-peers", "version": "1"},
    # No loudspeaker is near these recordings: as good as an echo canceller.
    "audio": {"in": [_FORMAT], "out": [_FORMAT], "aec": "device"},
}


class ParleyWire:
    """The simplest device: it does not count, and does not report what it has played."""

    path = "/v1/native"
    greets = True

    def __init__(self) -> None:
        self._pts = 0

    def opening(self) -> Sequence[Message]:
        """The hello."""
        return (json.dumps(_HELLO),)

    def closing(self) -> Sequence[Message]:
        """A ``bye``: nobody comes back to this session."""
        return ('{"type":"bye"}',)

    def frame(self, payload: bytes) -> bytes:
        """Header and payload."""
        header = _HEADER.pack(0x11, 0 if self._pts else _START, 1, 0, self._pts, 0)
        self._pts = self._pts + FRAME_SAMPLES & 0xFFFFFFFF
        return header + payload

    def typed(self, text: str) -> Message:
        """An ``input.text``."""
        return json.dumps({"type": "input.text", "text": text})

    def read(self, message: Message) -> Heard:
        """Binary is audio behind a header; text is an event."""
        if isinstance(message, bytes):
            return Heard(Kind.AUDIO, (len(message) - _HEADER.size) // 2)
        event = json.loads(message)
        match event.get("type"):
            case "welcome":
                return _READY
            case "transcript.final":
                return _TURN_ENDED
            case "interrupt":
                return _INTERRUPTED
            case "error":
                return Heard(Kind.FAILED, detail=str(event.get("message")))
            case "ping":
                answer = {"type": "pong", "t0": event["t0"], "t1": event["t0"], "t2": event["t0"]}
                return Heard(Kind.OTHER, answer=json.dumps(answer))
            case _:
                return _OTHER


class WyomingWire:
    """Chunks of audio as events: a line of JSON, more JSON, PCM (OHF-Voice/wyoming, README)."""

    path = ""
    greets = False

    def __init__(self) -> None:
        self._number = 0

    def opening(self) -> Sequence[Message]:
        """Nothing."""
        return ()

    def closing(self) -> Sequence[Message]:
        """Nothing."""
        return ()

    def frame(self, payload: bytes) -> bytes:
        """An ``audio-chunk`` with all that the package puts into one."""
        data = {"rate": RATE, "width": 2, "channels": 1, "timestamp": self._number * 20}
        self._number += 1
        more = json.dumps(data).encode()
        line = {
            "type": "audio-chunk",
            "version": "1.10.2",
            "data_length": len(more),
            "payload_length": len(payload),
        }
        return json.dumps(line).encode() + b"\n" + more + payload

    def typed(self, text: str) -> Message:
        """Not here."""
        raise WireError("an echo takes no text")

    def read(self, message: Message) -> Heard:
        """The payload of an event."""
        return Heard(Kind.AUDIO, len(message) // 2)


class Framing(Protocol):
    """Cuts a stream of bytes into messages."""

    def feed(self, received: bytes) -> Iterator[bytes]:
        """The messages that are complete now.

        Raises:
            WireError: The bytes are none.
        """


class WyomingFraming:
    """The payloads of Wyoming events, in order."""

    _MOST = 1 << 20

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, received: bytes) -> Iterator[bytes]:
        """See `Framing`."""
        self._rest += received
        while (newline := self._rest.find(b"\n")) >= 0:
            begin, end = self._place(newline)
            if len(self._rest) < end:
                return
            payload, self._rest = self._rest[begin:end], self._rest[end:]
            yield payload

    def _place(self, newline: int) -> tuple[int, int]:
        """Where the payload of the event begins and ends whose first line ends there."""
        try:
            line = json.loads(self._rest[:newline])
            begin = newline + 1 + int(line.get("data_length") or 0)
            end = begin + int(line.get("payload_length") or 0)
        except (ValueError, AttributeError, TypeError) as error:
            raise WireError(f"not a Wyoming event: {self._rest[:60]!r}") from error
        if not newline < begin <= end <= newline + self._MOST:
            raise WireError(f"a Wyoming event of {end - newline} bytes; expected audio")
        return begin, end
