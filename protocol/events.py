"""Every message of the native protocol, as a frozen value.

A class is named after its wire type (``speech.started`` is `SpeechStarted`; ``error`` and
``warning`` are `ErrorReport` and `WarningReport`, so as not to hide Python's own names). Its
attributes are the fields on the wire, under the same names; ``from_`` and ``in_`` stand for the
two that are keywords in Python. An optional field that is None does not appear on the wire; a
field without a default appears always, as null where it is None. Sequence number, time stamp,
acknowledgement, ``id`` and ``re`` belong to the envelope (`protocol.codec.Envelope`), not to the
message; `Ack` and `ErrorReport` keep a ``re``, because it is all that they may have to say.

The types carry the permitted values (`protocol.constraints`): the codec checks them and the JSON
Schemas are generated from them, so that there is one source for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple, TypeAlias, get_args

from protocol.audio import AudioFormat, Encoding
from protocol.constraints import (
    UNSET,
    AudioRate,
    Identifier,
    Length,
    Milliseconds,
    Pattern,
    Range,
    StreamId,
    Uint32,
    Unset,
)

__all__ = [
    "CLIENT_TYPES",
    "SERVER_TYPES",
    "UNSET",
    "Ack",
    "Answer",
    "AudioEnd",
    "AudioEnded",
    "AudioFrame",
    "AudioInterrupted",
    "AudioMark",
    "AudioOffer",
    "AudioOpen",
    "AudioReceived",
    "AudioStart",
    "Bye",
    "ClientEvent",
    "ClientInfo",
    "ClientLimits",
    "ClientMessage",
    "ErrorReport",
    "Flow",
    "FormatOffer",
    "Gap",
    "Goaway",
    "Hello",
    "HistoryTruncated",
    "Hold",
    "InputText",
    "Interrupt",
    "ItemCreate",
    "ItemDelete",
    "Json",
    "JsonObject",
    "Latency",
    "Limits",
    "Nack",
    "Ping",
    "Playout",
    "Pong",
    "ResponseCancel",
    "ResponseCreate",
    "ResponseDone",
    "ResponseStarted",
    "ResponseText",
    "ResumeRequest",
    "Retransmission",
    "ServerEvent",
    "ServerInfo",
    "ServerMessage",
    "SessionFields",
    "SessionSettings",
    "SessionUpdate",
    "SessionUpdated",
    "Snapshot",
    "SnapshotItem",
    "SpeechStarted",
    "SpeechStopped",
    "State",
    "ToolCall",
    "ToolCancel",
    "ToolDefinition",
    "ToolError",
    "ToolResult",
    "TranscriptFinal",
    "TranscriptPartial",
    "TurnCancel",
    "TurnCommit",
    "TurnFields",
    "TurnSettings",
    "TurnStart",
    "Unset",
    "Usage",
    "WarningReport",
    "Welcome",
    "WelcomeAudio",
    "WelcomeTime",
    "wire_type",
]

Json: TypeAlias = Any
"""Any JSON value; the depth is bounded by the codec."""

JsonObject: TypeAlias = Mapping[str, Any]
"""A JSON object whose fields are the user's own."""

TurnMode: TypeAlias = Literal["vad", "manual", "off"]
Eagerness: TypeAlias = Literal["low", "medium", "high"]
OutputMode: TypeAlias = Literal["audio", "text"]
EchoCancellation: TypeAlias = Literal["none", "device", "server"]
Role: TypeAlias = Literal["user", "assistant", "system"]
AgentState: TypeAlias = Literal["idle", "listening", "thinking", "speaking", "tool"]
PlayoutState: TypeAlias = Literal["start", "playing", "done", "flushed", "stalled"]

Language = Annotated[str, Pattern(r"[a-z]{2,3}|auto", 'a BCP 47 primary tag or "auto"')]
FrameMs = Annotated[float, Range(2.5, 120)]
Probability = Annotated[float, Range(0, 1)]
Text = Annotated[str, Length(1)]
Name = Annotated[str, Length(1, 128)]
Count = Annotated[int, Range(0)]


