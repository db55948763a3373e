"""A client written from the protocol's text alone, and the rules for every message of the server.

`Peer` shares no code with Parley. Whatever a test does with it, a `Monitor` looks at each message
that comes and notes every sentence of the specification that it breaks; `connect` then fails the
test. The signs § refer to the sections of the native protocol's text.
"""

import asyncio
import json
import re
import struct
import time
import unicodedata
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode

HEADER = struct.Struct(">BBHIII")
START, END, DISCONT, DTX, REPLAY = 1, 2, 4, 8, 16
ALL_FEATURES = ["playout", "captions", "partials", "vad_events", "text_out", "latency"]
PCM = {"codec": "pcm_s16le", "rate": 16000, "frame_ms": 20}
FAST_TURN = {"silence_ms": 300}
FRAME = 960
UTTERANCES = Path("gateway/client/utterances")
WINDOW_SAMPLES = 4 * 16000

UNSEQUENCED = frozenset(("hello", "welcome", "ping", "pong", "ack", "nack", "gap", "goaway", "bye"))
RESERVED = ("type", "seq", "ts", "ack", "id", "re")
# type: (fields that must be there, fields that may be)
FIELDS: dict[str, tuple[str, str]] = {
    "welcome": (
        "protocol session token resume recv send_from audio features time epoch limits "
        "heartbeat_ms server",
        "memory",
    ),
    "session.updated": ("session", ""),
    "state": ("state", ""),
    "speech.started": ("turn stream pts", ""),
    "speech.stopped": ("turn stream pts reason", ""),
    "transcript.partial": ("turn text stable", "confidence"),
    "transcript.final": ("turn item text language", "confidence no_speech words"),
    "response.started": ("response", "turn metadata"),
    "response.text": ("response delta", ""),
    "audio.start": ("stream response item codec rate frame_ms", ""),
    "audio.mark": ("stream pts text i", ""),
    "audio.end": ("stream pts", ""),
    "interrupt": ("stream response reason", ""),
    "history.truncated": ("item heard_text heard_ms total_ms by", ""),
    "response.done": ("response status text usage", "reason item heard"),
    "latency": (
        "turn stop_to_final_ms llm_ttft_ms tts_first_ms stop_to_audio_ms",
        "audio_to_playout_ms",
    ),
    "gap": ("from to", ""),
    "flow": ("stream state", ""),
    "warning": ("code message", ""),
    "error": ("code message fatal", "retry_after_ms details"),
    "ack": ("", ""),
    "nack": ("from to", ""),
    "ping": ("t0", ""),
    "pong": ("t0 t1 t2", ""),
    "goaway": ("left_ms reason resume", ""),
    "bye": ("", "reason"),
}
FEATURE_OF = {
    "audio.mark": "captions",
    "transcript.partial": "partials",
    "speech.started": "vad_events",
    "speech.stopped": "vad_events",
    "latency": "latency",
    "hold": "hold",
    "tool.call": "tools",
    "tool.cancel": "tools",
}
CHOICES = {
    ("state", "state"): {"idle", "listening", "thinking", "speaking", "tool"},
    ("speech.stopped", "reason"): {"silence", "commit", "gap", "max"},
    ("interrupt", "reason"): {"speech", "client", "superseded", "error"},
    ("history.truncated", "by"): {"playout", "estimate"},
    ("response.done", "status"): {"completed", "cancelled", "incomplete", "failed"},
    ("flow", "state"): {"pause", "resume"},
}
IDS = {"session": "s_", "turn": "t_", "response": "r_", "item": "i_", "call_id": "c_"}
ERRORS = frozenset(
    (
        "bad_json", "bad_event", "bad_field", "missing_field", "bad_frame", "unsupported",
        "unsupported_codec", "unsupported_rate", "unauthorized", "forbidden", "unknown_preset",
        "resume_denied", "seq_gap", "too_large", "rate_limited", "window_exceeded", "busy",
        "queue_timeout", "no_active_response", "response_active", "unknown_item", "unknown_call",
        "tool_timeout", "tool_failed", "stt_failed", "llm_failed", "tts_failed", "model_loading",
        "session_expired", "idle_timeout", "internal",
    )
)  # fmt: skip
# §13 gives an unsupported major version a close code (4426) but no error code: any is taken there.


def recording(name: str) -> np.ndarray:
    """A recorded utterance, int16 mono at 16 kHz, padded to whole frames."""
    with wave.open(str(UTTERANCES / f"{name}.wav")) as file:
        assert (file.getframerate(), file.getnchannels()) == (16000, 1)
        audio = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return np.concatenate([audio, silence_samples(-len(audio) % FRAME)])


