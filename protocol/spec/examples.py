"""An example of every message, and of a whole conversation, for the specification and the tests."""

from __future__ import annotations

from typing import Final

from protocol.audio import AudioFormat, Encoding
from protocol.client import ClientProtocol
from protocol.events import (
    Ack,
    AudioEnd,
    AudioFrame,
    AudioMark,
    AudioOffer,
    AudioOpen,
    AudioStart,
    Bye,
    ClientInfo,
    ClientLimits,
    ClientMessage,
    ErrorReport,
    Flow,
    FormatOffer,
    Gap,
    Goaway,
    Hello,
    HistoryTruncated,
    Hold,
    InputText,
    Interrupt,
    ItemCreate,
    ItemDelete,
    Latency,
    Limits,
    Nack,
    Ping,
    Playout,
    Pong,
    ResponseCancel,
    ResponseCreate,
    ResponseDone,
    ResponseStarted,
    ResponseText,
    ResumeRequest,
    ServerEvent,
    ServerInfo,
    ServerMessage,
    SessionFields,
    SessionSettings,
    SessionUpdate,
    SessionUpdated,
    Snapshot,
    SnapshotItem,
    SpeechStarted,
    SpeechStopped,
    State,
    ToolCall,
    ToolCancel,
    ToolDefinition,
    ToolError,
    ToolResult,
    TranscriptFinal,
    TranscriptPartial,
    TurnCancel,
    TurnCommit,
    TurnFields,
    TurnSettings,
    TurnStart,
    Usage,
    WarningReport,
    Welcome,
    WelcomeAudio,
    WelcomeTime,
)
from protocol.frames import Flag, Frame
from protocol.negotiation import Capabilities, negotiate
from protocol.server import ServerProtocol

__all__ = ["CLIENT_EXAMPLES", "HEADERS", "SERVER_EXAMPLES", "conversation"]

_TURN: Final = "t_abcdefgh23456723"
_RESPONSE: Final = "r_abcdefgh23456723"
_QUESTION: Final = "i_abcdefgh23456722"
_ITEM: Final = "i_abcdefgh23456723"
_CALL: Final = "c_abcdefgh23456723"
_STREAM: Final = 0x0101
_WEATHER: Final = ToolDefinition("weather", "Tells the weather.", {"type": "object"})

_HELLO: Final = Hello(
    protocol=1,
    client=ClientInfo(name="kitchen", version="1.2.0"),
    audio=AudioOffer(
        in_=(FormatOffer("opus", 16_000, 60),),
        out=(FormatOffer("opus", 24_000, 60), FormatOffer("pcm_s16le", 24_000, 20)),
        aec="device",
    ),
    features=("playout", "captions", "vad_events"),
    session=SessionFields(language="en", turn=TurnFields(silence_ms=700)),
)

CLIENT_EXAMPLES: Final[tuple[ClientMessage, ...]] = (
    _HELLO,
    Hello(
        protocol=1,
        client=ClientInfo("desk", "0.1", device_id="7c:df:a1:00:00:01", platform="esp32"),
        limits=ClientLimits(max_text=4096, max_binary=2048, uplink_replay_ms=3000),
        token="secret",
        preset="kitchen",
        resume=ResumeRequest("s_abcdefgh23456723", "old-secret", recv=17),
    ),
    SessionUpdate(SessionFields(voice="amy", greeting=None, turn=TurnFields(mode="manual"))),
    SessionUpdate(SessionFields(turn=None, tools=(_WEATHER,), metadata={"room": "kitchen"})),
    AudioOpen(1, Encoding.PCM_S16LE, 16_000, 20, "mic"),
    TurnStart(stream=1, pts=16_000),
    TurnCommit(),
    TurnCancel(),
    InputText("What time is it?"),
    ResponseCreate(say="Welcome home."),
    ResponseCreate(instructions="Say that the cake is ready.", metadata={"timer": 3}),
    ResponseCancel(_RESPONSE),
    Playout(_STREAM, 24_000, "playing", buffered_ms=300),
    ToolResult(_CALL, output={"celsius": 21.5}),
    ToolResult(_CALL, error=ToolError("timeout", "the station does not answer")),
    ItemDelete(_ITEM),
    ItemCreate("user", "I am allergic to nuts.", after=_ITEM),
    Ack(),
    Nack(17, 20),
    Gap(17, 18),
    Ping(1000),
    Pong(1000, 52_340, 52_341),
    Bye("switched off"),
)
"""At least one of each message that a client sends."""

