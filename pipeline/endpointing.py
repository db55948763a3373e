"""When a speaker begins, pauses, goes on and has finished. Pure: fed with blocks and texts.

How much silence ends a turn is chosen by `pipeline.hang_over` from what was said, and scaled here
by the speaker's own pauses and by the eagerness that the session asks for.

Positions are 16 kHz samples since the session began.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from pipeline.detection import Block
from pipeline.engines import SAMPLE_RATE
from pipeline.hang_over import HangOver, Reading, choose_rule

__all__ = [
    "Eagerness",
    "EndReason",
    "Endpointer",
    "EndpointingSettings",
    "Mode",
    "SpeechBegan",
    "SpeechEnded",
    "SpeechEvent",
    "SpeechPaused",
    "SpeechResumed",
]

_PER_MS: Final = SAMPLE_RATE // 1000

RELEASE_RATIO: Final = 0.7
"""Release over threshold. Silero's own recipe and our measurement agree on .5 on / .35 off: best F1
(.933 against .923 without hysteresis) on TEN-VAD's hand-labelled recordings."""
CONFIRM_MS: Final = 64
"""Speech that proves a beginning: two Silero blocks. One block is a click (false starts on key
clicks, hum and pink noise: 0 a minute at 60 ms of confirmation)."""
PAUSE_MS: Final = 96
"""Silence after which the final recognition pass may start: three Silero blocks. Much shorter is
the closure of a plosive."""
FLOOR_MS: Final = 300
"""No hang-over is shorter: within 300 ms even complete sentences are often continued."""
CEILING_MS: Final = 2000
"""No hang-over is longer: beyond it people ask "hello?"."""
EAGERNESS_FACTOR: Final[Mapping[str, float]] = {"low": 1.5, "medium": 1.0, "high": 0.7}

PAUSE_MEMORY: Final = 0.9
"""Weight of the past in the running mean of a speaker's pauses (LiveKit's dynamic endpointing)."""
USUAL_PAUSE_MS: Final = 450
"""The pause inside a turn at which the session factor is 1."""
SHORTEST_PAUSE_MS: Final = 200
"""Shorter silences are articulation, not a habit of pausing."""
FACTOR_RANGE: Final = (0.8, 1.6)
_WAITING: Final = "waiting"
REOPEN_MS: Final = 700
"""Speech again so soon after a decision shows that it was wrong; that pause is learnt from too."""


# -- settings and events ------------------------------------------------------------------------


class Mode(StrEnum):
    """Who decides on turns: voice activity, the user's button, or nobody (audio is ignored)."""

    VAD = "vad"
    MANUAL = "manual"
    OFF = "off"


class Eagerness(StrEnum):
    """How soon to answer."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class EndReason(StrEnum):
    """Why an utterance ended."""

    SILENCE = "silence"
    MAX = "max"
    COMMIT = "commit"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class EndpointingSettings:
    """How one session takes turns.

    Attributes:
        mode: Who decides.
        threshold: Probability from which a block counts as speech; 0.1 to 0.95.
        release: Probability below which speech stops counting; None: 0.7 of the threshold.
        prefix_ms: Audio before the onset that the recognizer gets. The caller keeps it: the
            detectors find onsets up to 333 ms late (90th percentile 314 ms).
        silence_ms: Fixed hang-over, used as it is; None: adaptive.
        eagerness: Scales the adaptive hang-over.
        max_turn_s: Longest utterance.
        language: BCP 47 primary tag: which word lists apply; others than `hang_over.VOCABULARIES`
            have none.

    Raises:
        ValueError: If a number is out of range.
    """

    mode: Mode = Mode.VAD
    threshold: float = 0.5
    release: float | None = None
    prefix_ms: int = 500
    silence_ms: int | None = None
    eagerness: Eagerness = Eagerness.MEDIUM
    max_turn_s: float = 120.0
    language: str = "en"

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold is {self.threshold}, expected between 0 and 1")
        if not 0 < self.off <= self.threshold:
            raise ValueError(
                f"release is {self.release}, expected above 0 and at most the threshold "
                f"{self.threshold}"
            )
        if self.silence_ms is not None and self.silence_ms <= 0:
            raise ValueError(f"silence_ms is {self.silence_ms}, expected at least 1, or None")
        if self.max_turn_s <= 0:
            raise ValueError(f"max_turn_s is {self.max_turn_s}, expected above 0")

    @property
    def off(self) -> float:
        """The release threshold in force."""
        return self.threshold * RELEASE_RATIO if self.release is None else self.release


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """Speech is confirmed; ``onset`` is its first sample (without any pre-roll)."""

    onset: int


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """About 100 ms of silence: the final recognition pass may start. ``end``: after the speech."""

    end: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """The pause was only a pause; ``at`` is the first sample of the new speech."""

    at: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The utterance is over; ``end`` is the position after its last sample."""

    end: int
    reason: EndReason


