"""What can go wrong on the wire: codes of errors and of closures, as tables, and exceptions.

ProtocolError                 counts as one ``bad_*`` where its code says so
├── MalformedMessage          text: bad_json, bad_event, bad_field, missing_field
├── BadFrame                  binary: bad_frame
├── TooLarge                  too_large
├── Unsupported               unsupported
└── NegotiationFailed         unsupported_codec, unsupported_rate: the hello is refused
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Final, Literal, TypeAlias

__all__ = [
    "BAD_CODES",
    "CLOSES",
    "ERRORS",
    "BadFrame",
    "CloseCode",
    "CloseRule",
    "ErrorCode",
    "ErrorRule",
    "MalformedMessage",
    "NegotiationFailed",
    "ProtocolError",
    "Retry",
    "TooLarge",
    "Unsupported",
    "VersionMismatch",
    "WarningCode",
]


class CloseCode(IntEnum):
    """Why a socket was closed: RFC 6455 section 7.4.1, and this protocol's own from 4400."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    INVALID_TEXT = 1007
    MESSAGE_TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_MESSAGE = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    UNKNOWN_PRESET = 4404
    TIMEOUT = 4408
    REPLACED = 4409
    SESSION_ENDED = 4410
    VERSION_UNSUPPORTED = 4426
    RATE_LIMITED = 4429
    NO_CAPACITY = 4503


Retry: TypeAlias = Literal["no", "yes", "backoff", "after_delay", "new_token", "new_session"]
"""When a client may connect again; ``after_delay`` waits for the error's ``retry_after_ms``."""


@dataclass(frozen=True, slots=True)
class CloseRule:
    """What a client does after a close code.

    Attributes:
        meaning: Why the server closed.
        retry: Whether, or when, to connect again.
        resume: Whether to ask for the old session then; "once" gives up after one try.
    """

    meaning: str
    retry: Retry
    resume: Literal["no", "yes", "once"]


CLOSES: Final[Mapping[CloseCode, CloseRule]] = {
    CloseCode.NORMAL: CloseRule("done, after bye", "no", "no"),
    CloseCode.GOING_AWAY: CloseRule("the server is stopping", "yes", "yes"),
    CloseCode.PROTOCOL_ERROR: CloseRule("WebSocket rules broken", "no", "once"),
    CloseCode.UNSUPPORTED_DATA: CloseRule("wrong kind of data", "no", "once"),
    CloseCode.INVALID_TEXT: CloseRule("text that is not UTF-8", "no", "once"),
    CloseCode.MESSAGE_TOO_BIG: CloseRule("frame above 64 KiB", "no", "yes"),
    CloseCode.INTERNAL_ERROR: CloseRule("a fault of the server", "backoff", "yes"),
    CloseCode.RESTART: CloseRule("the server restarts", "yes", "yes"),
    CloseCode.TRY_AGAIN_LATER: CloseRule("overloaded", "backoff", "yes"),
    CloseCode.BAD_MESSAGE: CloseRule("malformed or unexpected message", "no", "yes"),
    CloseCode.UNAUTHORIZED: CloseRule("credentials wrong or missing", "new_token", "no"),
    CloseCode.FORBIDDEN: CloseRule("origin, preset or quota not allowed", "no", "no"),
    CloseCode.UNKNOWN_PRESET: CloseRule("no such preset", "no", "no"),
    CloseCode.TIMEOUT: CloseRule("no hello, no traffic, or does not read", "yes", "yes"),
    CloseCode.REPLACED: CloseRule("the session has a newer connection", "no", "no"),
    CloseCode.SESSION_ENDED: CloseRule("the session is over", "new_session", "no"),
    CloseCode.VERSION_UNSUPPORTED: CloseRule("no common protocol version", "no", "no"),
    CloseCode.RATE_LIMITED: CloseRule("too many frames", "after_delay", "yes"),
    CloseCode.NO_CAPACITY: CloseRule("no room for a new session", "after_delay", "no"),
}
"""The advice that goes with each close code."""