# The hello and what it holds.


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """Who connects; for logs only."""

    name: Annotated[str, Length(0, 128)]
    version: Annotated[str, Length(0, 128)]
    device_id: Annotated[str, Length(0, 128)] | None = None
    platform: Annotated[str, Length(0, 128)] | None = None


@dataclass(frozen=True, slots=True)
class FormatOffer:
    """A format that a client can use; codec and rate may be unknown to this version."""

    codec: str
    rate: Annotated[int, Range(1)]
    frame_ms: FrameMs


@dataclass(frozen=True, slots=True)
class AudioOffer:
    """The audio part of a hello.

    Attributes:
        in_: Formats for speech to the server, best first; empty for text only.
        out: Formats for speech from the server, best first; empty for text only.
        out_buffer_ms: How much audio the client can hold unplayed.
        out_start_ms: How long the client buffers before it begins to play.
        aec: Where the echo of the agent's own voice is removed from the microphone.
    """

    in_: tuple[FormatOffer, ...] = ()
    out: tuple[FormatOffer, ...] = ()
    out_buffer_ms: Annotated[int, Range(0, 600_000)] = 2400
    out_start_ms: Annotated[int, Range(0, 60_000)] = 120
    aec: EchoCancellation = "none"


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """What a client can take: bytes of a text frame, and of a binary frame with its header."""

    max_text: Annotated[int, Range(2048)] = 8192
    max_binary: Annotated[int, Range(256)] = 4096
    uplink_replay_ms: Milliseconds = 0


@dataclass(frozen=True, slots=True)
class ResumeRequest:
    """The wish to continue an earlier session."""

    session: str
    token: str
    recv: Uint32
    replay: Literal["all", "events", "none"] = "all"


# Session settings: as asked for (every leaf may be absent) and as in effect.


@dataclass(frozen=True, slots=True)
class TurnFields:
    """Changes to turn taking; `UNSET` leaves as it is, None resets.

    In ``silence_ms`` and ``idle_ms`` None is a value: adaptive, and never.
    """

    mode: TurnMode | Unset | None = UNSET
    threshold: Annotated[float, Range(0.1, 0.95)] | Unset | None = UNSET
    prefix_ms: Annotated[int, Range(0, 1000)] | Unset | None = UNSET
    silence_ms: Annotated[int, Range(200, 3000)] | Unset | None = UNSET
    eagerness: Eagerness | Unset | None = UNSET
    interrupt: bool | Unset | None = UNSET
    min_interrupt_ms: Annotated[int, Range(0, 2000)] | Unset | None = UNSET
    idle_ms: Annotated[int, Range(1)] | Unset | None = UNSET
    backchannel: bool | Unset | None = UNSET


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A tool that the agent may call; ``parameters`` is a JSON Schema."""

    name: Annotated[str, Length(1, 64)]
    description: str
    parameters: JsonObject
    timeout_ms: Annotated[int, Range(1)] = 10_000


@dataclass(frozen=True, slots=True)
class SessionFields:
    """Changes to a session; `UNSET` leaves as it is, None resets to the server's default.

    In ``greeting`` None is a value: the agent does not speak first.
    """

    instructions: str | Unset | None = UNSET
    preset: Name | Unset | None = UNSET
    language: Language | Unset | None = UNSET
    voice: Name | Unset | None = UNSET
    speed: Annotated[float, Range(0.5, 2.0)] | Unset | None = UNSET
    greeting: str | Unset | None = UNSET
    output: OutputMode | Unset | None = UNSET
    turn: TurnFields | Unset | None = UNSET
    tools: tuple[ToolDefinition, ...] | Unset | None = UNSET
    tool_choice: Json | Unset | None = UNSET
    max_tokens: Annotated[int, Range(1, 1000000)] | Unset | None = UNSET
    temperature: Annotated[float, Range(0, 2)] | Unset | None = UNSET
    metadata: JsonObject | Unset | None = UNSET


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """Turn taking in effect; ``silence_ms`` None is adaptive, ``idle_ms`` None never."""

    written_in_full: ClassVar = True

    mode: TurnMode = "vad"
    threshold: float = 0.5
    prefix_ms: int = 500
    silence_ms: int | None = None
    eagerness: Eagerness = "medium"
    interrupt: bool = True
    min_interrupt_ms: int = 250
    idle_ms: int | None = None
    backchannel: bool = False


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """A session's settings in effect, all of them: what is None appears as null on the wire."""

    written_in_full: ClassVar = True

    instructions: str
    language: str
    output: OutputMode
    turn: TurnSettings
    preset: str | None = None
    voice: str | None = None
    speed: float = 1.0
    greeting: str | None = None
    tools: tuple[ToolDefinition, ...] = ()
    tool_choice: Json = None
    max_tokens: int | None = None
    temperature: float | None = None
    metadata: JsonObject = field(default_factory=dict)