SpeechEvent: TypeAlias = SpeechBegan | SpeechPaused | SpeechResumed | SpeechEnded


# -- the endpointer -----------------------------------------------------------------------------


class Endpointer:
    """Decides for one session; lives as long as it does, because it learns its speaker's pauses.

    Call `feed` with each block in order and act on the events; call `read` with each hypothesis
    about the open utterance. Events alternate: one `SpeechBegan`, any number of pairs
    `SpeechPaused`, `SpeechResumed`, one `SpeechEnded`. Nothing raises for any block or text.

    Args:
        settings: How to take turns; `configure` changes them.
    """

    def __init__(self, settings: EndpointingSettings) -> None:
        self._settings = settings
        self._position = 0
        self._is_open = False
        self._begin = 0
        self._speech_end = 0
        self._is_speaking = False
        self._is_paused = False
        self._candidate: int | None = None
        self._candidate_samples = 0
        self._speaking_samples = 0
        self._mean_pause_ms = float(USUAL_PAUSE_MS)
        self._ended_by_silence_at: int | None = None
        self._punctuates = False
        self._reading = Reading()
        self._hang_over = self._decide()

    @property
    def settings(self) -> EndpointingSettings:
        """The settings in force."""
        return self._settings

    @property
    def is_open(self) -> bool:
        """Whether an utterance is open."""
        return self._is_open

    @property
    def is_paused(self) -> bool:
        """Whether the open utterance is in a pause that was reported."""
        return self._is_paused

    @property
    def speaking_samples(self) -> int:
        """Samples of speech in the open utterance, pauses left out; 0 if none is open."""
        return self._speaking_samples

    @property
    def position(self) -> int:
        """End of the last block."""
        return self._position

    @property
    def hang_over(self) -> HangOver:
        """The hang-over in force, or the one that ended the last utterance; for the log."""
        return self._hang_over

    @property
    def session_factor(self) -> float:
        """How much longer than usual this speaker pauses; scales the adaptive hang-over."""
        low, high = FACTOR_RANGE
        return min(max(self._mean_pause_ms / USUAL_PAUSE_MS, low), high)

    def configure(self, settings: EndpointingSettings) -> list[SpeechEvent]:
        """Change the settings; a change of mode ends an open utterance (reason commit)."""
        events = self.end(EndReason.COMMIT) if settings.mode is not self._settings.mode else []
        self._settings = settings
        if self._is_open:
            self._hang_over = self._decide()
        return events

    def feed(self, block: Block) -> list[SpeechEvent]:
        """Take the next block."""
        self._position = max(self._position, block.end)
        if self._settings.mode is Mode.OFF:
            return []
        level = self._settings.off if self._is_speaking else self._settings.threshold
        events = self._on_speech(block) if block.probability >= level else self._on_silence()
        return [*events, *self._on_limit()]

    def read(
        self,
        transcript: str,
        *,
        agreed_words: int,
        punctuated_twice: bool,
        until: int | None = None,
        language: str | None = None,
    ) -> None:
        """Take the newest hypothesis about the open utterance; it moves the hang-over.

        Args:
            transcript: The whole utterance as understood so far.
            agreed_words: Words on which two hypotheses agree.
            punctuated_twice: The mark at its end was there before, or is beyond doubt.
            until: Position up to which the recognizer had heard. Without it a hypothesis counts as
                complete if the utterance is in a pause when it arrives.
            language: BCP 47 tag where it was detected; by default the settings' one.
        """
        if not self._is_open:
            return
        fresh = self._is_paused if until is None else until >= self._speech_end
        self._reading = reading = Reading.of(
            transcript,
            twice=punctuated_twice,
            agreed_words=agreed_words,
            is_fresh=fresh,
            punctuates=self._punctuates,
            language=language or self._settings.language,
        )
        self._punctuates = self._punctuates or reading.is_sentence
        self._hang_over = self._decide()

    def begin(self, at: int | None = None) -> list[SpeechEvent]:
        """Open an utterance now, without waiting for speech: the button was pressed.

        Args:
            at: Its first sample, not after the end of the last block (the default).
        """
        if self._is_open or self._settings.mode is Mode.OFF:
            return []
        at = self._position if at is None else min(max(at, 0), self._position)
        return [self._open(at, spoken=0)]

    def end(self, reason: EndReason, *, at: int | None = None) -> list[SpeechEvent]:
        """End the open utterance now; nothing happens if none is open.

        Args:
            reason: Commit or gap.
            at: The position after its last sample, at least its first; by default the end of the
                speech if it is paused, else the end of the last block.
        """
        if not self._is_open:
            self._forget_candidate()
            return []
        if at is None:
            paused = self._is_paused and self._settings.mode is Mode.VAD
            at = self._speech_end if paused else self._position
        return [self._close(max(at, self._begin), reason)]

    # Speech, silence and the limit: what one block means.

    def _on_speech(self, block: Block) -> list[SpeechEvent]:
        self._is_speaking = True
        # What only the hysteresis holds is not counted as proof of speech.
        spoken = block.samples if block.probability >= self._settings.threshold else 0
        if self._is_open and not self._is_paused:
            self._speech_end = block.end
            self._speaking_samples += spoken
            self._forget_reading()
            return []
        if not self._is_open and self._settings.mode is Mode.MANUAL:
            return []
        if self._candidate is None:
            self._candidate = block.start
        self._candidate_samples += spoken
        if self._candidate_samples < CONFIRM_MS * _PER_MS:
            return []
        event = self._resume(self._candidate) if self._is_open else self._start(self._candidate)
        self._speech_end = block.end
        return [event]

    def _on_silence(self) -> list[SpeechEvent]:
        self._is_speaking = False
        self._forget_candidate()
        if not self._is_open:
            return []
        silence = self._position - self._speech_end
        events: list[SpeechEvent] = []
        if not self._is_paused and silence >= PAUSE_MS * _PER_MS:
            self._is_paused = True
            events.append(SpeechPaused(self._speech_end))
        if self._settings.mode is Mode.VAD and silence >= self._hang_over.samples:
            events.append(self._close(self._speech_end, EndReason.SILENCE))
        return events

    def _on_limit(self) -> list[SpeechEvent]:
        longest = round(self._settings.max_turn_s * SAMPLE_RATE)
        if self._is_open and self._position - self._begin >= longest:
            return [self._close(self._position, EndReason.MAX)]
        return []

    # Changes of state.

    def _start(self, onset: int) -> SpeechEvent:
        if self._ended_by_silence_at is not None:
            pause_ms = (onset - self._ended_by_silence_at) / _PER_MS
            # Measured from the decision, not from the speech: the hang-over itself may be long.
            if pause_ms - self._hang_over.milliseconds <= REOPEN_MS:
                self._learn_pause(pause_ms)
        return self._open(onset, spoken=self._candidate_samples)

    def _resume(self, at: int) -> SpeechEvent:
        if self._speaking_samples:
            self._learn_pause((at - self._speech_end) / _PER_MS)
        self._speaking_samples += self._candidate_samples
        self._is_paused = False
        self._forget_candidate()
        self._reading = Reading()
        self._hang_over = self._decide()
        return SpeechResumed(at)

    def _open(self, begin: int, *, spoken: int) -> SpeechEvent:
        self._is_open = True
        self._is_paused = False
        self._begin = self._speech_end = begin
        self._speaking_samples = spoken
        self._ended_by_silence_at = None
        self._forget_candidate()
        self._reading = Reading()
        self._hang_over = self._decide()
        return SpeechBegan(begin)

    def _close(self, end: int, reason: EndReason) -> SpeechEvent:
        self._is_open = self._is_paused = self._is_speaking = False
        self._speaking_samples = 0
        self._forget_candidate()
        self._ended_by_silence_at = end if reason is EndReason.SILENCE else None
        return SpeechEnded(end, reason)

    def _forget_candidate(self) -> None:
        self._candidate = None
        self._candidate_samples = 0

    def _forget_reading(self) -> None:
        """What was read is older than what is being said."""
        if self._reading.is_fresh or self._hang_over.rule == _WAITING:
            self._reading = Reading()
            self._hang_over = self._decide()

    def _learn_pause(self, milliseconds: float) -> None:
        if milliseconds >= SHORTEST_PAUSE_MS:
            heard = min(milliseconds, CEILING_MS)
            self._mean_pause_ms = PAUSE_MEMORY * self._mean_pause_ms + (1 - PAUSE_MEMORY) * heard

    def _decide(self) -> HangOver:
        if self._is_open and not self._speaking_samples:
            return HangOver(_WAITING, CEILING_MS)
        fixed = self._settings.silence_ms
        if fixed is not None:
            return HangOver("fixed", fixed)
        rule = choose_rule(self._reading)
        scale = self.session_factor * EAGERNESS_FACTOR[self._settings.eagerness]
        return HangOver(rule.name, round(min(max(rule.milliseconds * scale, FLOOR_MS), CEILING_MS)))