def silence_samples(count: int) -> np.ndarray:
    return np.zeros(count, np.int16)


def silence(seconds: float) -> np.ndarray:
    return silence_samples(round(seconds * 16000 / FRAME) * FRAME)


def clock_ms() -> int:
    return int(time.monotonic() * 1000) & 0xFFFFFFFF


def pack(
    *,
    flags: int,
    seq: int,
    pts: int,
    ts: int,
    stream: int = 1,
    payload: bytes = b"",
    head: int = 0x11,
) -> bytes:
    return HEADER.pack(head, flags, stream, seq, pts, ts) + payload


def opus_samples(packet: bytes, rate: int) -> int:
    """Samples in an Opus packet, from its TOC octet (RFC 6716, section 3.1)."""
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        duration = (10, 20, 40, 60)[config % 4]
    elif config < 16:
        duration = (10, 20)[config % 2]
    else:
        duration = (2.5, 5, 10, 20)[config % 4]
    count = packet[1] & 63 if code == 3 else min(code, 1) + 1
    return round(duration * count * rate / 1000)


@dataclass(frozen=True, slots=True)
class Event:
    """A text message from the server."""

    body: dict[str, Any]
    at: float

    @property
    def type(self) -> str:
        return self.body["type"]

    def __getitem__(self, name: str) -> Any:
        return self.body[name]

    def get(self, name: str) -> Any:
        return self.body.get(name)

    def has(self, **fields: Any) -> bool:
        return all(self.body.get(name) == value for name, value in fields.items())


@dataclass(frozen=True, slots=True)
class Frame:
    """A binary message from the server."""

    head: int
    flags: int
    stream: int
    seq: int
    pts: int
    ts: int
    payload: bytes
    at: float
    type: str = "frame"

    def has(self, **fields: Any) -> bool:
        return all(getattr(self, name) == value for name, value in fields.items())


@dataclass(slots=True)
class Downlink:
    """What the monitor knows of one stream of the server."""

    start: Event
    sent: int = 0
    frames: int = 0
    marks: int = 0
    mark_pts: int = 0
    ended: bool = False
    reported: bool = False