class ErrorCode(StrEnum):
    """``error.code``; a code once released never changes its meaning."""

    BAD_JSON = "bad_json"
    BAD_EVENT = "bad_event"
    BAD_FIELD = "bad_field"
    MISSING_FIELD = "missing_field"
    BAD_FRAME = "bad_frame"
    UNSUPPORTED = "unsupported"
    UNSUPPORTED_CODEC = "unsupported_codec"
    UNSUPPORTED_RATE = "unsupported_rate"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    UNKNOWN_PRESET = "unknown_preset"
    RESUME_DENIED = "resume_denied"
    SEQ_GAP = "seq_gap"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    WINDOW_EXCEEDED = "window_exceeded"
    BUSY = "busy"
    QUEUE_TIMEOUT = "queue_timeout"
    NO_ACTIVE_RESPONSE = "no_active_response"
    RESPONSE_ACTIVE = "response_active"
    UNKNOWN_ITEM = "unknown_item"
    UNKNOWN_CALL = "unknown_call"
    TOOL_TIMEOUT = "tool_timeout"
    TOOL_FAILED = "tool_failed"
    STT_FAILED = "stt_failed"
    LLM_FAILED = "llm_failed"
    TTS_FAILED = "tts_failed"
    MODEL_LOADING = "model_loading"
    SESSION_EXPIRED = "session_expired"
    IDLE_TIMEOUT = "idle_timeout"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """What an error code means.

    Attributes:
        meaning: When it is sent.
        close: The code that the socket is closed with, at once; None if the session goes on.
    """

    meaning: str
    close: CloseCode | None = None

    @property
    def fatal(self) -> bool:
        """Whether the socket is closed right after."""
        return self.close is not None


ERRORS: Final[Mapping[ErrorCode, ErrorRule]] = {
    ErrorCode.BAD_JSON: ErrorRule("text that is not one JSON object"),
    ErrorCode.BAD_EVENT: ErrorRule("unknown type with must, or not allowed now"),
    ErrorCode.BAD_FIELD: ErrorRule("a field has a wrong type or value"),
    ErrorCode.MISSING_FIELD: ErrorRule("a required field is absent"),
    ErrorCode.BAD_FRAME: ErrorRule("a binary frame that cannot be used"),
    ErrorCode.UNSUPPORTED: ErrorRule("defined, but not implemented here"),
    ErrorCode.UNSUPPORTED_CODEC: ErrorRule("hello: no codec in common", CloseCode.BAD_MESSAGE),
    ErrorCode.UNSUPPORTED_RATE: ErrorRule("hello: no sample rate in common", CloseCode.BAD_MESSAGE),
    ErrorCode.UNAUTHORIZED: ErrorRule("credentials wrong or missing", CloseCode.UNAUTHORIZED),
    ErrorCode.FORBIDDEN: ErrorRule("not allowed with these credentials", CloseCode.FORBIDDEN),
    ErrorCode.UNKNOWN_PRESET: ErrorRule("no such preset", CloseCode.UNKNOWN_PRESET),
    ErrorCode.RESUME_DENIED: ErrorRule("known session, wrong resume token", CloseCode.UNAUTHORIZED),
    ErrorCode.SEQ_GAP: ErrorRule("frames asked for again are gone"),
    ErrorCode.TOO_LARGE: ErrorRule("a frame above the limit"),
    ErrorCode.RATE_LIMITED: ErrorRule("too many frames, after a warning", CloseCode.RATE_LIMITED),
    ErrorCode.WINDOW_EXCEEDED: ErrorRule(
        "too much unread audio, after a warning", CloseCode.RATE_LIMITED
    ),
    ErrorCode.BUSY: ErrorRule("no room for this turn"),
    ErrorCode.QUEUE_TIMEOUT: ErrorRule("the turn waited too long for room"),
    ErrorCode.NO_ACTIVE_RESPONSE: ErrorRule("nothing to cancel"),
    ErrorCode.RESPONSE_ACTIVE: ErrorRule("a response is already running"),
    ErrorCode.UNKNOWN_ITEM: ErrorRule("no such item in history"),
    ErrorCode.UNKNOWN_CALL: ErrorRule("no such tool call"),
    ErrorCode.TOOL_TIMEOUT: ErrorRule("a tool did not answer in time"),
    ErrorCode.TOOL_FAILED: ErrorRule("a tool answered with an error"),
    ErrorCode.STT_FAILED: ErrorRule("speech recognition failed"),
    ErrorCode.LLM_FAILED: ErrorRule("the language model failed"),
    ErrorCode.TTS_FAILED: ErrorRule("speech synthesis failed"),
    ErrorCode.MODEL_LOADING: ErrorRule("a model is not ready yet"),
    ErrorCode.SESSION_EXPIRED: ErrorRule(
        "the session reached its longest life", CloseCode.SESSION_ENDED
    ),
    ErrorCode.IDLE_TIMEOUT: ErrorRule("nothing said for too long", CloseCode.SESSION_ENDED),
    ErrorCode.INTERNAL: ErrorRule("a fault of the server; may be fatal with close 1011"),
}
"""The rule of each error code. An error may be fatal although its rule is not: see the README."""

