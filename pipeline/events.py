"""What a dialogue reports, in the order in which it happens. The wire has its own vocabulary."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from pipeline.engines import Usage
from pipeline.recognition import Partial, Transcript

__all__ = [
    "CutBy",
    "DialogueState",
    "InterruptReason",
    "LatencyMeasured",
    "PartialHeard",
    "PipelineEvent",
    "ReplyAudio",
    "ReplyAudioEnded",
    "ReplyAudioStarted",
    "ReplyCut",
    "ReplyDone",
    "ReplyInterrupted",
    "ReplyMark",
    "ReplyStarted",
    "ReplyStatus",
    "ReplyText",
    "SpeechStarted",
    "SpeechStopped",
    "StateChanged",
    "StopReason",
    "TranscriptReady",
    "TurnFailed",
]


class DialogueState(StrEnum):
    """What the agent is doing; drives LEDs and avatars."""

    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"


class StopReason(StrEnum):
    """Why a user's turn ended."""

    SILENCE = "silence"
    COMMIT = "commit"
    GAP = "gap"
    MAX = "max"


class InterruptReason(StrEnum):
    """Why a reply was cut short."""

    SPEECH = "speech"
    CLIENT = "client"
    SUPERSEDED = "superseded"
    ERROR = "error"


class ReplyStatus(StrEnum):
    """How a reply ended."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    INCOMPLETE = "incomplete"
    FAILED = "failed"


class CutBy(StrEnum):
    """How the heard part of a reply is known."""

    PLAYOUT = "playout"
    ESTIMATE = "estimate"


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The agent does something else from now on."""

    state: DialogueState


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The user began to speak. ``position``: 16 kHz samples on the microphone's time line."""

    turn: str
    position: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The user's turn is over.

    Attributes:
        position: 16 kHz samples, end of the speech.
        rule: Which rule set the hang-over, for the log.
    """

    turn: str
    position: int
    reason: StopReason
    rule: str = ""


@dataclass(frozen=True, slots=True)
class PartialHeard:
    """A better guess of what the user is saying."""

    turn: str
    partial: Partial


@dataclass(frozen=True, slots=True)
class TranscriptReady:
    """What the user said in this turn; where that is nothing, ``item`` is not in the history."""

    turn: str
    item: str
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """A reply is being produced. ``turn`` is "" where no user turn caused it."""

    response: str
    turn: str = ""
    metadata: bytes | None = None


@dataclass(frozen=True, slots=True)
class ReplyText:
    """More text of a reply; runs ahead of its audio. ``always``: even to those who want no text."""

    response: str
    delta: str
    always: bool = False


@dataclass(frozen=True, slots=True)
class ReplyAudioStarted:
    """Audio of a reply follows."""

    response: str
    item: str


@dataclass(frozen=True, slots=True)
class ReplyMark:
    """The audio of ``text`` starts at ``pts`` (samples at the output rate); one per segment."""

    response: str
    pts: int
    text: str
    index: int


class ReplyAudio(NamedTuple):
    """One encoded frame. ``pts`` and ``samples`` at the output rate.

    A named tuple, as all that is made for every frame: a frozen dataclass takes four times as long.
    """

    response: str
    pts: int
    samples: int
    payload: bytes
    start: bool = False
    end: bool = False


@dataclass(frozen=True, slots=True)
class ReplyAudioEnded:
    """All audio of a reply has been handed over: ``pts`` samples in all."""

    response: str
    pts: int


@dataclass(frozen=True, slots=True)
class ReplyInterrupted:
    """Whatever of this reply is still buffered must not be played."""

    response: str
    reason: InterruptReason


@dataclass(frozen=True, slots=True)
class ReplyCut:
    """History now holds only what was heard of a reply."""

    item: str
    heard_text: str
    heard_ms: int
    total_ms: int
    by: CutBy


@dataclass(frozen=True, slots=True)
class ReplyDone:
    """A reply has been produced, or given up. Its audio may still be playing."""

    response: str
    status: ReplyStatus
    text: str
    reason: str = ""
    item: str = ""
    heard: bool | None = None
    usage: Usage = field(default=Usage())


@dataclass(frozen=True, slots=True)
class LatencyMeasured:
    """Where the time of a turn went, in ms since the detected stop or the stage before.

    Attributes:
        turn: The turn.
        stop_to_final: Detected stop of speech until the transcript was final.
        llm_first: Prompt until the first piece of text.
        tts_first: First segment until its first audio.
        stop_to_audio: Detected stop until the first frame of audio was handed over.
    """

    turn: str
    stop_to_final: float
    llm_first: float
    tts_first: float
    stop_to_audio: float


@dataclass(frozen=True, slots=True)
class TurnFailed:
    """An engine failed a turn; ``code`` is stt_failed, llm_failed, tts_failed or internal."""

    code: str
    message: str
    turn: str = ""


PipelineEvent: TypeAlias = (
    StateChanged
    | SpeechStarted
    | SpeechStopped
    | PartialHeard
    | TranscriptReady
    | ReplyStarted
    | ReplyText
    | ReplyAudioStarted
    | ReplyMark
    | ReplyAudio
    | ReplyAudioEnded
    | ReplyInterrupted
    | ReplyCut
    | ReplyDone
    | LatencyMeasured
    | TurnFailed
)
