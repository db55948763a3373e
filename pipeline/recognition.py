"""Recognises one user turn while it is being spoken.

The growing utterance is read again and again: about every half second for a partial transcript,
and at the first short silence for the final one, so that it is ready when the endpointer has made
up its mind. A turn longer than the recognizer's window is cut at pauses; the turn stays open.

`Recognition` is one task. `_Timeline` below decides, without waiting, what to decode next; the task
carries it out, one job at a time.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from pipeline.agreement import Agreement, LocalAgreement, joined
from pipeline.engines import (
    SAMPLE_RATE,
    Hypothesis,
    HypothesisKind,
    Int16Audio,
    RecognitionJob,
    Recognizer,
    StopSignal,
    UtteranceDecoder,
    Word,
)
from pipeline.engines.thread import EngineRunner, Priority, call
from pipeline.errors import EngineError
from pipeline.waiting import Signal

__all__ = ["Partial", "Recognition", "RecognitionSettings", "Transcript"]

log = logging.getLogger(__name__)

_QUIET = SAMPLE_RATE // 5  # a cut is made in the middle of the quietest 200 ms
_STEP = SAMPLE_RATE // 50


@dataclass(frozen=True, slots=True)
class RecognitionSettings:
    """How a turn is read.

    Attributes:
        language: BCP 47 primary tag, or None to detect it.
        window_seconds: Longest audio that the recognizer reads well at once; a longer turn is cut.
        first_partial_seconds: Speech until the first partial, the pre-roll not counted.
        partial_seconds: Audio between partials, at least; more where a partial costs more.
        preroll_seconds: Audio before the onset of speech that `hear` gets first.
        tail_seconds: Silence behind the end of speech that a final reads, as far as it was heard.
        reuse_seconds: A final stays valid if the end of speech moved by less than this.
        margin_seconds: See `LocalAgreement`.
        partials: Whether there are any; finals come without them, too.
        previous_text: Whether a window's text is given to the decoder of the next one.
        partial_within: Seconds until a partial is given up.
        final_within: Seconds until a final is given up, and the turn with it.
        max_seconds: Audio kept of one turn; what comes later is not heard.
    """

    language: str | None = None
    window_seconds: float = 30.0
    first_partial_seconds: float = 0.6
    partial_seconds: float = 0.5
    preroll_seconds: float = 0.5
    tail_seconds: float = 0.3
    reuse_seconds: float = 0.15
    margin_seconds: float = 0.4
    partials: bool = True
    previous_text: bool = False
    partial_within: float = 5.0
    final_within: float = 20.0
    max_seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class Partial:
    """What has been understood of an unfinished turn.

    Attributes:
        text: Of the whole turn so far.
        stable: Code points at the start of ``text`` with which every later partial of the turn
            begins, too. The final transcript is decoded afresh and may differ.
        confidence: In [0, 1]; of the newest hypothesis.
        punctuated_twice: Whether the last two hypotheses ended a sentence with the same words.
        words: Words in the stable part.
    """

    text: str
    stable: int
    confidence: float | None
    punctuated_twice: bool
    words: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in a turn.

    Attributes:
        text: "" where nothing was understood.
        language: BCP 47 primary tag, "" if unknown.
        confidence: In [0, 1]: mean probability of the words; None where there are none.
        no_speech: Whether nothing was said.
        words: With times in seconds from ``begin``.
        begin: Position of the turn's first sample on the microphone's time line (16 kHz).
    """

    text: str
    language: str
    confidence: float | None
    no_speech: bool
    words: tuple[Word, ...]
    begin: int


class _Purpose(Enum):
    """What a job is for."""

    PARTIAL = "partial"
    FINAL = "final"
    WINDOW = "window"  # the final of a window that is not the turn's last


@dataclass(frozen=True, slots=True)
class _Job:
    """A stretch to decode, in samples from the turn's first; ``speech_end`` is without the tail."""

    purpose: _Purpose
    begin: int
    end: int
    speech_end: int