@dataclass(slots=True)
class Monitor:
    """Holds every message of one connection to the sentences that bind all of them."""

    max_text: int = 8192
    max_binary: int = 4096
    features: frozenset[str] = frozenset()
    broken: list[str] = field(default_factory=list)
    seq: int = 0
    acknowledged: int = 0
    sent_seq: int = 0
    welcome: Event | None = None
    streams: dict[int, Downlink] = field(default_factory=dict)
    flushed: int = 0
    responses: dict[str, str] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    turns: dict[str, str] = field(default_factory=dict)
    onsets: dict[str, int] = field(default_factory=dict)
    clock: int = 0

    def note(self, holds: bool, sentence: str) -> None:
        if not holds:
            self.broken.append(sentence)

    # -- text -----------------------------------------------------------------------------------

    def text(self, message: str, event: Event) -> None:
        body = event.body
        size = len(message.encode())
        self.note(size <= self.max_text, f"§1 text of {size} bytes above the client's max_text")
        self.note(unicodedata.is_normalized("NFC", message), f"§3 text is not NFC: {message[:200]}")
        self._envelope(body)
        if event.type not in FIELDS:
            self.note(False, f"§5 does not know {message[:200]}")
            return
        needed, allowed = (names.split() for names in FIELDS[event.type])
        own = [name for name in body if name not in RESERVED]
        missing = set(needed) - set(own) - set(body.get("omitted", ()))
        self.note(not missing, f"§5 {sorted(missing)} missing in {message[:300]}")
        extra = set(own) - set(needed) - set(allowed) - {"omitted"}
        self.note(not extra, f"§5 {sorted(extra)} not documented in {message[:300]}")
        for name, value in body.items():
            if (event.type, name) in CHOICES:
                self.note(value in CHOICES[event.type, name], f"§5 {event.type}.{name}: {value}")
            if name in IDS and isinstance(value, str):
                self.note(
                    bool(re.fullmatch(IDS[name] + "[a-z2-7A-Z]{16}", value)), f"§5 {name}: {value}"
                )
        feature = FEATURE_OF.get(event.type)
        self.note(
            feature is None or feature in self.features,
            f"§4 {event.type} without the feature {feature}",
        )
        method = getattr(self, "_" + event.type.replace(".", "_"), None)
        if method is not None and not missing:
            method(event)

    def _envelope(self, body: dict[str, Any]) -> None:
        kind = body["type"]
        places = [name in RESERVED for name in body]
        self.note(places == sorted(places, reverse=True), f"§3 reserved keys first: {list(body)}")
        self.note(
            all(re.fullmatch(r"[a-z0-9_]+", name) for name in body), f"§3 snake_case: {list(body)}"
        )
        ts = body.get("ts")
        self.note(type(ts) is int and 0 <= ts < 2**32, f"§3 ts is required from the server: {body}")
        bare = kind in UNSEQUENCED or (
            kind == "error" and (self.welcome is None or body.get("fatal") is True)
        )
        self.note(("seq" in body) != bare, f"§3 seq in {body}"[:300])
        if "seq" in body:
            self._count(body["seq"], ts)
        if "ack" in body:
            ack = body["ack"]
            self.note(self.acknowledged <= ack <= self.sent_seq, f"§3 ack {ack} of {self.sent_seq}")
            self.acknowledged = max(self.acknowledged, ack)

    def _count(self, seq: int, ts: int) -> None:
        self.note(seq == self.seq + 1, f"§3 seq {seq} after {self.seq}")
        self.seq = seq
        self.note(ts >= self.clock, f"§3 ts {ts} after {self.clock}: not one monotonic clock")
        self.clock = ts

    def _welcome(self, event: Event) -> None:
        self.note(self.welcome is None, "§4 a second welcome")
        self.welcome = event
        self.features = frozenset(event["features"])

    def _error(self, event: Event) -> None:
        known = event["code"] in ERRORS or self.welcome is None
        self.note(known, f"§13 does not know the code {event['code']}")

    def _speech_started(self, event: Event) -> None:
        self.note(event["turn"] not in self.onsets, f"§5 speech.started twice: {event['turn']}")
        self.onsets[event["turn"]] = event["pts"]

    def _speech_stopped(self, event: Event) -> None:
        onset = self.onsets.get(event["turn"])
        self.note(onset is not None, "§5 speech.stopped without speech.started")
        lasted = (event["pts"] - (onset or 0)) % 2**32  # serial numbers (§2)
        self.note(lasted < 2**31, "§5 speech stopped before it started")

    def _transcript_partial(self, event: Event) -> None:
        self.note(0 <= event["stable"] <= len(event["text"]), f"§5 stable {event['stable']}")
        before = self.turns.get(event["turn"], "")
        self.note(event["text"].startswith(before), f"§5 stable text changed: {before!r}")
        self.turns[event["turn"]] = event["text"][: event["stable"]]

    def _transcript_final(self, event: Event) -> None:
        self.note(self.turns.get(event["turn"]) != "\0", "§5 a second transcript.final of a turn")
        self.turns[event["turn"]] = "\0"

    def _response_started(self, event: Event) -> None:
        if event.get("re") is None:
            self.note(event["response"] not in self.responses, "§5 response.started twice")
        self.responses.setdefault(event["response"], "")

    def _response_text(self, event: Event) -> None:
        self.note(event["response"] in self.responses, "§5 response.text before response.started")
        self.responses[event["response"]] = (
            self.responses.get(event["response"], "") + event["delta"]
        )

    def _response_done(self, event: Event) -> None:
        name = event["response"]
        self.note(name in self.responses, "§5 response.done before response.started")
        self.note(name not in self.done, "§5 a second response.done")
        self.done.add(name)
        self.note(set(event["usage"]) == {"in", "out", "cached"}, f"§5 usage {event['usage']}")
        text = self.responses.get(name)
        if event["status"] == "completed" and text and event.get("text") is not None:
            whole = text.strip() == event["text"].strip()
            self.note(whole, f"§5 response.text adds up to {text!r}")
        if event["status"] == "cancelled":
            self.note(event.get("reason") is not None, "§5 cancelled without a reason")

    def _audio_start(self, event: Event) -> None:
        assert self.welcome is not None
        wanted = self.welcome["audio"]["out"]
        self.note(wanted is not None, "§5 audio.start without an output format")
        given = {name: event[name] for name in ("codec", "rate", "frame_ms")}
        self.note(given == wanted, f"§4 audio.start has {given}, agreed was {wanted}")
        self.note(0x100 <= event["stream"] <= 0xFFFF, f"§2 server stream {event['stream']}")
        last = max(self.streams, default=0xFF)
        self.note(event["stream"] > last, f"§2 stream {event['stream']} after {last}")
        self.note(event["response"] in self.responses, "§5 audio.start before response.started")
        open_ones = [s for s, d in self.streams.items() if not d.ended and s > self.flushed]
        self.note(not open_ones, f"§2.1 audio.start while {open_ones} are open")
        self.streams[event["stream"]] = Downlink(event)

    def _audio_mark(self, event: Event) -> None:
        stream = self.streams.get(event["stream"])
        if stream is None:
            self.note(False, "§5 audio.mark before audio.start")
            return
        self.note(event["i"] == stream.marks, f"§5 mark {event['i']} after {stream.marks} marks")
        self.note(event["pts"] >= stream.sent, "§5 audio.mark after the frame with its pts")
        self.note(event["pts"] >= stream.mark_pts, "§5 marks go back")
        self.note(event["i"] > 0 or event["pts"] == 0, f"§5 the first mark lies at {event['pts']}")
        stream.marks += 1
        stream.mark_pts = event["pts"]

    def _audio_end(self, event: Event) -> None:
        stream = self.streams.get(event["stream"])
        right = stream is not None and stream.ended and not stream.reported
        self.note(right, "§5 audio.end is not right behind END")
        if stream is not None:
            stream.reported = True
            self.note(
                event["pts"] == stream.sent, f"§5 audio.end {event['pts']}, not {stream.sent}"
            )

    def _interrupt(self, event: Event) -> None:
        stream = self.streams.get(event["stream"])
        self.note(stream is not None, "§5 interrupt of a stream that never started")
        self.flushed = max(self.flushed, event["stream"])

    def _history_truncated(self, event: Event) -> None:
        self.note(0 <= event["heard_ms"] <= event["total_ms"], f"§8 {event.body}")
        items = {stream.start["item"] for stream in self.streams.values()}
        self.note(event["item"] in items, "§8 history.truncated of an item without audio")

    # -- binary ---------------------------------------------------------------------------------

    def frame(self, frame: Frame) -> None:
        size = HEADER.size + len(frame.payload)
        self.note(size <= self.max_binary, f"§1 frame of {size} bytes above max_binary")
        self.note(frame.head == 0x11, f"§2 version and kind {frame.head:#x}")
        self.note(not frame.flags & 0xE0, "§2 reserved flags are zero on send")
        self.note(not frame.flags & REPLAY, "§2 REPLAY without a resume")
        self._count(frame.seq, frame.ts)
        stream = self.streams.get(frame.stream)
        if stream is None:
            self.note(False, "§5 frame before audio.start")
            return
        self.note(frame.stream > self.flushed, "§5 frame after interrupt")
        self.note(not stream.ended, "§2.1 frame after END")
        self.note(bool(frame.flags & START) == (stream.frames == 0), "§2.1 START is first, only")
        self.note(frame.pts == stream.sent, f"§2 pts {frame.pts}, expected {stream.sent}")
        stream.frames += 1
        stream.ended = bool(frame.flags & END)
        if stream.ended:
            self.note(not frame.payload, "§5 the END frame of the server is empty")
        else:
            self.note(bool(frame.payload) or bool(frame.flags & DTX), "§2 empty payload")
        stream.sent += self.samples(frame)

    def samples(self, frame: Frame) -> int:
        start = self.streams[frame.stream].start
        if not frame.payload:
            return 0
        if start["codec"] == "opus":
            count = opus_samples(frame.payload, start["rate"])
        elif start["codec"] == "pcm_s16le":
            self.note(len(frame.payload) % 2 == 0, "§2 PCM has whole samples")
            count = len(frame.payload) // 2
        else:
            count = len(frame.payload)
        self.note(count <= start["rate"] * 0.12, f"§2 a frame of {count} samples is above 120 ms")
        return count


