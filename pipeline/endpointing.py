"""When a speaker begins, pauses, goes on and has finished. Pure: fed with blocks and texts.

Voice activity alone cannot tell a pause from an end: a fixed 300 ms of silence cuts into 56 % of
real turns, 600 ms into 22 %, and 5 % need 1600 ms (LiveKit's public eot-bench, VAD timer). So the
silence that ends a turn, the *hang-over*, depends on what was said so far: `RULES` is the table,
first match wins, and the choice is scaled by the speaker's own pauses and by the eagerness that
the session asks for.

Positions are 16 kHz samples since the session began.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from pipeline.detection import Block
from pipeline.engines import SAMPLE_RATE

__all__ = [
    "RULES",
    "VOCABULARIES",
    "Eagerness",
    "EndReason",
    "Endpointer",
    "EndpointingSettings",
    "HangOver",
    "Mode",
    "Reading",
    "Rule",
    "SpeechBegan",
    "SpeechEnded",
    "SpeechEvent",
    "SpeechPaused",
    "SpeechResumed",
    "Vocabulary",
    "choose_rule",
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
        language: BCP 47 primary tag: which word lists apply; others than `VOCABULARIES` have none.

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


# -- words --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of one language that tell whether a sentence goes on; all in lower case.

    Attributes:
        fillers: Hesitations.
        dangling: Words that hardly ever end a sentence: articles, conjunctions, possessives,
            pronouns with an auxiliary.
        linking: Prepositions, auxiliaries and the like: they seldom end a sentence ("Where are you
            from?"), and then its punctuation says so twice.
        answers: Complete answers on their own.
        numerals: Words that numbers are dictated with.
    """

    fillers: frozenset[str] = frozenset()
    dangling: frozenset[str] = frozenset()
    linking: frozenset[str] = frozenset()
    answers: frozenset[str] = frozenset()
    numerals: frozenset[str] = frozenset()


def _words(listing: str, *, separator: str = " ") -> frozenset[str]:
    return frozenset(listing.split(separator))


VOCABULARIES: Final[Mapping[str, Vocabulary]] = {
    "en": Vocabulary(
        fillers=_words("ah eh em er erm hm hmm mm uh uhm um umm"),
        dangling=_words(
            "a an the and but or nor because if unless until whether my your our their its every "
            "i i'm i'll i'd i've we're we'll we've you're they're he's she's there's let's"
        ),
        linking=_words(
            "about after against although among around as at before behind between by during "
            "except for from into near of onto per than through to toward towards under upon via "
            "with without when while though since so that which whose her his some any well like "
            "is are was were am be been will would shall should could can may might must very "
            "really"
        ),
        answers=_words(
            "yes,yeah,yep,yup,no,nope,ok,okay,sure,right,correct,exactly,stop,wait,cancel,thanks,"
            "thank you,no thanks,no thank you,yes please,please,hello,hi,goodbye,bye,never mind,"
            "of course,go on,go ahead,continue,next,repeat",
            separator=",",
        ),
        numerals=_words(
            "zero oh one two three four five six seven eight nine ten eleven twelve thirteen "
            "fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty "
            "seventy eighty ninety hundred thousand million double triple point plus dash slash"
        ),
    ),
    "de": Vocabulary(
        fillers=_words("äh ähm eh ehm hm hmm mm öh öhm also naja tja"),
        dangling=_words(
            "dem den des eine einem einen einer eines und oder aber denn sondern weil dass ob wenn "
            "falls obwohl damit mein dein unser euer jeder jede jedes zum zur im beim vom ins"
        ),
        linking=_words(
            "der die das ein auf aus bei bis durch für gegen hinter in mit nach neben ohne über um "
            "unter von vor wegen zu zwischen an am als während bevor nachdem sein seine ihr ihre "
            "meine meinen deine unsere ich wir sehr dieser diese dieses kein keine keinen ist sind "
            "war kann muss will soll wird"
        ),
        answers=_words(
            "ja,jep,jo,nein,nee,nö,ok,okay,gut,genau,richtig,stimmt,klar,sicher,stopp,stop,halt,"
            "warte,abbrechen,danke,nein danke,ja bitte,bitte,hallo,tschüss,egal,weiter,"
            "danke schön,vielen dank,natürlich",
            separator=",",
        ),
        numerals=_words(
            "null eins ein zwei zwo drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn "
            "vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn zwanzig dreißig vierzig fünfzig "
            "sechzig siebzig achtzig neunzig hundert tausend komma plus strich"
        ),
    ),
}
"""Word lists by BCP 47 primary tag: closed classes of the standard grammars, our own selection."""

_NO_VOCABULARY: Final = Vocabulary()
_SENTENCE_END: Final = frozenset(".?!。？！؟।")
_WORD: Final = re.compile(r"[^\W_]+(?:['’.:,/+-][^\W_]+)*")
_SEPARATOR: Final = re.compile(r"[.:,/+-]")
_CLOSING: Final = "\"'”’»)]} "


