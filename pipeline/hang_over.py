"""How much silence ends a turn, by what was said so far: word lists, and a table of rules. Pure.

Voice activity alone cannot tell a pause from an end: a fixed 300 ms of silence cuts into 56 % of
real turns, 600 ms into 22 %, and 5 % need 1600 ms (LiveKit's public eot-bench, VAD timer). So the
silence that ends a turn, the *hang-over*, depends on what was said so far: `RULES` is the table,
first match wins.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pipeline.engines import SAMPLE_RATE

__all__ = [
    "RULES",
    "VOCABULARIES",
    "HangOver",
    "Reading",
    "Rule",
    "Vocabulary",
    "choose_rule",
]

_PER_MS: Final = SAMPLE_RATE // 1000

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

Milliseconds start from a first estimate (500 base, 350 after a
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