class Peer:
    """One connection; keeps all that came in ``log`` and, unless told not to, plays at once.

    Args:
        plays: Report every frame as heard when it comes (feature ``playout``).
        numbered: Count, as §3 wants it; else the client is an unsequenced one.
        pongs: Answer pings.
    """

    def __init__(
        self, socket: Any, *, plays: bool = True, numbered: bool = True, pongs: bool = True
    ) -> None:
        self.socket = socket
        self.plays = plays
        self.numbered = numbered
        self.pongs = pongs
        self.log: list[Event | Frame] = []
        self.monitor = Monitor()
        self.seq = 0
        self.pts = 0
        self.unacknowledged: list[tuple[int, int]] = []
        self.closed = False
        self._commands = 0
        self._changed = asyncio.Event()

    # -- out ------------------------------------------------------------------------------------

    def _next(self) -> int:
        self.seq += 1
        self.monitor.sent_seq = max(self.monitor.sent_seq, self.seq)
        return self.seq

    async def raw(self, message: str | bytes, *, counts: bool = False) -> int:
        """Send anything; ``counts`` if it uses up a sequence number."""
        seq = self._next() if counts and self.numbered else 0
        await self.socket.send(message)
        return seq

    async def send(self, kind: str, **fields: Any) -> int:
        """Send an event and return its seq (0 for none)."""
        seq = 0
        if kind not in UNSEQUENCED and self.numbered and "seq" not in fields:
            seq = fields["seq"] = self._next()
        self.monitor.sent_seq = max(self.monitor.sent_seq, fields.get("seq", 0))
        await self.socket.send(json.dumps({"type": kind, **fields}, ensure_ascii=False))
        return seq

    async def command(self, kind: str, **fields: Any) -> Event:
        """Send a command with an id and return what answers it."""
        self._commands += 1
        name = fields.setdefault("id", f"command-{self._commands}")
        at = len(self.log)
        await self.send(kind, **fields)
        return await self.until(re=name, after=at)

    async def barrier(self) -> Event:
        """Return when the server has dealt with everything sent so far."""
        return await self.command("session.update", session={})

    async def hello(self, *, wait: bool = True, **changes: Any) -> Event:
        body: dict[str, Any] = {
            "protocol": 1,
            "client": {"name": "checker", "version": "1"},
            "audio": {"in": [PCM], "out": [PCM], "aec": "device"},
            "features": ALL_FEATURES,
            "session": {"turn": FAST_TURN},
            **changes,
        }
        limits = body.get("limits", {})
        self.monitor.max_text = limits.get("max_text", 8192)
        self.monitor.max_binary = limits.get("max_binary", 4096)
        await self.send(
            "hello", **{name: value for name, value in body.items() if value is not None}
        )
        return await self.until("welcome") if wait else Event({}, 0.0)

    async def frame(
        self, payload: bytes, samples: int = 0, *, flags: int | None = None, **header: int
    ) -> int:
        """Send an audio frame; ``pts``, ``seq``, ``stream``, ``head`` override the usual ones."""
        if flags is None:
            flags = START if self.pts == 0 else 0
        if "seq" not in header:
            header["seq"] = self._next() if self.numbered else 0
        header.setdefault("pts", self.pts)
        self.pts = (header["pts"] + samples) % 2**32
        self.unacknowledged.append((header["seq"], samples))
        await self.socket.send(pack(flags=flags, ts=clock_ms(), payload=payload, **header))
        return header["seq"]

    async def speak(self, audio: np.ndarray, *, frame: int = FRAME, **header: int) -> None:
        """Send PCM at once, but never more than the unacknowledged window."""
        for at in range(0, len(audio), frame):
            piece = audio[at : at + frame]
            await self._window()
            await self.frame(piece.astype("<i2").tobytes(), len(piece), **header)
        await asyncio.sleep(0)

    async def _window(self) -> None:
        async with asyncio.timeout(10):
            while self.numbered and self._outstanding() > WINDOW_SAMPLES:
                await self._wait()

    def _outstanding(self) -> int:
        left = [x for x in self.unacknowledged if x[0] > self.monitor.acknowledged]
        self.unacknowledged = left
        return sum(samples for _, samples in left)

    async def close(self) -> None:
        """Close the connection, and read what is still under way."""
        # An answer would wait for the end of the closing handshake, which waits for the reader.
        self.plays = self.pongs = False
        await self.socket.close()

    # -- in -------------------------------------------------------------------------------------

    async def listen(self) -> None:
        try:
            async for message in self.socket:
                await self._take(message)
                self._changed.set()
        except websockets.ConnectionClosed:
            pass
        finally:
            self.closed = True
            self._changed.set()

    async def _take(self, message: str | bytes) -> None:
        at = time.monotonic()
        if isinstance(message, bytes):
            frame = Frame(*HEADER.unpack_from(message), message[HEADER.size :], at)
            self.monitor.frame(frame)
            self.log.append(frame)
            if self.plays and "playout" in self.monitor.features:
                await self._report(frame)
            return
        event = Event(json.loads(message), at)
        self.monitor.text(message, event)
        self.log.append(event)
        if event.type == "ping" and self.pongs:
            await self._react("pong", t0=event["t0"], t1=clock_ms(), t2=clock_ms())

    async def _report(self, frame: Frame) -> None:
        if frame.stream in self.monitor.streams:
            state = "done" if frame.flags & END else "playing"
            pts = self.monitor.streams[frame.stream].sent
            await self._react("playout", stream=frame.stream, pts=pts, state=state)

    async def _react(self, kind: str, **fields: Any) -> None:
        with suppress(websockets.ConnectionClosed):  # what came before the end is still to be read
            await self.send(kind, **fields)

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def until(
        self, kind: str = "", *, within: float = 15.0, after: int = 0, **fields: Any
    ) -> Any:
        """The first message from index ``after`` on with this type and these fields."""
        try:
            async with asyncio.timeout(within):
                while True:
                    for message in self.log[after:]:
                        if (not kind or message.type == kind) and _has(message, fields):
                            return message
                    if self.closed:
                        raise AssertionError(f"closed before {kind} {fields}: {self.story()}")
                    await self._wait()
        except TimeoutError:
            raise AssertionError(f"no {kind} {fields} in {self.story()}") from None

    async def close_code(self, *, within: float = 10.0) -> int:
        """Wait until the server closes; return its close code."""
        async with asyncio.timeout(within):
            while not self.closed:
                await self._wait()
        assert self.socket.close_code is not None
        return self.socket.close_code

    def all(self, kind: str, *, after: int = 0, **fields: Any) -> list[Any]:
        return [m for m in self.log[after:] if m.type == kind and _has(m, fields)]

    def place(self, kind: str, *, after: int = 0, **fields: Any) -> int:
        """Index in the log of the first such message."""
        found = [
            at
            for at, m in enumerate(self.log)
            if at >= after and m.type == kind and _has(m, fields)
        ]
        assert found, f"no {kind} {fields} in {self.story()}"
        return found[0]

    def order(self, *leave_out: str, after: int = 0) -> list[str]:
        """Types in the order they came, runs of the same type once, housekeeping left out."""
        types = [
            "END" if isinstance(m, Frame) and m.flags & END else m.type
            for m in self.log[after:]
            if m.type not in {"ping", "pong", "ack", "latency", *leave_out}
        ]
        return [kind for at, kind in enumerate(types) if at == 0 or types[at - 1] != kind]

    def story(self) -> str:
        return " ".join(
            m.type + (f"({m['code']})" if m.type in ("error", "warning") else "")
            for m in self.log[-60:]
        )

    def sent(self, stream: int) -> int:
        """Samples that came on a stream of the server."""
        return self.monitor.streams[stream].sent