BAD_CODES: Final = frozenset(
    {
        ErrorCode.BAD_JSON,
        ErrorCode.BAD_EVENT,
        ErrorCode.BAD_FIELD,
        ErrorCode.MISSING_FIELD,
        ErrorCode.BAD_FRAME,
    }
)
"""Errors that count together per connection; the eleventh closes it."""


class WarningCode(StrEnum):
    """``warning.code``: nothing was lost but a human should know."""

    AUDIO_DISCARDED = "audio_discarded"
    RATE_LIMITED = "rate_limited"
    WINDOW_EXCEEDED = "window_exceeded"
    QUEUED = "queued"
    STALE_TURN = "stale_turn"
    STARTER_MODELS = "starter_models"


class ProtocolError(Exception):
    """A peer's message that cannot be accepted.

    Attributes:
        code: What to report.
        message: For humans: what was found, what was expected.
        details: For machines: ``path``, ``seq``, ``stream``, ``supported``.
    """

    def __init__(
        self, code: ErrorCode, message: str, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details: Mapping[str, Any] = details or {}


class MalformedMessage(ProtocolError):
    """Text that is not a message of this protocol.

    Attributes:
        path: The field at fault, such as ``hello.audio.in[0].rate`` without the type in front:
            ``audio.in[0].rate``; empty if the message as a whole is.
    """

    def __init__(self, code: ErrorCode, message: str, path: str = "") -> None:
        super().__init__(code, message, {"path": path} if path else None)
        self.path = path


class BadFrame(ProtocolError):
    """A binary frame that cannot be used.

    Attributes:
        stream: Its stream, as far as it could be read.
    """

    def __init__(self, message: str, *, stream: int | None = None, seq: int | None = None) -> None:
        known = {"stream": stream, "seq": seq}
        details = {name: value for name, value in known.items() if value is not None}
        super().__init__(ErrorCode.BAD_FRAME, message, details)
        self.stream = stream


class TooLarge(ProtocolError):
    """A frame above the limit that was agreed, but small enough to be read."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.TOO_LARGE, message)


class Unsupported(ProtocolError):
    """Something that the protocol defines and this version does not implement."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(ErrorCode.UNSUPPORTED, message, {"path": path} if path else None)


class VersionMismatch(ProtocolError):
    """A hello in another version of the protocol."""

    def __init__(self, version: int, supported: tuple[int, ...]) -> None:
        super().__init__(
            ErrorCode.UNSUPPORTED,
            f"protocol is {version}, expected {' or '.join(map(str, supported))}",
            {"supported": list(supported)},
        )


class NegotiationFailed(ProtocolError):
    """A hello with which there is nothing in common."""
