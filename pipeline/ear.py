"""One session's hearing: the microphone's samples, and its button, become utterances.

Samples and commands keep their order: a command is a mark in the backlog and takes effect when the
audio before it has been listened to. A burst after a stall is worked off in slices, with the event
loop given back in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from pipeline.backlog import Backlog, RecentAudio
from pipeline.detection import SpeechDetector
from pipeline.endpointing import (
    Endpointer,
    EndpointingSettings,
    EndReason,
    Mode,
    SpeechBegan,
    SpeechEnded,
    SpeechEvent,
    SpeechPaused,
    SpeechResumed,
)
from pipeline.engines import SAMPLE_RATE, Int16Audio
from pipeline.errors import NoOpenTurn
from pipeline.waiting import Signal, event_within

__all__ = [
    "AudioHeard",
    "BlockJudged",
    "Ear",
    "HearingEvent",
    "UtteranceBegan",
    "UtteranceEnded",
    "UtteranceVoid",
]

SLICE = 6 * 512
"""Samples that are listened to per wake-up: 192 ms."""
RECENT = 3 * SAMPLE_RATE // 2
"""How far back an utterance may begin: a prefix of 1 s at most, or half a second of button, and
some blocks until speech is detected. It is what a listening session weighs most: 48 KB."""
CAUGHT_UP = SAMPLE_RATE
COMMIT_PATIENCE_S = 1.0
PRESS_BACK = SAMPLE_RATE // 2
"""How far back the press of a button may reach."""


@dataclass(frozen=True, slots=True)
class AudioHeard:
    """The next samples; what follows from them comes after."""

    audio: Int16Audio


@dataclass(frozen=True, slots=True)
class UtteranceBegan:
    """The user speaks, or pressed the button; ``begin`` includes the prefix."""

    begin: int


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """The utterance is over. ``rule`` is what set the hang-over, for the log."""

    end: int
    reason: EndReason
    rule: str


@dataclass(frozen=True, slots=True)
class UtteranceVoid:
    """The utterance is over and does not count."""

    end: int


@dataclass(frozen=True, slots=True)
class BlockJudged:
    """Another block has been listened to: `Ear.speaking_samples` may have grown."""


_BLOCK_JUDGED: Final = BlockJudged()

HearingEvent: TypeAlias = (
    AudioHeard
    | UtteranceBegan
    | SpeechPaused
    | SpeechResumed
    | UtteranceEnded
    | UtteranceVoid
    | BlockJudged
)


class Ear:
    """Listens. All methods but `listen` and `caught_up` are synchronous and never wait.

    Positions are 16 kHz samples on the microphone's time line.

    Args:
        detector: This session's own.
        settings: How turns are taken.
        handle: Takes every event, in order, on the event loop.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        detector: SpeechDetector,
        settings: EndpointingSettings,
        handle: Callable[[HearingEvent], None],
        *,
        clock: Callable[[], float],
    ) -> None:
        self._detector = detector
        self._settings = settings
        self._handle = handle
        self._clock = clock
        self._endpointer = Endpointer(settings)
        self._backlog: Backlog[Callable[[], None]] = Backlog()
        self._recent = RecentAudio(RECENT)
        self._tasks = asyncio.TaskGroup()
        self._arrived = Signal()
        self._more = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._is_pressed = False
        self._presses = 0
        self._pressed_at: int | None = None
        self._utterance_press = 0
        self._late_release: asyncio.Task[None] | None = None
        self._late_press = 0
        self._floor = 0  # audio before it belongs to another stream, or to the far side of a gap

    async def listen(self) -> None:
        """Work off what arrives, until cancelled."""
        async with self._tasks:
            self._caught_up.set()
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                while (entry := self._backlog.take(SLICE)) is not None:
                    if callable(entry):
                        entry()
                    else:
                        self._hear_slice(entry)
                    if self._backlog.samples <= CAUGHT_UP:
                        self._caught_up.set()
                    if self._backlog:
                        await asyncio.sleep(0)

    @property
    def is_behind(self) -> bool:
        """Whether `caught_up` would have to wait."""
        return not self._caught_up.is_set()

    async def caught_up(self) -> None:
        """Wait until somebody listens and little audio is left to listen to."""
        await self._caught_up.wait()

    def configure(self, settings: EndpointingSettings) -> None:
        """Change how turns are taken; a change of mode ends an open utterance."""
        self._settings = settings
        self._tell(self._endpointer.configure(settings))

    # -- what is known --------------------------------------------------------------------------

    @property
    def arrived(self) -> int:
        """Position of the next sample to come."""
        return self._backlog.arrived

    @property
    def position(self) -> int:
        """Position of the next sample to listen to."""
        return self._recent.end

    @property
    def is_pressed(self) -> bool:
        """Whether the button is held."""
        return self._is_pressed

    @property
    def speaking_samples(self) -> int:
        """Samples of speech in the open utterance."""
        return self._endpointer.speaking_samples

    def since(self, position: int) -> tuple[int, Int16Audio]:
        """Return where the samples from ``position`` (or the oldest left) begin, and them."""
        return self._recent.since(position)

    def read(
        self,
        transcript: str,
        *,
        agreed_words: int,
        punctuated_twice: bool,
        language: str | None = None,
    ) -> None:
        """Take the newest hypothesis about the open utterance; it moves the hang-over."""
        self._endpointer.read(
            transcript,
            agreed_words=agreed_words,
            punctuated_twice=punctuated_twice,
            language=language,
        )

    # -- samples --------------------------------------------------------------------------------

    def hear(self, audio: Int16Audio) -> None:
        """Take the microphone's next samples.

        They are listened to when they complete a block: nothing can be decided before.
        """
        self._backlog.offer(audio)
        waiting = self._backlog.samples
        if waiting > CAUGHT_UP:
            self._caught_up.clear()
        if waiting >= self._detector.wanted:
            self._arrived.set()
        self._more.set()

    def break_off(self, reason: EndReason) -> None:
        """Audio ends here (the stream's end, or a gap): an open utterance is over."""
        end = self._end_received()
        self._mark(lambda: self._end(reason, at=end, final=True))

    def drop_utterance(self) -> None:
        """The stream starts anew: what was being said is void."""
        self._mark(lambda: self._discard(final=True))

    # -- the button -----------------------------------------------------------------------------

    def press(self, position: int | None = None) -> None:
        """An utterance begins at ``position`` (default: the next sample to arrive).

        It begins at most half a second before that sample.

        Raises:
            NoOpenTurn: In mode off.
        """
        if self._settings.mode is Mode.OFF:
            raise NoOpenTurn("audio is ignored in mode off; no turn can be started")
        self._is_pressed = True
        self._presses = number = self._presses + 1
        at = self.arrived if position is None else max(position, self.arrived - PRESS_BACK)
        self._mark(lambda: self._begin(at, number))

    def release(self, position: int | None = None) -> None:
        """The utterance ends at ``position`` (exclusive); waits up to 1 s for its audio.

        Raises:
            NoOpenTurn: In manual mode, if none was begun; in any other, if nobody speaks.
        """
        self._let_go()
        if position is None or position <= self.arrived:
            at = self._end_received() if position is None else position
            self._mark(lambda: self._end(EndReason.COMMIT, at=at))
        else:
            self._late_press = self._presses
            self._late_release = self._tasks.create_task(
                self._release_late(position), name="late-commit"
            )

    def abandon(self) -> None:
        """The utterance is void.

        Raises:
            NoOpenTurn: If none is open.
        """
        if not self._endpointer.is_open and not self._is_pressed:
            raise NoOpenTurn("no turn is open; there is nothing to cancel")
        self._is_pressed = False
        self._mark(self._discard)

    def _let_go(self) -> None:
        manual = self._settings.mode is Mode.MANUAL
        if manual and not self._is_pressed:
            raise NoOpenTurn("no turn was started; send turn.start first")
        # What has arrived and was not listened to yet may hold the speech that is meant.
        open_soon = self._is_pressed or self._backlog.samples
        if not manual and not self._endpointer.is_open and not open_soon:
            raise NoOpenTurn("nobody is speaking; there is nothing to commit")
        self._is_pressed = False

    def _end_received(self) -> int | None:
        """Where an utterance ends that ends here; None: at the detected end of speech."""
        return self.arrived if self._settings.mode is Mode.MANUAL else None

    async def _release_late(self, position: int) -> None:
        deadline = self._clock() + COMMIT_PATIENCE_S
        while self.arrived < position and (left := deadline - self._clock()) > 0:
            self._more.clear()
            await event_within(self._more, left)
        at = min(position, self.arrived)
        self._mark(lambda: self._end(EndReason.COMMIT, at=at))

    def _forget_late_release(self) -> bool:
        task, self._late_release = self._late_release, None
        return task is not None and task.cancel()

    # -- listening ------------------------------------------------------------------------------

    def _mark(self, action: Callable[[], None]) -> None:
        self._backlog.mark(action)
        self._arrived.set()

    def _hear_slice(self, audio: Int16Audio) -> None:
        self._recent.append(audio)
        self._handle(AudioHeard(audio))
        for block in self._detector.feed(audio):
            self._tell(self._endpointer.feed(block))
            self._handle(_BLOCK_JUDGED)

    def _begin(self, position: int, number: int) -> None:
        # The release may be here before the press was come to: then it is this turn's own.
        if self._late_press != number and self._forget_late_release():
            self._end(EndReason.COMMIT)  # the turn before gets no more audio
        self._pressed_at = min(position, self._recent.end)
        self._tell(self._endpointer.begin(self._pressed_at))
        self._pressed_at = None
        self._utterance_press = number

    def _end(self, reason: EndReason, *, at: int | None = None, final: bool = False) -> None:
        self._tell(self._endpointer.end(reason, at=at))
        if final:
            self._floor = self._recent.end

    def _discard(self, *, final: bool = False) -> None:
        if final:
            self._floor = self._recent.end
        self._forget_late_release()
        for event in self._endpointer.end(EndReason.COMMIT):
            if isinstance(event, SpeechEnded):
                self._handle(UtteranceVoid(event.end))

    def _tell(self, events: list[SpeechEvent]) -> None:
        for event in events:
            match event:
                case SpeechBegan():
                    self._utterance_press = 0
                    self._handle(UtteranceBegan(self._begin_of(event.onset)))
                case SpeechEnded():
                    if self._utterance_press == self._presses:  # no other one, begun meanwhile
                        self._is_pressed = False
                    rule = self._endpointer.hang_over.rule
                    self._handle(UtteranceEnded(event.end, event.reason, rule))
                case SpeechPaused() | SpeechResumed():
                    self._handle(event)

    def _begin_of(self, onset: int) -> int:
        prefix = self._settings.prefix_ms * SAMPLE_RATE // 1000
        begin = onset - prefix if self._pressed_at is None else self._pressed_at
        return max(self._floor, begin)