SERVER_EXAMPLES: Final[tuple[ServerMessage, ...]] = (
    Welcome(
        protocol=1,
        session="s_abcdefgh23456723",
        token="secret",
        resume="new",
        recv=0,
        send_from=1,
        audio=WelcomeAudio(AudioFormat(Encoding.OPUS, 16_000, 60), None),
        features=("playout",),
        time=WelcomeTime(1_795_000_000_000, 52_000),
        epoch="e_1",
        limits=Limits(),
        heartbeat_ms=15_000,
        server=ServerInfo("parley", "0.1.0"),
    ),
    SessionUpdated(SessionSettings("Be brief.", "en", "audio", TurnSettings(), tools=(_WEATHER,))),
    State("listening"),
    SpeechStarted(_TURN, 1, 8000),
    SpeechStopped(_TURN, 1, 40_000, "silence"),
    TranscriptPartial(_TURN, "what time", 4, confidence=0.5),
    TranscriptFinal(
        _TURN,
        _QUESTION,
        "what time is it",
        "en",
        confidence=0.93,
        words=(("what", 8400, 11_000), ("time", 11_000, 15_000)),
    ),
    TranscriptFinal(_TURN, _QUESTION, "", "en", no_speech=True),
    ResponseStarted(_RESPONSE, turn=_TURN, metadata={"timer": 3}),
    ResponseText(_RESPONSE, "It is "),
    AudioStart(_STREAM, _RESPONSE, _ITEM, Encoding.OPUS, 24_000, 60),
    AudioMark(_STREAM, 0, "It is noon.", 0),
    AudioEnd(_STREAM, 59_040),
    Interrupt(_STREAM, _RESPONSE, "speech"),
    HistoryTruncated(_ITEM, "It is", 410, 1200, "playout"),
    ResponseDone(
        _RESPONSE, "cancelled", "It is noon.", Usage(40, 5, 32), "speech", _ITEM, heard=True
    ),
    ToolCall(_CALL, "weather", {"place": "here"}, _RESPONSE, 10_000),
    ToolCancel(_CALL, "interrupted"),
    Latency(_TURN, 40, 120, 90, 250, audio_to_playout_ms=130),
    Snapshot((SnapshotItem(_ITEM, "assistant", "It is", truncated=True),), "listening"),
    Hold(_STREAM, True),
    Flow(1, "pause"),
    WarningReport("queued", "the turn waits for a free engine"),
    ErrorReport("bad_field", "rate is 11025", details={"path": "rate", "seq": 9}),
    ErrorReport("busy", "no room for this turn", re="press-17", retry_after_ms=800),
    Goaway(5000, "restart"),
    Ack(re="press-17"),
    Nack(17, 20),
    Gap(17, 18),
    Ping(1000),
    Pong(1000, 52_340, 52_341),
)
"""At least one of each message that the server sends."""

HEADERS: Final[tuple[tuple[str, str, Frame], ...]] = (
    (
        "first frame of a microphone, after one numbered text message",
        "11010001 00000002 00000000 000003e8",
        Frame(1, 2, 0, 1000, flags=Flag.START),
    ),
    (
        "the next one, 60 ms later at 16 kHz",
        "11000001 00000003 000003c0 00000424",
        Frame(1, 3, 960, 1060),
    ),
    (
        "first frame of a reply",
        "11010101 00000011 00000000 0000cc74",
        Frame(0x0101, 17, 0, 52_340, flags=Flag.START),
    ),
    (
        "its end after 59040 samples, with no payload",
        "11020101 0000003a 0000e6a0 0000d66a",
        Frame(0x0101, 58, 59_040, 54_890, flags=Flag.END),
    ),
    (
        "a frame that is sent again",
        "11100101 00000028 00008160 0000d28c",
        Frame(0x0101, 40, 33_120, 53_900, flags=Flag.REPLAY),
    ),
)
"""Headers in hex: what they are, their bytes, their fields."""


def conversation() -> list[tuple[str, str | bytes]]:
    """One spoken question and its answer, as the two endpoints write it.

    Returns:
        Who sends ("client" or "server") and the message, in order.
    """
    client = ClientProtocol(now=0.9)
    server = ServerProtocol(Limits(), server=ServerInfo("parley", "0.1.0"), now=51.0)
    log: list[tuple[str, str | bytes]] = [("client", client.hello(_HELLO, 0.9))]
    [command] = server.receive(log[0][1], 51.0).commands
    assert isinstance(command.event, Hello)
    welcome, _ = server.welcome(
        negotiate(command.event, Capabilities()),
        session="s_abcdefgh23456723",
        token="Zm9yLXRoaXMtc2Vzc2lvbg",
        epoch="e_abcdefgh23456723",
        wall_ms=1_795_000_000_000,
        now=51.01,
    )

    def says(event: ServerEvent, now: float) -> None:
        log.append(("server", server.seal(event, now)))

    says(welcome, 51.01)
    says(State("listening"), 51.02)
    packet = bytes.fromhex("5800")  # SILK wideband, one frame of 60 ms, nothing in it
    log += [("client", client.frame(packet, 960, 1 + i * 0.06)) for i in range(2)]
    says(SpeechStarted(_TURN, 1, 0), 51.6)
    says(SpeechStopped(_TURN, 1, 1920, "silence"), 52.0)
    says(TranscriptFinal(_TURN, _QUESTION, "what time is it", "en", confidence=0.93), 52.05)
    says(State("thinking"), 52.05)
    says(ResponseStarted(_RESPONSE, turn=_TURN), 52.2)
    says(AudioStart(_STREAM, _RESPONSE, _ITEM, Encoding.OPUS, 24_000, 60), 52.3)
    says(AudioMark(_STREAM, 0, "It is noon.", 0), 52.3)
    says(State("speaking"), 52.3)
    says(AudioFrame(_STREAM, 0, packet, start=True), 52.34)
    says(AudioFrame(_STREAM, 1440, packet), 52.35)
    says(AudioFrame(_STREAM, 2880, b"", end=True), 52.36)
    says(AudioEnd(_STREAM, 2880), 52.36)
    says(ResponseDone(_RESPONSE, "completed", "It is noon.", Usage(40, 5, 32), item=_ITEM), 52.37)
    log.append(("client", client.seal(Playout(_STREAM, 2880, "done"), 2.7)))
    says(State("listening"), 52.8)
    log.append(("client", client.bye(5.0)))
    return log