# Client to server.


@dataclass(frozen=True, slots=True)
class Hello:
    """A client's first message."""

    protocol: int
    client: ClientInfo
    audio: AudioOffer = AudioOffer()
    features: tuple[str, ...] = ()
    limits: ClientLimits = ClientLimits()
    token: str | None = None
    session: SessionFields | None = None
    preset: Name | None = None
    resume: ResumeRequest | None = None


@dataclass(frozen=True, slots=True)
class SessionUpdate:
    """Change settings; answered by `SessionUpdated`."""

    session: SessionFields


@dataclass(frozen=True, slots=True)
class AudioOpen:
    """Announce a stream whose format is not the agreed one, or a second stream."""

    stream: Annotated[int, Range(1, 0xFF)]
    codec: Encoding
    rate: AudioRate
    frame_ms: FrameMs
    role: Literal["mic", "ref"]


@dataclass(frozen=True, slots=True)
class TurnStart:
    """Push-to-talk, pressed; ``pts`` is the turn's first sample, the next frame's if absent."""

    stream: StreamId | None = None
    pts: Uint32 | None = None


@dataclass(frozen=True, slots=True)
class TurnCommit:
    """Push-to-talk, released; ``pts`` is one past the last sample, what was received if absent."""

    stream: StreamId | None = None
    pts: Uint32 | None = None


@dataclass(frozen=True, slots=True)
class TurnCancel:
    """Push-to-talk, given up: the open utterance is dropped without a final."""

    stream: StreamId | None = None
    pts: Uint32 | None = None


@dataclass(frozen=True, slots=True)
class InputText:
    """A typed turn."""

    text: Text
    respond: bool = True
    role: Role = "user"


@dataclass(frozen=True, slots=True)
class ResponseCreate:
    """The agent shall speak now: a given text, or what the model says to the instructions."""

    say: Text | None = None
    instructions: str | None = None
    tools: tuple[ToolDefinition, ...] | None = None
    tool_choice: Json | None = None
    out_of_band: bool | None = None
    metadata: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class ResponseCancel:
    """Stop a response; the current one if ``response`` is absent."""

    response: Identifier | None = None


@dataclass(frozen=True, slots=True)
class Playout:
    """What the user has heard of a stream: ``pts`` samples are past the loudspeaker."""

    stream: StreamId
    pts: Uint32
    state: PlayoutState
    buffered_ms: Milliseconds | None = None


@dataclass(frozen=True, slots=True)
class ToolError:
    """Why a tool failed."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A tool's answer: exactly one of ``output`` and ``error``."""

    call_id: Identifier
    output: Json | Unset = UNSET
    error: ToolError | None = None


@dataclass(frozen=True, slots=True)
class ItemDelete:
    """Remove an item from history."""

    item: Identifier


@dataclass(frozen=True, slots=True)
class ItemCreate:
    """Add an item to history, after another one or at the end."""

    role: Role
    text: Text
    after: Identifier | None = None


@dataclass(frozen=True, slots=True)
class Bye:
    """The client is leaving; the server ends the session and closes with 1000."""

    reason: str | None = None


# Both directions, all unsequenced.