@dataclass(frozen=True, slots=True)
class Reading:
    """The newest hypothesis, taken apart for the rules.

    Attributes:
        words: In lower case, without punctuation.
        ending: The punctuation after the last word: "." "?" "!" "," "..." or "".
        twice: The sentence's end was there in the hypothesis before, too (or the word before it is
            beyond doubt): Whisper puts a full stop after most fragments.
        agreed_words: Words on which two hypotheses agree.
        is_fresh: It was read since the speaker fell silent, so its last word is the last word.
        punctuates: The recognizer has ended a sentence before, so that a text without an end says
            something.
        vocabulary: Of the language spoken.
    """

    words: tuple[str, ...] = ()
    ending: str = ""
    twice: bool = False
    agreed_words: int = 0
    is_fresh: bool = False
    punctuates: bool = False
    vocabulary: Vocabulary = _NO_VOCABULARY

    @classmethod
    def of(
        cls,
        transcript: str,
        *,
        twice: bool,
        agreed_words: int,
        is_fresh: bool,
        punctuates: bool,
        language: str,
    ) -> Reading:
        """Take a transcript apart."""
        words = tuple(word.lower().replace("’", "'") for word in _WORD.findall(transcript))
        vocabulary = VOCABULARIES.get(language.partition("-")[0].lower(), _NO_VOCABULARY)
        ending = _ending(transcript)
        return cls(words, ending, twice, agreed_words, is_fresh, punctuates, vocabulary)

    @property
    def last(self) -> str:
        """The last word, or ""."""
        return self.words[-1] if self.words else ""

    @property
    def is_sentence(self) -> bool:
        """Whether it ends like a sentence."""
        return self.ending in _SENTENCE_END and self.ending != ""

    @property
    def trailing_numerals(self) -> tuple[str, ...]:
        """The digits, number words and spelled letters at the end."""
        count = len(self.words)
        while count and self._is_numeral(self.words[count - 1]):
            count -= 1
        return self.words[count:]

    def _is_numeral(self, word: str) -> bool:
        return len(word) == 1 or word in self.vocabulary.numerals or _figures(word) > 0


def _figures(word: str) -> int:
    """How many digits it is made of; 0 if of anything else."""
    digits = _SEPARATOR.sub("", word)
    return len(digits) if digits.isdecimal() else 0


def _ending(transcript: str) -> str:
    text = transcript.rstrip(_CLOSING)
    if text.endswith(("...", "…", "—", "–", " -")):
        return "..."
    last = text[-1:]
    return last if last in _SENTENCE_END or last in ",;:、，" else ""


# -- rules --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: if it applies, so much silence ends the turn."""

    name: str
    milliseconds: int
    applies: Callable[[Reading], bool] = field(compare=False, repr=False)


def _is_counting(reading: Reading) -> bool:
    # An hour, an amount or a year ends a sentence; a telephone number, a code or a spelling goes
    # on: at least three of them, which are most of the turn or more than a year has.
    numerals = reading.trailing_numerals
    figures = sum(max(_figures(word), 1) for word in numerals)
    if figures < 3 or reading.ending == "?":
        return False
    return figures >= 5 or 2 * len(numerals) >= len(reading.words)


def _is_answer(reading: Reading) -> bool:
    return reading.ending not in {",", "..."} and " ".join(reading.words) in (
        reading.vocabulary.answers
    )


RULES: Final[tuple[Rule, ...]] = (
    Rule("unread", 600, lambda reading: not reading.is_fresh or not reading.words),
    Rule("filler", 1200, lambda reading: reading.last in reading.vocabulary.fillers),
    Rule("dangling", 1200, lambda reading: reading.last in reading.vocabulary.dangling),
    Rule("open", 1200, lambda reading: reading.ending == "..."),
    Rule("numbers", 1000, _is_counting),
    Rule("comma", 1200, lambda reading: reading.ending in tuple(",;:、，")),
    Rule(
        "linking",
        1200,
        lambda reading: (
            reading.last in reading.vocabulary.linking
            and not (reading.is_sentence and reading.twice)
        ),
    ),
    Rule("answer", 300, _is_answer),
    Rule("sentence", 350, lambda reading: reading.is_sentence and reading.twice),
    Rule("question", 400, lambda reading: reading.ending == "?"),
    Rule("few words", 700, lambda reading: len(reading.words) <= 2),
    Rule("monologue", 800, lambda reading: reading.agreed_words >= 25),
    Rule("no end", 800, lambda reading: reading.punctuates and not reading.is_sentence),
    Rule("base", 500, lambda _: True),
)
"""The hang-over by what was said; the first row that applies counts.

Milliseconds start from the score in our notes on end-of-turn detectors (500 base, 350 after a
sentence, 1200 where it must go on, 1000 in numbers, 300 after an answer) and were kept or moved by
``python -m benchmarks.endpointing``. "unread" stands for no transcript at all, too.
"""


def choose_rule(reading: Reading) -> Rule:
    """The first row of `RULES` that applies; the last one always does."""
    return next(rule for rule in RULES if rule.applies(reading))


@dataclass(frozen=True, slots=True)
class HangOver:
    """How much silence ends the open utterance, and why.

    Attributes:
        rule: Name of the row of `RULES`; "fixed" as configured; "waiting" where an utterance was
            opened by hand and nothing was said yet.
        milliseconds: After scaling and clamping.
    """

    rule: str
    milliseconds: int

    @property
    def samples(self) -> int:
        """The same at 16 kHz."""
        return self.milliseconds * _PER_MS


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