def _has(message: Event | Frame, fields: dict[str, Any]) -> bool:
    if isinstance(message, Frame):
        return "re" not in fields and "id" not in fields and message.has(**fields)
    return message.has(**fields)


class _Connection(ClientConnection):
    """Looks at the frames of RFC 6455, too."""

    fragments = 0

    def process_event(self, event: Any) -> None:
        if isinstance(event, WireFrame):
            self.fragments += event.opcode is Opcode.CONT or not event.fin
        super().process_event(event)


@asynccontextmanager
async def connect(url: str, *, watched: bool = True, **options: Any) -> AsyncIterator[Peer]:
    """A connected `Peer`; on leaving, the test fails for every rule the server broke.

    Args:
        url: Of the server.
        watched: False where the test itself provokes what the monitor would note.
        options: Of `Peer`; others go to ``websockets.connect``.
    """
    own = {name: options.pop(name) for name in ("plays", "numbered", "pongs") if name in options}
    usual = {"subprotocols": ["parley.v1"], "compression": None, "max_size": 2**22}
    wire = {**usual, "create_connection": _Connection, **options}
    async with websockets.connect(url, **wire) as socket:
        peer = Peer(socket, **own)
        listener = asyncio.create_task(peer.listen())
        try:
            yield peer
        finally:
            await peer.close()
            peer.monitor.note(not socket.fragments, "§1 the server never sends fragments")
            await asyncio.wait({listener})
    listener.result()
    if watched:
        assert not peer.monitor.broken, "\n".join(peer.monitor.broken)


@asynccontextmanager
async def talking(
    url: str, *, hello: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[Peer]:
    """A `Peer` that has been welcomed."""
    async with connect(url, **options) as peer:
        await peer.hello(**(hello or {}))
        yield peer