@dataclass(frozen=True, slots=True)
class Ack:
    """Nothing but the envelope's acknowledgement; ``re`` answers a command that has no reply."""

    re: Identifier | None = None


@dataclass(frozen=True, slots=True)
class Nack:
    """Frames ``from_`` to ``to`` did not arrive: send them again."""

    from_: Uint32
    to: Uint32


@dataclass(frozen=True, slots=True)
class Gap:
    """Frames ``from_`` to ``to`` cannot be sent again: go on after ``to``."""

    from_: Uint32
    to: Uint32


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there; ``t0`` is the sender's clock in ms."""

    t0: Uint32


@dataclass(frozen=True, slots=True)
class Pong:
    """Answer to a ping: its ``t0``, and the answerer's clock at receipt and at sending."""

    t0: Uint32
    t1: Uint32
    t2: Uint32


# Server to client.


@dataclass(frozen=True, slots=True)
class WelcomeAudio:
    """The formats chosen; None where there is no audio in that direction."""

    in_: AudioFormat | None
    out: AudioFormat | None


@dataclass(frozen=True, slots=True)
class WelcomeTime:
    """The server's clocks: ms since 1970, and the ms clock of every ``ts``, at one moment."""

    wall: Count
    ts: Uint32


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server accepts and keeps. Sizes in bytes; a binary frame's with its header."""

    max_text: Annotated[int, Range(2048)] = 65_536
    max_binary: Annotated[int, Range(256)] = 16_384
    max_hello: Annotated[int, Range(1024)] = 16_384
    max_frames_per_s: Annotated[int, Range(1)] = 500
    burst: Annotated[int, Range(1)] = 1000
    max_depth: Annotated[int, Range(1, 64)] = 16
    max_streams: Annotated[int, Range(1, 255)] = 4
    max_instructions: Count = 32_768
    history_items: Annotated[int, Range(1)] = 200
    uplink_window_ms: Milliseconds = 5000
    replay_ms: Milliseconds = 30_000
    replay_bytes: Count = 524_288
    resume_ttl_ms: Milliseconds = 120_000
    session_ttl_ms: Annotated[int, Range(1)] = 14_400_000
    tools: Count = 64


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Name and version of the server."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Welcome:
    """The hello is accepted, and this is what was agreed.

    Attributes:
        recv: Last sequence number that the server has from this client.
        send_from: First sequence number that the server will send.
        epoch: Changes whenever the server cannot prove that its numbers are continuous.
    """

    protocol: int
    session: str
    token: str
    resume: Literal["new", "full", "partial", "expired"]
    recv: Uint32
    send_from: Uint32
    audio: WelcomeAudio
    features: tuple[str, ...]
    time: WelcomeTime
    epoch: str
    limits: Limits
    heartbeat_ms: Annotated[int, Range(1)]
    server: ServerInfo


@dataclass(frozen=True, slots=True)
class SessionUpdated:
    """The settings now in effect."""

    session: SessionSettings


@dataclass(frozen=True, slots=True)
class State:
    """What the agent is doing; drives lights and faces."""

    state: AgentState


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The user began to speak: detected onset less the prefix, on the microphone's time line."""

    turn: Identifier
    stream: StreamId
    pts: Uint32


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The user's utterance ended, and why."""

    turn: Identifier
    stream: StreamId
    pts: Uint32
    reason: Literal["silence", "commit", "gap", "max"]


@dataclass(frozen=True, slots=True)
class TranscriptPartial:
    """What was understood so far; the first ``stable`` code points will not change."""

    turn: Identifier
    text: str
    stable: Count
    confidence: Probability | None = None


@dataclass(frozen=True, slots=True)
class TranscriptFinal:
    """What was understood; ``words`` are (text, first sample, one past the last sample)."""

    turn: Identifier
    item: Identifier
    text: str
    language: str
    confidence: Probability | None = None
    no_speech: bool | None = None
    words: tuple[tuple[str, Uint32, Uint32], ...] | None = None


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """The agent begins to answer."""

    response: Identifier
    turn: Identifier | None = None
    metadata: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class ResponseText:
    """More of the answer's text; runs ahead of the audio."""

    response: Identifier
    delta: str