class _Audio:
    """The turn's samples; grows in steps, up to a bound."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._samples = np.zeros(min(limit, 3 * SAMPLE_RATE), np.int16)
        self.heard = 0

    def append(self, audio: Int16Audio) -> None:
        """Keep what fits."""
        audio = audio[: self._limit - self.heard]
        if not len(audio):
            return
        end = self.heard + len(audio)
        if end > len(self._samples):
            longer = np.zeros(min(self._limit, max(2 * len(self._samples), end)), np.int16)
            longer[: self.heard] = self._samples[: self.heard]
            self._samples = longer
        self._samples[self.heard : end] = audio
        self.heard = end

    def forget(self) -> None:
        """Free the samples; none are kept from here on."""
        self._limit = self.heard
        self._samples = np.zeros(0, np.int16)

    def copy(self, begin: int, end: int) -> Int16Audio:
        """Return samples that stay as they are."""
        return self._samples[begin:end].copy()

    def quietest(self, begin: int, end: int) -> int:
        """Return the middle of the quietest 200 ms, of all where there are fewer."""
        if end - begin <= _QUIET:
            return (begin + end) // 2
        whole = (end - begin) // _STEP
        steps = self._samples[begin : begin + whole * _STEP].astype(np.float32).reshape(-1, _STEP)
        energy = np.concatenate(([0.0], np.cumsum(np.einsum("ij,ij->i", steps, steps))))
        width = _QUIET // _STEP
        return begin + int(np.argmin(energy[width:] - energy[:-width])) * _STEP + _QUIET // 2


@dataclass(slots=True)
class _Break:
    """A pause after which speech went on: a good place to cut.

    Attributes:
        speech_end: Where speech ended.
        cut: Where the silence is deepest.
        final: What was understood up to there, if that was decoded.
    """

    speech_end: int
    cut: int
    final: Hypothesis | None


class _Timeline:
    """What of a turn is decoded, what is next, and when it is complete. Nothing here waits."""

    def __init__(self, settings: RecognitionSettings) -> None:
        self._settings = settings
        self.audio = _Audio(_samples(settings.max_seconds))
        self._agreement = LocalAgreement(margin=settings.margin_seconds)
        self._closed: list[tuple[int, Hypothesis]] = []  # windows by their first sample
        self._open_from = 0  # first sample of the open window
        self._breaks: list[_Break] = []  # in the open window
        self._paused: int | None = None  # the end of speech, while there is silence
        self._finished = False
        self._final: tuple[_Job, Hypothesis] | None = None  # newest final of the open window
        self._window = _samples(settings.window_seconds)
        self._partial_due = _samples(settings.preroll_seconds + settings.first_partial_seconds)

    # What happens.

    def pause(self, end: int) -> None:
        """Take the end of speech, for now."""
        self._paused = self._clip(end)

    def resume(self) -> None:
        """Speech went on after the pause."""
        if self._finished or self._paused is None:
            return
        cut = self.audio.quietest(self._paused, self.audio.heard)
        self._breaks.append(_Break(self._paused, cut, self._final_for(self._paused)))
        self._paused = None

    def finish(self, end: int) -> None:
        """Take the end of speech, for good."""
        self._finished, self._paused = True, self._clip(end)

    def started(self, job: _Job) -> None:
        """Any job shows what a partial would: the next one is due an interval later."""
        self._postpone(job.end, self._settings.partial_seconds)

    def took(self, job: _Job, seconds: float) -> None:
        """Space partials so that they take at most half of the time."""
        self._postpone(job.end, 2 * seconds)

    def accept(self, job: _Job, hypothesis: Hypothesis) -> Partial | None:
        """Take a job's result; return a partial to show, if there is one."""
        if job.begin != self._open_from:
            return None
        if job.purpose is _Purpose.WINDOW:
            return self._close(job.end, hypothesis)
        if job.purpose is _Purpose.FINAL:
            self._keep(job, hypothesis)
        if self._finished:
            return None
        heard = (job.end - job.begin) / SAMPLE_RATE
        found = self._agreement.update(hypothesis.text, hypothesis.words, heard=heard)
        return _partial(found, hypothesis)

    # What to do.

    @property
    def is_complete(self) -> bool:
        """Whether the final transcript is known."""
        return self._finished and self._is_settled(self._paused)

    def next_job(self) -> _Job | None:
        """Return what to decode now, or None if there is nothing to do until something happens."""
        if (job := self._window_job()) is not None:
            return job
        if self._paused is not None:
            return None if self._is_settled(self._paused) else self._final_job(self._paused)
        if self._settings.partials and self.audio.heard >= self._partial_due:
            heard = self.audio.heard
            return _Job(_Purpose.PARTIAL, self._open_from, heard, heard)
        return None

    def outranks(self, job: _Job, running: _Job) -> bool:
        """Whether a job takes the place of the one that runs, whose result is worth less now."""
        if running.purpose is _Purpose.PARTIAL:
            return job.purpose is not _Purpose.PARTIAL
        both_final = job.purpose is running.purpose is _Purpose.FINAL
        return both_final and not self._is_near(job.speech_end, running.speech_end)

    def transcript(self, begin: int) -> Transcript:
        """Put the turn together; it must be complete."""
        pieces = list(self._closed)
        if self._final is not None:
            pieces.append((self._open_from, self._final[1]))
        hypotheses = [hypothesis for _, hypothesis in pieces]
        text = joined(each.text for each in hypotheses)
        words = [
            replace(word, start=word.start + at / SAMPLE_RATE, end=word.end + at / SAMPLE_RATE)
            for at, hypothesis in pieces
            for word in hypothesis.words
        ]
        language = next((each.language for each in hypotheses if each.text), "")
        return Transcript(text, language, _confidence(hypotheses), not text, tuple(words), begin)

    @property
    def previous_text(self) -> str:
        """What was said before the open window, if the decoder is to know it."""
        if not self._settings.previous_text or not self._closed:
            return ""
        return self._closed[-1][1].text

    def _clip(self, end: int) -> int:
        return min(max(end, self._open_from), self.audio.heard)

    def _postpone(self, end: int, seconds: float) -> None:
        self._partial_due = max(self._partial_due, end + _samples(seconds))

    def _is_near(self, end: int, other: int) -> bool:
        return abs(end - other) < _samples(self._settings.reuse_seconds)

    def _final_for(self, end: int) -> Hypothesis | None:
        """Return the final that is still right if speech ended there."""
        if self._final is None or not self._is_near(end, self._final[0].speech_end):
            return None
        return self._final[1]

    def _is_settled(self, end: int | None) -> bool:
        """Whether everything is decoded that was said up to there."""
        if end is None:
            return False
        nothing_left = bool(self._closed) and self._is_near(end, self._open_from)
        return nothing_left or self._final_for(end) is not None

    def _final_job(self, end: int) -> _Job:
        tail = min(self.audio.heard, end + _samples(self._settings.tail_seconds))
        return _Job(_Purpose.FINAL, self._open_from, min(tail, self._open_from + self._window), end)

    def _keep(self, job: _Job, hypothesis: Hypothesis) -> None:
        self._final = (job, hypothesis)
        for each in self._breaks:
            if each.speech_end == job.speech_end:
                each.final = hypothesis

    def _window_job(self) -> _Job | None:
        """Close windows until the open one is not too long; return a job if that takes one."""
        while (self._reach() - self._open_from) > self._window:
            pause = self._last_break()
            if pause is None:
                # No pause: cut where it is quietest, not too early, so that the window is worth it.
                limit = self._open_from + self._window
                cut = self.audio.quietest(limit - self._window * 3 // 5, limit)
                return _Job(_Purpose.WINDOW, self._open_from, cut, cut)
            if pause.final is None:
                return _Job(_Purpose.WINDOW, self._open_from, pause.cut, pause.speech_end)
            self._close(pause.cut, pause.final)
        return None

    def _reach(self) -> int:
        return self.audio.heard if self._paused is None else self._paused

    def _last_break(self) -> _Break | None:
        """Return the last pause in the reach of a window that makes it at least a quarter full."""
        earliest, latest = self._open_from + self._window // 4, self._open_from + self._window
        good = [each for each in self._breaks if earliest <= each.speech_end and each.cut <= latest]
        return good[-1] if good else None

    def _close(self, cut: int, hypothesis: Hypothesis) -> Partial:
        found = self._agreement.close(hypothesis.text, hypothesis.words)
        self._closed.append((self._open_from, hypothesis))
        self._open_from, self._final = cut, None
        # Finals at later pauses began with the words that are closed now.
        self._breaks = [replace(each, final=None) for each in self._breaks if each.cut > cut]
        return _partial(found, hypothesis)


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


def _partial(found: Agreement, hypothesis: Hypothesis) -> Partial:
    return Partial(
        text=found.text,
        stable=found.stable,
        confidence=_confidence([hypothesis]),
        punctuated_twice=found.punctuated_twice,
        words=found.words,
    )


def _confidence(hypotheses: Sequence[Hypothesis]) -> float | None:
    """Return the mean probability of the words, or of the tokens where there are no words."""
    words = [word.probability for each in hypotheses for word in each.words]
    if words:
        return min(1.0, sum(words) / len(words))
    spoken = [each.average_log_probability for each in hypotheses if each.text]
    return math.exp(min(0.0, sum(spoken) / len(spoken))) if spoken else None


class Recognition:
    """One user turn; lives as one task.

    `hear`, `pause`, `resume` and `finish` never wait and are called on the event loop, in the order
    of the microphone's time line. Positions are 16 kHz samples on that line.

    Args:
        recognizer: Where the recognizer runs.
        settings: How to read the turn.
        begin: Position of the first sample that `hear` will get.
        report: Called with every new partial, in the task that runs `run`; must not wait.
        clock: Monotonic seconds; measures what partials cost.
    """

    def __init__(
        self,
        recognizer: EngineRunner[Recognizer],
        settings: RecognitionSettings,
        *,
        begin: int,
        report: Callable[[Partial], None],
        clock: Callable[[], float],
    ) -> None:
        self._recognizer = recognizer
        self._settings = settings
        self._begin = begin
        self._report = report
        self._clock = clock
        self._timeline = _Timeline(settings)
        self._decoder: UtteranceDecoder | None = None
        self._wakeup = Signal()
        self._running: tuple[_Job, asyncio.Task[None]] | None = None
        self._outcome: Hypothesis | EngineError | None = None

    def hear(self, audio: Int16Audio) -> None:
        """Take the next samples; beyond ``max_seconds`` they are dropped."""
        self._timeline.audio.append(audio)
        self._wakeup.set()

    def pause(self, end: int) -> None:
        """Speech ended at ``end``, it seems: the final starts now."""
        self._timeline.pause(end - self._begin)
        self._wakeup.set()

    def resume(self) -> None:
        """Speech went on: what the final found is worth a partial only."""
        self._timeline.resume()
        self._wakeup.set()

    def finish(self, end: int) -> None:
        """The turn has ended, with speech up to ``end``; `run` will return the transcript."""
        self._timeline.finish(end - self._begin)
        self._wakeup.set()

    async def run(self) -> Transcript:
        """Recognise until `finish`, then return the final transcript.

        Cancelling it drops the turn at once: waiting jobs are gone, and what a running one finds
        reaches nobody.

        Raises:
            EngineError: If the recognizer failed at a final, be it before `finish`; a failed
                partial is only missing.
        """
        try:
            await self._complete()
            return self._timeline.transcript(self._begin)
        finally:
            # A session keeps its last turn for long, and need not keep what it sounded like.
            self._timeline.audio.forget()

    async def _complete(self) -> None:
        failure: EngineError | None = None
        async with asyncio.TaskGroup() as tasks:
            while failure is None and not self._timeline.is_complete:
                self._start_next(tasks)
                await self._wakeup.wait()
                self._wakeup.clear()
                failure = self._take_outcome()
            if self._running is not None:
                self._running[1].cancel()
        if failure is not None:
            raise failure

    def _start_next(self, tasks: asyncio.TaskGroup) -> None:
        job = self._timeline.next_job()
        if job is None:
            return
        if self._running is not None:
            running, task = self._running
            if not self._timeline.outranks(job, running):
                return
            task.cancel()
        self._timeline.started(job)
        name = f"recognition-{job.purpose.name.lower()}"
        self._running = (job, tasks.create_task(self._decode(job), name=name))

    def _take_outcome(self) -> EngineError | None:
        """Apply what the running job gave, if it has ended; return what the turn fails of."""
        if self._outcome is None or self._running is None:
            return None
        (job, _), outcome = self._running, self._outcome
        self._running = self._outcome = None
        if isinstance(outcome, EngineError):
            if job.purpose is not _Purpose.PARTIAL:
                return outcome
            log.debug("a partial transcript is missing: %s", outcome)
            return None
        partial = self._timeline.accept(job, outcome)
        if partial is not None:
            self._report(partial)
        return None

    async def _decode(self, job: _Job) -> None:
        """Run one job; cancelled, it leaves nothing behind."""
        audio, before = self._timeline.audio.copy(job.begin, job.end), self._timeline.previous_text
        partial = job.purpose is _Purpose.PARTIAL
        kind = HypothesisKind.PARTIAL if partial else HypothesisKind.FINAL

        def work(engine: Recognizer, stop: StopSignal) -> Hypothesis:
            if self._decoder is None:
                self._decoder = engine.utterance(language=self._settings.language)
            sound = audio.astype(np.float32) * np.float32(1 / 32768)
            return self._decoder.recognize(RecognitionJob(sound, kind, before), stop=stop)

        began = self._clock()
        try:
            self._outcome = await call(
                self._recognizer,
                work,
                priority=Priority.PARTIAL if partial else Priority.FIRST,
                within=self._settings.partial_within if partial else self._settings.final_within,
            )
        except EngineError as error:
            self._outcome = error
        self._timeline.took(job, self._clock() - began)
        self._wakeup.set()
