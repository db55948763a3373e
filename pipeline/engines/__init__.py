"""The four engine interfaces, and the values that cross them.

Engines are blocking and know neither asyncio nor sessions. All but the detector run on an
`EngineThread`, which loads and owns them. One file per engine stands beside this one; each imports
its third-party package lazily, inside its ``load`` function. `scripted` holds the twins for tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "SAMPLE_RATE",
    "Float32Audio",
    "Generated",
    "Hypothesis",
    "HypothesisKind",
    "Int16Audio",
    "LanguageModel",
    "LanguageSession",
    "Message",
    "Prompt",
    "RecognitionJob",
    "Recognizer",
    "SpeakJob",
    "SpokenAudio",
    "StopSignal",
    "TimedText",
    "Usage",
    "UtteranceDecoder",
    "Voice",
    "VoiceActivityDetector",
    "Word",
]

SAMPLE_RATE = 16_000
"""Hz; everything that is heard is brought to this rate first."""

Int16Audio: TypeAlias = npt.NDArray[np.int16]
"""Shape (samples,), mono."""
Float32Audio: TypeAlias = npt.NDArray[np.float32]
"""Shape (samples,), mono, in [-1, 1]."""


class StopSignal(Protocol):
    """Tells a job that nobody wants its results any more; `thread.StopToken` is one."""

    def is_set(self) -> bool:
        """Whether to stop at the next safe point."""


# -- voice activity -----------------------------------------------------------------------------


class VoiceActivityDetector(Protocol):
    """Scores blocks of one session's audio; runs on the event loop (well under 1 ms a block)."""

    @property
    def block(self) -> int:
        """Samples at 16 kHz that one call takes, e.g. 512 for Silero."""

    def probability(self, block: Int16Audio) -> float:
        """The probability, in [0, 1], that the block (which follows the last one) holds speech."""

    def reset(self) -> None:
        """Forget the past: the next block starts anew."""


# -- recognition --------------------------------------------------------------------------------


class HypothesisKind(StrEnum):
    """What a recognition pass is for."""

    PARTIAL = "partial"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word.

    Attributes:
        text: As written, with its punctuation, without surrounding spaces.
        start: Seconds from the first sample of the job's audio.
        end: Seconds, not before ``start``.
        probability: Mean probability of the word's tokens, in [0, 1].
    """

    text: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True, slots=True)
class RecognitionJob:
    """One pass over one window of an utterance.

    Attributes:
        audio: 16 kHz mono in [-1, 1], shape (samples,); at most the recognizer's window.
        kind: A final pass may search wider and retry; a partial is cheap.
        previous_text: What was said right before the window in the same turn; steers the decoder.
    """

    audio: Float32Audio
    kind: HypothesisKind
    previous_text: str = ""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What one pass understood.

    Attributes:
        text: All words, as written; "" where nothing was said (or the guards refused it).
        words: In order of time; may be empty though ``text`` is not, when the engine has no times.
        kind: The job's kind.
        language: BCP 47 primary tag of what was decoded.
        average_log_probability: Mean per token, at most 0.
        no_speech_probability: In [0, 1].
        context_seconds: Length of the encoder context that produced this.
        rejected: Why the guards threw text away ("loop", "silence", ...), or "".
    """

    text: str
    words: tuple[Word, ...]
    kind: HypothesisKind
    language: str
    average_log_probability: float = 0.0
    no_speech_probability: float = 0.0
    context_seconds: float = 0.0
    rejected: str = ""


class UtteranceDecoder(Protocol):
    """The recognizer's state of one utterance; called on the engine's thread, one job at a time.

    Whisper keeps almost nothing here (it re-reads the growing utterance); a truly streaming
    engine keeps its encoder state and decodes only what is new.
    """

    def recognize(self, job: RecognitionJob, *, stop: StopSignal) -> Hypothesis:
        """Run one pass. ``stop`` is looked at between native calls, which are bounded."""


class Recognizer(Protocol):
    """A loaded speech recognizer, shared by all sessions."""

    @property
    def window_seconds(self) -> float:
        """Longest audio that one job may hold, in seconds."""

    def utterance(self, *, language: str | None) -> UtteranceDecoder:
        """Start an utterance. ``language``: BCP 47 primary tag, or None to detect it."""


# -- language model -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation, as the chat template sees it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What to answer, and how.

    Attributes:
        messages: The whole conversation, oldest first; a system message first, if any. An
            interrupted reply appears cut to what was heard: the engine rewinds to the cut.
        max_tokens: Upper bound of generated tokens.
        temperature: 0 is greedy.
        seed: For sampling; injected, so that a conversation can be repeated.
    """

    messages: Sequence[Message]
    max_tokens: int = 200
    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one reply: prompt, generated, and prompt tokens that were still cached."""

    prompt: int = 0
    generated: int = 0
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Generated:
    """A piece of a reply. The last piece has ``usage`` set and may have empty ``text``.

    Attributes:
        text: Valid UTF-8 text, possibly "" (a token that completes no character yet).
        usage: Set on the last piece only.
        finish: On the last piece: "stop" (the model ended), "length" (max_tokens), "stopped".
    """

    text: str
    usage: Usage | None = None
    finish: Literal["", "stop", "length", "stopped"] = ""


class LanguageSession(Protocol):
    """One conversation's place in the engine (a sequence of its KV cache); on its thread."""

    def generate(self, prompt: Prompt, *, stop: StopSignal) -> Iterator[Generated]:
        """Yield the reply. Reuses the longest prefix of ``prompt`` that is still cached.

        ``stop`` ends it between two tokens and, through the abort callback, during prefill. What
        was generated until then stays usable as a prefix.
        """

    def close(self) -> None:
        """Give the sequence back."""


class LanguageModel(Protocol):
    """A loaded language model, shared by all sessions."""

    def open(self) -> LanguageSession:
        """Begin a conversation; takes a free sequence, or that of the longest-idle session."""


# -- speech synthesis ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpeakJob:
    """One segment to speak.

    Attributes:
        text: As the model wrote it (markdown and all); the voice normalises it for speech.
        speed: 1.0 is the voice's own pace; 2.0 is twice as fast.
        language: BCP 47 tag of the text, for engines that speak several; "" is their own.
        voice: Name of the voice to speak it, for engines that have several; "" leaves it to them.
    """

    text: str
    speed: float = 1.0
    language: str = ""
    voice: str = ""


@dataclass(frozen=True, slots=True)
class TimedText:
    """When a part of a segment's *original* text sounds.

    Attributes:
        start, end: Character offsets in ``SpeakJob.text`` (end exclusive), on whole words.
        start_sample, end_sample: At the voice's rate, from the start of the segment's audio.
    """

    start: int
    end: int
    start_sample: int
    end_sample: int


@dataclass(frozen=True, slots=True)
class SpokenAudio:
    """A stretch of a segment's audio.

    Attributes:
        audio: int16 mono at the voice's rate, shape (samples,).
        words: The words that *end* in this stretch, with samples counted from the segment's start;
            empty where the voice has no times.
    """

    audio: Int16Audio
    words: tuple[TimedText, ...] = field(default=())


class Voice(Protocol):
    """A loaded voice, shared by all sessions; on the engine's thread."""

    @property
    def sample_rate(self) -> int:
        """Hz."""

    def speak(self, job: SpeakJob, *, stop: StopSignal) -> Iterator[SpokenAudio]:
        """Yield the segment's audio in order, final pause included; nothing for silent text."""