@dataclass(frozen=True, slots=True)
class AudioStart:
    """Binary frames of this stream follow."""

    stream: StreamId
    response: Identifier
    item: Identifier
    codec: Encoding
    rate: AudioRate
    frame_ms: FrameMs


@dataclass(frozen=True, slots=True)
class AudioMark:
    """The audio of ``text``, segment ``i`` of the answer, begins at ``pts``."""

    stream: StreamId
    pts: Uint32
    text: str
    i: Count


@dataclass(frozen=True, slots=True)
class AudioEnd:
    """The stream is complete, ``pts`` samples long."""

    stream: StreamId
    pts: Uint32


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Stop playing this stream and every older one, now; then report ``flushed``."""

    stream: StreamId
    response: Identifier
    reason: Literal["speech", "client", "superseded", "error"]


@dataclass(frozen=True, slots=True)
class HistoryTruncated:
    """History was cut to what the user heard."""

    item: Identifier
    heard_text: str
    heard_ms: Milliseconds
    total_ms: Milliseconds
    by: Literal["playout", "estimate"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a response: read, written, and of those read how many were already in the cache."""

    in_: Count
    out: Count
    cached: Count


@dataclass(frozen=True, slots=True)
class ResponseDone:
    """The response is produced, or ended otherwise; does not wait for the listener."""

    response: Identifier
    status: Literal["completed", "cancelled", "incomplete", "failed"]
    text: str
    usage: Usage
    reason: str | None = None
    item: Identifier | None = None
    heard: bool | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The agent asks the client to run a tool."""

    call_id: Identifier
    name: str
    arguments: JsonObject
    response: Identifier
    timeout_ms: Milliseconds


@dataclass(frozen=True, slots=True)
class ToolCancel:
    """The answer to this call is no longer wanted."""

    call_id: Identifier
    reason: str


@dataclass(frozen=True, slots=True)
class Latency:
    """Where the time of a turn went, in ms."""

    turn: Identifier
    stop_to_final_ms: Milliseconds
    llm_ttft_ms: Milliseconds
    tts_first_ms: Milliseconds
    stop_to_audio_ms: Milliseconds
    audio_to_playout_ms: Milliseconds | None = None


@dataclass(frozen=True, slots=True)
class SnapshotItem:
    """An item of history."""

    item: Identifier
    role: Literal["user", "assistant", "system", "tool"]
    text: str
    truncated: bool | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where the conversation stands, after frames were lost."""

    items: tuple[SnapshotItem, ...]
    state: AgentState
    response: Identifier | None = None
    stream: StreamId | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Pause playback and keep the buffer, or go on."""

    stream: StreamId
    on: bool


@dataclass(frozen=True, slots=True)
class Flow:
    """Stop or go on sending a stream; the server is overloaded."""

    stream: StreamId
    state: Literal["pause", "resume"]


@dataclass(frozen=True, slots=True)
class WarningReport:
    """Something a human should know; ``code`` is one of `protocol.errors.WarningCode` or newer."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """Something went wrong; ``code`` is one of `protocol.errors.ErrorCode` or newer.

    Attributes:
        fatal: The socket is closed right after.
        re: The ``id`` of the command that caused it.
        details: ``path`` of a bad field, ``seq`` of a message without id, ``ref`` for the log.
    """

    code: str
    message: str
    fatal: bool = False
    re: Identifier | None = None
    retry_after_ms: Milliseconds | None = None
    details: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Goaway:
    """The server will close in ``left_ms``; ``resume`` tells whether to ask for a resumption."""

    left_ms: Milliseconds
    reason: str
    resume: bool = True


# Audio, which is binary on the wire.


class AudioReceived(NamedTuple):
    """One frame of a client's stream.

    Attributes:
        stream: Its stream.
        payload: One Opus packet, or PCM or G.711 samples; empty with ``end`` or ``dtx`` only.
        pts: First sample of the payload, at the stream's rate, counted from 0 at ``start``;
            unwrapped, so it goes on growing beyond 32 bits.
        start: The stream begins here; an utterance that was open on it is to be dropped.
        end: The stream ends after this payload (`AudioEnded` follows).
        dtx: The encoder had nothing to say; an empty payload then lasts one usual frame.
        silence: Samples at the stream's rate, at most one second, to insert before the payload.
    """

    stream: int
    payload: bytes
    pts: int
    start: bool = False
    end: bool = False
    dtx: bool = False
    silence: int = 0


@dataclass(frozen=True, slots=True)
class AudioInterrupted:
    """More than a second is missing: an open utterance ends, and the stream goes on at ``pts``."""

    stream: int
    pts: int


@dataclass(frozen=True, slots=True)
class AudioEnded:
    """The stream is closed; ``pts`` is one past its last sample."""

    stream: int
    pts: int


class AudioFrame(NamedTuple):
    """One frame of the server's speech.

    Attributes:
        stream: Its stream, announced by `AudioStart`.
        pts: First sample of the payload, at the stream's rate.
        payload: One Opus packet, or PCM or G.711 samples; empty with ``end`` only.
        start: First frame of the stream.
        end: Last frame of the stream.
        response: Which response it belongs to; local, not on the wire.
        samples: How long the payload lasts, at the stream's rate; local, not on the wire.
    """

    stream: int
    pts: int
    payload: bytes
    start: bool = False
    end: bool = False
    response: str = ""
    samples: int = 0


ClientMessage: TypeAlias = (
    Hello
    | SessionUpdate
    | AudioOpen
    | TurnStart
    | TurnCommit
    | TurnCancel
    | InputText
    | ResponseCreate
    | ResponseCancel
    | Playout
    | ToolResult
    | ItemDelete
    | ItemCreate
    | Ack
    | Nack
    | Gap
    | Ping
    | Pong
    | Bye
)
"""Everything that a client sends as text."""

ServerMessage: TypeAlias = (
    Welcome
    | SessionUpdated
    | State
    | SpeechStarted
    | SpeechStopped
    | TranscriptPartial
    | TranscriptFinal
    | ResponseStarted
    | ResponseText
    | AudioStart
    | AudioMark
    | AudioEnd
    | Interrupt
    | HistoryTruncated
    | ResponseDone
    | ToolCall
    | ToolCancel
    | Latency
    | Snapshot
    | Hold
    | Flow
    | WarningReport
    | ErrorReport
    | Goaway
    | Ack
    | Nack
    | Gap
    | Ping
    | Pong
)
"""Everything that the server sends as text."""

ClientEvent: TypeAlias = ClientMessage | AudioReceived | AudioInterrupted | AudioEnded
"""Everything that can come from a client."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A message of the server together with the ``id`` of the command that it answers."""

    message: ServerMessage
    re: str


@dataclass(frozen=True, slots=True)
class Retransmission:
    """A frame that was sent before and goes out again as it is, before any newer one."""

    frame: str | bytes


ServerEvent: TypeAlias = ServerMessage | AudioFrame | Answer | Retransmission
"""Everything that can go out to a client."""

_IRREGULAR: Final[Mapping[type, str]] = {ErrorReport: "error", WarningReport: "warning"}


def wire_type(message: type[ClientMessage | ServerMessage]) -> str:
    """``type`` on the wire of a message class: ``SpeechStarted`` is ``speech.started``."""
    if (irregular := _IRREGULAR.get(message)) is not None:
        return irregular
    name = message.__name__
    dotted = "".join(f".{letter.lower()}" if letter.isupper() else letter for letter in name)
    return dotted.removeprefix(".")


CLIENT_TYPES: Final[Mapping[str, type[ClientMessage]]] = {
    wire_type(message): message for message in get_args(ClientMessage)
}
"""Message classes that a client sends, by wire type."""

SERVER_TYPES: Final[Mapping[str, type[ServerMessage]]] = {
    wire_type(message): message for message in get_args(ServerMessage)
}
"""Message classes that the server sends, by wire type."""
