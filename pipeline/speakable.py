"""Turns written text into words that can be spoken, and remembers where each of them stood.

Language models write for the eye: markdown, links, symbols, figures. A voice needs words. What is
particular to a language is in `pipeline.speech_tables`; numbers are read by num2words. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple, TypeAlias

from num2words import num2words

from pipeline.speech_tables import Currency, SpeechTables, tables

__all__ = ["Speakable", "SpeakableWord", "speakable"]


@dataclass(frozen=True, slots=True)
class SpeakableWord:
    """One written word (or several that are read together, such as a date), as it is spoken.

    Attributes:
        start, end: Character offsets in the original text, end exclusive; the marks that touch the
            word are included. Words are in order and do not overlap.
        spoken: What to say, with the punctuation that shapes the melody; never empty.
    """

    start: int
    end: int
    spoken: str


@dataclass(frozen=True, slots=True)
class Speakable:
    """A text as it is spoken; without words if there is nothing to say."""

    words: tuple[SpeakableWord, ...] = ()

    @property
    def text(self) -> str:
        """The spoken words, joined by spaces."""
        return " ".join(word.spoken for word in self.words)

    def __bool__(self) -> bool:
        return bool(self.words)


def speakable(text: str, language: str = "en") -> Speakable:
    """Return ``text`` as it is to be spoken. Raises nothing, whatever the text.

    Args:
        text: A whole segment; a markdown code block that it opens reaches to its end.
        language: BCP 47 tag. Without tables for it, markdown, emoji and addresses are treated
            all the same, and numbers are read where num2words knows the language.
    """
    clean, origins = _without_markup(text)
    front_end = _front_end(language)
    words = _words(front_end.pieces(clean))
    return Speakable(tuple(_widened(text, [_at_origin(word, origins) for word in words])))


# -- markup ------------------------------------------------------------------------------------

# Markup is overwritten in place by a character that cannot be spoken, so that offsets hold; what
# is overwritten is then left out.
_GONE: Final = "\ue000"
_BULLET: Final = "\ue001"
_KEEP: Final = "keep"  # names the group of a pattern that survives

_MARKUP: Final[tuple[re.Pattern[str], ...]] = (
    re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL),
    re.compile(
        r"^[ \t]*(?P<fence>`{3,}|~{3,}).*?(?:^[ \t]*(?P=fence)[`~]*[ \t]*$|\Z)",
        re.DOTALL | re.MULTILINE,
    ),
    re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL),
    re.compile(r"!?\[(?P<keep>[^\[\]]*)\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?:\s[^()]*)?\)"),
    re.compile(r"\[\^?\d{1,3}\]"),  # footnotes and citations
    re.compile(r"\[(?P<keep>[^\[\]]+)\]\[[^\[\]]*\]"),
    re.compile(r"<(?P<keep>(?:https?://|mailto:)?[^\s<>@]+[.@][^\s<>]+)>"),
    re.compile(r"</?[a-zA-Z][^<>\n]*>"),
    re.compile(r"^[ \t]*\|?(?:[ \t]*:?-{2,}:?[ \t]*\|?)+[ \t]*$", re.MULTILINE),  # table rules
    re.compile(r"^[ \t]*(?:\*[ \t]*){3,}$|^[ \t]*(?:_[ \t]*){3,}$|^[ \t]*={3,}$", re.MULTILINE),
    re.compile(r"^[ \t]*\|[ \t]*|[ \t]*\|[ \t]*$", re.MULTILINE),  # the borders of a table
    re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+|[ \t]+#{1,6}[ \t]*$", re.MULTILINE),
    re.compile(r"^[ \t]*(?:>[ \t]?)+", re.MULTILINE),
    re.compile(r"\*\*\*?|~~|`+|(?<!\w)__(?=\S)|(?<=\S)__(?!\w)"),
    re.compile(r"(?<![\w*])\*(?=[^\s*])|(?<=[^\s*])\*(?![\w*])"),
    re.compile(r"(?<!\w)_(?=\w)|(?<=[\w.,!?])_(?!\w)"),
    re.compile(r"\\(?=[\\`*_{}\[\]()#+\-.!|$])"),
    re.compile(r"(?<!\S)[:;=8][-']?[)(DPp/\\|](?!\S)"),  # emoticons
)
_BULLETS: Final = re.compile(
    r"^(?P<space>[ \t>]*)[-*+•‣◦▪](?=[ \t])(?P<box>[ \t]+\[[ xX]\])?", re.MULTILINE
)
_SPOKEN_SYMBOLS: Final = frozenset("°")


def _without_markup(text: str) -> tuple[str, list[int]]:
    """Return ``text`` without markup and emoji, and the offset of each remaining character."""
    masked = text.replace(_GONE, " ").replace(_BULLET, " ")
    for pattern in _MARKUP[:2]:  # code first: what it holds is no markup
        masked = pattern.sub(_mask, masked)
    masked = _BULLETS.sub(_mask_bullet, masked)
    for pattern in _MARKUP[2:]:
        masked = pattern.sub(_mask, masked)
    kept = [
        (index, " " if _is_silent(character) else character)
        for index, character in enumerate(masked)
        if character != _GONE
    ]
    return "".join(character for _, character in kept), [index for index, _ in kept]


def _mask(match: re.Match[str]) -> str:
    kept = match.groupdict().get(_KEEP)
    if kept is None:
        return _GONE * len(match[0])
    before = match.start(_KEEP) - match.start()
    return _GONE * before + kept + _GONE * (len(match[0]) - before - len(kept))


def _mask_bullet(match: re.Match[str]) -> str:
    hidden = len(match[0]) - len(match["space"]) - 1
    return match["space"] + _BULLET + _GONE * hidden


def _is_silent(character: str) -> bool:
    """Whether a character is a picture, a modifier of one, or invisible."""
    if character.isascii():
        return not character.isprintable() and not character.isspace()
    if character in _SPOKEN_SYMBOLS or character == _BULLET:
        return False
    category = unicodedata.category(character)
    return category in {"So", "Sk", "Cf", "Cc", "Co", "Cs", "Cn", "Me"} or (
        0xFE00 <= ord(character) <= 0xFE0F
    )


# -- words -------------------------------------------------------------------------------------

_PAUSES: Final = ".,;:!?"


class _Piece(NamedTuple):
    """A stretch of the clean text and what is said for it; "" for white space and silence."""

    start: int
    end: int
    spoken: str
    is_break: bool = False


def _words(pieces: Iterator[_Piece]) -> list[SpeakableWord]:
    words: list[SpeakableWord] = []
    start, end, spoken = 0, 0, ""
    for piece in pieces:
        if not spoken:
            start = piece.start
        if piece.spoken:
            spoken += piece.spoken
            end = end if piece.is_break else piece.end
        if piece.is_break:
            _append(words, start, end, spoken)
            spoken = ""
    _append(words, start, end, spoken)
    return words


def _append(words: list[SpeakableWord], start: int, end: int, spoken: str) -> None:
    """Add a word; what has no sound of its own ends the word before it with a pause, if any."""
    tidy = _tidied(spoken)
    if any(character.isalnum() for character in tidy):
        words.append(SpeakableWord(start, end, tidy))
        return
    mark = next((character for character in tidy if character in _PAUSES), "")
    if mark and words and words[-1].spoken[-1] not in _PAUSES:
        last = words[-1]
        words[-1] = SpeakableWord(last.start, last.end, last.spoken + mark)


_SPACES: Final = re.compile(r"\s+")
_SPACE_BEFORE_MARK: Final = re.compile(r"\s+(?=[.,;:!?])")
_MARKS: Final = re.compile(r"[.,;:!?]{2,}")


def _tidied(spoken: str) -> str:
    text = _SPACES.sub(" ", spoken).strip()
    text = _SPACE_BEFORE_MARK.sub("", text)
    text = _MARKS.sub(lambda match: _strongest(match[0]), text)
    return text.lstrip(_PAUSES + " -'") if any(map(str.isalnum, text)) else text


def _strongest(marks: str) -> str:
    return next(mark for mark in "?!.:;," if mark in marks)


def _at_origin(word: SpeakableWord, origins: list[int]) -> SpeakableWord:
    return SpeakableWord(origins[word.start], origins[word.end - 1] + 1, word.spoken)


def _widened(text: str, words: list[SpeakableWord]) -> Iterator[SpeakableWord]:
    """Let each word reach over the markup that touches it, up to the next word."""
    floor = 0
    for index, word in enumerate(words):
        start, end = word.start, word.end
        ceiling = words[index + 1].start if index + 1 < len(words) else len(text)
        while start > floor and not text[start - 1].isspace():
            start -= 1
        while end < ceiling and not text[end].isspace():
            end += 1
        floor = end
        yield SpeakableWord(start, end, word.spoken)


# -- rules -------------------------------------------------------------------------------------

_Reader: TypeAlias = "Callable[[re.Match[str]], str | None]"

_LITERALS: Final = str.maketrans(
    {
        **dict.fromkeys('()[]{}"“”„«»<>\\^*_~#`‹›⟨⟩「」『』【】《》〈〉（）', " "),
        **{"’": "'", "‘": "'", "ʼ": "'", "。": ". ", "！": "! ", "？": "? ", "．": ". ", "｡": ". "},
        **{
            "，": ", ",
            "、": ", ",
            "：": ": ",
            "；": "; ",
            _BULLET: " ",
            "‑": "-",
            "|": ", ",
            "\u00ad": "",
        },
    }
)
_WIDE_MARKS: Final = "。！？．｡，、：；"
_LITERAL: Final = re.compile(rf"\s+|[{_WIDE_MARKS}]|[^\s{_WIDE_MARKS}]+")
_TRAILING: Final = ".,;:!?)]}'\"”’»*_"


class _FrontEnd:
    """The rules of one language, tried from left to right, the first in the list first."""

    def __init__(self, known: SpeechTables) -> None:
        self._known = known
        self._rules = tuple(self._build())

    def pieces(self, text: str) -> Iterator[_Piece]:
        """Yield what is said for each stretch of ``text``, without gaps."""
        position = 0
        upcoming = [rule.search(text) for rule, _ in self._rules]
        while position < len(text):
            found = self._next(text, position, upcoming)
            until = found.start if found else len(text)
            yield from map(_literal, _LITERAL.finditer(text, position, until))
            if found is None:
                return
            yield found
            position = found.end

    def _next(
        self, text: str, position: int, upcoming: list[re.Match[str] | None]
    ) -> _Piece | None:
        """Return the leftmost piece that a rule reads at or after ``position``."""
        while True:
            best = -1
            for index, (rule, _) in enumerate(self._rules):
                match = upcoming[index]
                if match is not None and match.start() < position:
                    match = upcoming[index] = rule.search(text, position)
                if match is not None and (best < 0 or match.start() < _start(upcoming[best])):
                    best = index
            if best < 0:
                return None
            rule, read = self._rules[best]
            match = upcoming[best]
            if match is None or (spoken := read(match)) is None:
                upcoming[best] = rule.search(text, _start(match) + 1)
                continue
            return _Piece(match.start(), match.end(), spoken, "\n" in match[0])

    # The patterns below may assume that the tables they use are not empty.

    def _build(self) -> Iterator[tuple[re.Pattern[str], _Reader]]:
        yield re.compile(rf"\s*\n[\s{_BULLET}]*"), self._read_line_break
        yield re.compile(r"(?:https?://|www\.)[^\s<>]+"), self._read_address
        yield (
            re.compile(r"(?:mailto:)?(?P<user>[\w.+\-]+)@(?P<host>\w[\w\-]*(?:\.\w[\w\-]*)+)"),
            (self._read_mail),
        )
        if self._known.abbreviations:
            written = _any_of(self._known.abbreviations)
            yield re.compile(rf"(?<![\w./]){written}(?![\w/])"), self._read_abbreviation
        if self._known.symbols:
            yield from self._build_dates()
            yield from self._build_amounts()
        yield re.compile(rf"{_NOT_INSIDE}\d++(?:\.\d++){{2,}}+{_NOT_BEFORE}"), self._read_version
        yield re.compile(rf"(?P<sign>{_SIGN})?{self._number('n')}{_NOT_BEFORE}"), self._read_number
        if self._known.symbols:
            yield from self._build_symbols()
        yield re.compile(r"\.{2,}|…+"), _read_ellipsis
        yield re.compile(r"(?<=\s)[-–—−]+(?=\s)|(?<=[^\W\d_])—(?=[^\W\d_])|(?<=\w)—\s"), _read_dash

    def _number(self, name: str) -> str:
        group, decimal = re.escape(self._known.group), re.escape(self._known.decimal)
        # Possessive: a long row of digits must not be tried at every length.
        grouped = rf"[0-9]{{1,3}}(?:{group}[0-9]{{3}})++(?!{group}?[0-9])"
        return rf"{_NOT_INSIDE}(?P<{name}>(?:{grouped}|[0-9]++)(?:{decimal}[0-9]++)?+)"

    def _build_dates(self) -> Iterator[tuple[re.Pattern[str], _Reader]]:
        months = _any_of([*self._known.months, *map(str.title, self._known.month_abbreviations)])
        suffix = _any_of(self._known.ordinal_suffixes) if self._known.ordinal_suffixes else r"\."
        year = r"(?P<year>(?:1[0-9]|20)\d\d)(?!\d|[.,]\d)"
        day = r"(?P<day>[0-3]?\d)"
        yield (
            re.compile(
                rf"{_NOT_INSIDE}(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d)"
                r"(?:[T ](?P<hour>\d\d):(?P<minute>\d\d)(?::\d\d(?:\.\d+)?)?Z?)?(?!\d|-\d)"
            ),
            self._read_date,
        )
        yield (
            re.compile(
                rf"{_NOT_INSIDE}(?P<a>\d\d?)(?P<mark>[/.])(?P<b>\d\d?)(?P=mark)(?P<year>\d{{4}}|\d\d){_NOT_BEFORE}"
            ),
            self._read_short_date,
        )
        yield (
            re.compile(rf"(?<!\w)(?P<name>{months})\.? {day}{suffix}?(?!\d|[.,:]\d)(?:,? {year})?"),
            self._read_date,
        )
        yield (
            re.compile(
                rf"{_NOT_INSIDE}{day}{suffix}? (?P<of>of )?(?P<name>{months})(?!\w)\.?"
                rf"(?:,? {year})?"
            ),
            self._read_date,
        )
        yield re.compile(rf"(?<!\w)(?P<name>{months})\.?,? {year}"), self._read_date
        if "decade" in self._known.templates:  # before the units: "the 80s" are no seconds
            spelled = r"(?<!\w)(?:(?=\d{4})|(?<=the )|(?<='))(?P<year>(?:1[1-9]|20)?\d0)'?s(?!\w)"
            yield re.compile(spelled), self._read_decade
        half = r"(?P<half>[aApP]\.?[mM](?:\.|(?!\w)))"
        yield (
            re.compile(
                rf"{_NOT_INSIDE}(?P<hour>[0-2]?\d):(?P<minute>[0-5]\d)(?::[0-5]\d)?(?!\d|:)"
                rf"(?: ?{half}| Uhr\b)?"
            ),
            self._read_time,
        )
        if "am" in self._known.templates:
            yield re.compile(rf"{_NOT_INSIDE}(?P<hour>1?\d) ?{half}"), self._read_time

    def _build_amounts(self) -> Iterator[tuple[re.Pattern[str], _Reader]]:
        a, b = self._number("a"), self._number("b").replace(_NOT_INSIDE, "")
        money = _any_of(self._known.currencies)
        units, sizes = _any_of(self._known.units), _any_of(self._known.magnitudes)
        to = r"(?: ?– ?|-)"
        after = r"(?![A-Za-z0-9])"
        number = rf"(?P<sign>{_SIGN})?{a}(?:{to}{b})?"
        yield (
            re.compile(
                rf"(?P<sign>{_SIGN})?(?<!\w)(?P<money>{money}) ?{a.replace(_NOT_INSIDE, '')}"
                rf"(?:{to}(?:{money})?{b})?(?: ?(?P<size>{sizes}){after})?{_NOT_BEFORE}"
            ),
            self._read_money,
        )
        yield (
            re.compile(rf"{number}(?: ?(?P<size>{sizes}))? ?(?P<money>{money}){after}"),
            self._read_money,
        )
        yield (
            re.compile(
                rf"{_NOT_INSIDE}\(?\+?\d{{1,4}}\)?(?:[-. ]\(?\d{{2,4}}\)?){{2,4}}{_NOT_BEFORE}"
            ),
            self._read_telephone,
        )
        yield (
            re.compile(rf"{_NOT_INSIDE}(?:(?P<whole>\d++) ?)?(?P<part>[½⅓⅔¼¾⅛])"),
            self._read_fraction,
        )
        yield (
            re.compile(
                rf"{_NOT_INSIDE}(?:(?P<whole>\d++) )?(?P<part>\d\d?/\d\d?\d?){_NOT_BEFORE}(?!/)"
            ),
            self._read_fraction,
        )
        yield re.compile(rf"{number}[ \u202f\u00a0]?(?P<unit>{units}){after}"), self._read_quantity
        yield re.compile(rf"{number}(?P<size>{sizes}){after}"), self._read_quantity
        yield re.compile(rf"{a} ?[x×] ?{b}{_NOT_BEFORE}"), self._read_dimensions
        yield re.compile(rf"{a}:{b}(?!:){_NOT_BEFORE}"), self._read_ratio
        yield re.compile(rf"{a}{to}{b}{_NOT_BEFORE}"), self._read_quantity
        if self._known.ordinal_suffixes:
            suffix = _any_of(self._known.ordinal_suffixes)
            yield re.compile(rf"{a}(?:{suffix})(?!\w)"), self._read_ordinal
        if self._known.ordinal_dot:
            yield re.compile(rf"{_NOT_INSIDE}(?P<a>\d\d?)\.(?= [^\W\d_])"), self._read_ordinal
        yield re.compile(r"^[ \t]*(?P<n>\d{1,3})[.)](?=\s)", re.MULTILINE), self._read_entry

    def _build_symbols(self) -> Iterator[tuple[re.Pattern[str], _Reader]]:
        if self._known.roman_counts:
            roman = r"(?P<roman>I{2,3}|I?V|VI{1,3}|I?X|XI{1,3}|XI?V|XVI{0,3}|XI?X)(?![\w.&/-])"
            yield re.compile(rf"(?<=[^\W\d_] ){roman}"), self._read_roman
        yield re.compile(r"(?<![\w.])(?:[^\W\d_a-z]\.){2,}"), self._read_dotted_acronym
        yield re.compile(r"(?<![\w.])(?P<letter>[A-Z])\.(?=\s+[A-Z])"), self._read_initial
        if any(key.startswith("letter_") for key in self._known.symbols):
            yield re.compile(r"(?<!\w)(?P<letters>[A-Z]{2,5})s(?!\w)"), self._read_letters
        yield (
            re.compile(r"(?<![\w.])[^\W\d_][\w\-]++(?:\.[a-z][a-z0-9_\-]*+)++(?!\w)"),
            self._read_file,
        )
        for pattern, key in _SYMBOLS:
            spoken = self._known.symbols.get(key)
            if spoken is not None:
                yield re.compile(pattern), _saying(spoken)
        yield re.compile(r"(?<=\w)/(?=\w)"), self._read_slash

    # -- lines, addresses, names ----------------------------------------------------------------

    def _read_line_break(self, match: re.Match[str]) -> str:
        """A line that ends without a mark ends a sentence, unless the next goes on with it."""
        before = match.string[: match.start()].rstrip(" \t" + _TRAILING[5:])[-1:]
        following = match.string[match.end() : match.end() + 1]
        goes_on = following.islower() and _BULLET not in match[0] and match[0].count("\n") == 1
        return "" if goes_on or before in _PAUSES else "."

    def _read_address(self, match: re.Match[str]) -> str:
        address = match[0].rstrip(_TRAILING)
        host = re.sub(r"^https?://|^www\.", "", address, count=2)
        host = re.split(r"[/?#:]", host, maxsplit=1)[0].removeprefix("www.")
        return f" {self._dotted(host)} {match[0][len(address) :]}"

    def _read_mail(self, match: re.Match[str]) -> str:
        at = self._known.symbols.get("at", "@")
        return f" {self._dotted(match['user'])} {at} {self._dotted(match['host'])} "

    def _dotted(self, name: str) -> str:
        """Read a machine's name: "example.com" as "example dot com"."""
        for mark, key in ((".", "dot"), ("_", "underscore"), ("-", "dash"), ("+", "plus")):
            name = name.replace(mark, f" {self._known.symbols.get(key, '')} ")
        return re.sub(r"\d+", lambda match: f" {self._cardinal(match[0])} ", name)

    def _read_file(self, match: re.Match[str]) -> str:
        return f" {self._dotted(match[0])} "

    def _read_abbreviation(self, match: re.Match[str]) -> str | None:
        written = match[0]
        if written in {"No.", "Nr."}:
            number = re.match(r"\s?\d", match.string[match.end() :])
            return self._known.symbols.get("number", written) if number else None
        dot = "." if written.endswith(".") and _is_last(match) else ""
        return self._known.abbreviations[written] + dot

    def _read_dotted_acronym(self, match: re.Match[str]) -> str:
        return match[0].replace(".", "") + ("." if _is_last(match) else "")

    def _read_initial(self, match: re.Match[str]) -> str | None:
        before = match.string[: match.start()].rstrip()[-1:]
        if match["letter"] == "I" and before.islower():
            return None
        return self._letter(match["letter"])

    def _read_letters(self, match: re.Match[str]) -> str:
        return " ".join(self._letter(letter) for letter in match["letters"]) + "s"

    def _letter(self, letter: str) -> str:
        return self._known.symbols.get(f"letter_{letter.casefold()}", letter)

    def _read_slash(self, match: re.Match[str]) -> str:
        before = re.findall(r"\w+\Z", match.string[max(0, match.start() - 20) : match.start()])
        after = re.match(r"\w+", match.string[match.end() : match.end() + 20])
        around = before[0] + (after[0] if after else "")
        if (around.isupper() and len(around) > 2) or any(map(str.isdigit, around)):
            return " "  # TCP/IP, a path
        return f" {self._known.symbols['or']} "

    # -- dates and times ------------------------------------------------------------------------

    def _read_date(self, match: re.Match[str]) -> str | None:
        parts = match.groupdict()
        month = int(parts["month"]) if parts.get("month") else self._month(parts["name"])
        day = int(parts["day"]) if parts.get("day") else None
        spoken = self._date(day, month, parts.get("year"), of=bool(parts.get("of")))
        if spoken is None:
            return None
        if parts.get("hour"):
            spoken += f", {self._time(int(parts['hour']), int(parts['minute']), '')}"
        return spoken + ("." if match[0].endswith(".") and _is_last(match) else "")

    def _read_short_date(self, match: re.Match[str]) -> str | None:
        a, b, year = int(match["a"]), int(match["b"]), match["year"]
        is_month_first = match["mark"] == "/" and self._known.language == "en" and a <= 12
        day, month = (b, a) if is_month_first else (a, b)
        return self._date(day, month, year if len(year) == 4 else f"20{year}")

    def _month(self, name: str) -> int:
        if name in self._known.months:
            return self._known.months.index(name) + 1
        return self._known.month_abbreviations[name.casefold()]

    def _date(
        self, day: int | None, month: int, year: str | None, *, of: bool = False
    ) -> str | None:
        if not 1 <= month <= 12 or (day is not None and not 1 <= day <= 31):
            return None
        name = self._known.months[month - 1]
        spoken_year = self._words_for(int(year), "year") if year else ""
        if day is None:
            return f"{name} {spoken_year}"
        templates = self._known.templates
        ordinal = self._words_for(day, "ordinal")
        if of and "day_of_month" in templates:
            return f"{templates['day_of_month'].format(day=ordinal, month=name)} {spoken_year}"
        template = templates["date" if year else "day"]
        return template.format(day=ordinal, month=name, year=spoken_year)

    def _read_time(self, match: re.Match[str]) -> str | None:
        parts = match.groupdict()
        half = (parts.get("half") or "").casefold()
        hour, minute = int(parts["hour"]), int(parts.get("minute") or 0)
        if hour > 24 or (half and not 1 <= hour <= 12):
            return None
        dot = "." if half.endswith(".") and _is_last(match) else ""
        return self._time(hour, minute, half[:1]) + dot

    def _time(self, hour: int, minute: int, half: str) -> str:
        templates = self._known.templates
        if not half and hour % 24 == 0 and minute == 0:
            return templates["midnight"]
        spoken = self._words_for(minute, "cardinal")
        if 0 < minute < 10:
            spoken = templates["minute_below_ten"].format(minute=spoken)
        key = "time" if minute else "time_on_the_hour"
        name = ""
        if half and f"{half}m" in templates:
            name = templates[f"{half}m"]
            key = "time_with_minute_and_half" if minute else "time_with_half"
        return templates[key].format(hour=self._count(str(hour)), minute=spoken, half=name)

    # -- amounts --------------------------------------------------------------------------------

    def _read_money(self, match: re.Match[str]) -> str:
        parts = match.groupdict()
        currency = self._known.currencies[parts["money"]]
        size = self._known.magnitudes.get(parts.get("size") or "", "")
        if not size and not parts["b"] and (small := self._change(parts["a"], currency)):
            return self._signed(parts, small)
        is_one = parts["a"] == "1" and not parts["b"] and not size
        name = currency.one if is_one else currency.many
        return self._signed(parts, f"{self._range(parts)} {size} {name}")

    def _change(self, amount: str, currency: Currency) -> str:
        """Read an amount with two decimals as, for example, dollars and cents."""
        whole, _, part = self._ungrouped(amount).partition(".")
        if len(part) != 2 or not currency.hundredths:
            return ""
        hundredths = self._words_for(int(part), "cardinal")
        small = currency.hundredth if int(part) == 1 else currency.hundredths
        unit = currency.one if whole == "1" else currency.many
        if int(part) == 0:
            return f"{self._count(whole)} {unit}"
        if not whole.strip("0"):
            return f"{hundredths} {small}"
        return self._known.templates["money"].format(
            whole=self._count(whole), unit=unit, part=hundredths, small=small
        )

    def _read_quantity(self, match: re.Match[str]) -> str:
        parts = match.groupdict()
        size = self._known.magnitudes.get(parts.get("size") or "", "")
        unit = ""
        if parts.get("unit"):
            names = self._known.units[parts["unit"]]
            unit = names[0] if parts["a"] == "1" and not parts["b"] else names[1]
        return self._signed(parts, f"{self._range(parts)} {size} {unit}")

    def _range(self, parts: dict[str, str]) -> str:
        a, b = parts["a"], parts["b"]
        if not b:
            return self._count(a)
        are_years = _looks_like_year(a) and len(b) in {2, 4}
        read = self._year if are_years else self._cardinal
        return f"{read(a)} {self._known.symbols['to']} {read(b)}"

    def _count(self, number: str) -> str:
        """Read a number before a noun: "ein Kilometer", not "eins"."""
        one = self._known.symbols.get("one")
        return one if number == "1" and one is not None else self._cardinal(number)

    def _signed(self, parts: dict[str, str], spoken: str) -> str:
        return f" {self._known.symbols['minus'] if parts.get('sign') else ''} {spoken}"

    def _read_telephone(self, match: re.Match[str]) -> str | None:
        digits = sum(map(str.isdigit, match[0]))
        if not 7 <= digits <= 15:
            return None
        groups = re.findall(r"\d+", match[0])
        plus = f"{self._known.symbols['plus']} " if "+" in match[0] else ""
        return plus + ", ".join(self._digits(group) for group in groups)

    def _read_fraction(self, match: re.Match[str]) -> str:
        whole, part = match["whole"], match["part"]
        spoken = self._known.fractions.get(part)
        if spoken is None:
            above, _, below = part.partition("/")
            over = self._known.symbols["over"]
            spoken = f"{self._cardinal(above)} {over} {self._cardinal(below)}"
        if whole is None:
            return spoken
        return f"{self._cardinal(whole)} {self._known.symbols['and']} {spoken}"

    def _read_dimensions(self, match: re.Match[str]) -> str:
        return (
            f"{self._cardinal(match['a'])} {self._known.symbols['by']} {self._cardinal(match['b'])}"
        )

    def _read_ratio(self, match: re.Match[str]) -> str:
        return (
            f"{self._cardinal(match['a'])} {self._known.symbols['to']} {self._cardinal(match['b'])}"
        )

    def _read_ordinal(self, match: re.Match[str]) -> str | None:
        digits = self._ungrouped(match["a"])
        is_whole = digits.isdigit() and len(digits) <= _MOST_DIGITS
        return self._words_for(int(digits), "ordinal") if is_whole else None

    def _read_decade(self, match: re.Match[str]) -> str:
        spoken = self._year(match["year"])
        if spoken.endswith("y"):
            return self._known.templates["decade"].format(stem=spoken[:-1])
        return f"{spoken}s"

    def _read_roman(self, match: re.Match[str]) -> str | None:
        before = re.findall(r"[^\W\d_]+", match.string[: match.start()][-30:])
        value = _roman_value(match["roman"])
        if before[-1].casefold() in self._known.roman_counts:
            return self._words_for(value, "cardinal")
        if match["roman"] in {"V", "X"} or not before[-1].istitle():
            return None  # too often a letter
        return f"{self._known.symbols['the']} {self._words_for(value, 'ordinal')}"

    def _read_entry(self, match: re.Match[str]) -> str:
        return f"{self._cardinal(match['n'])}, "

    def _read_version(self, match: re.Match[str]) -> str:
        dot = self._known.symbols.get("point", "")
        return f" {dot} ".join(self._cardinal(part) for part in match[0].split("."))

    def _read_number(self, match: re.Match[str]) -> str:
        number = match["n"]
        minus = f" {self._known.symbols.get('minus', '-')} " if match["sign"] else ""
        if not minus and self._known.year_words and _looks_like_year(number):
            before = re.findall(r"\w+", match.string[max(0, match.start() - 20) : match.start()])
            if number[:2] in {"19", "20"} or (
                before[-1:] and before[-1].casefold() in self._known.year_words
            ):
                return self._year(number)
        return minus + self._cardinal(number)

    # -- numbers --------------------------------------------------------------------------------

    def _ungrouped(self, number: str) -> str:
        return number.replace(self._known.group, "").replace(self._known.decimal, ".")

    def _year(self, digits: str) -> str:
        return self._words_for(int(digits), "year")

    def _cardinal(self, number: str) -> str:
        whole, _, fraction = self._ungrouped(number).partition(".")
        is_code = whole == number and len(whole) >= 10 and not whole.endswith("000")
        if is_code or len(whole) > _MOST_DIGITS or (len(whole) > 1 and whole.startswith("0")):
            spoken = self._digits(whole)
        else:
            spoken = self._words_for(int(whole), "cardinal")
        if not fraction:
            return spoken
        point = self._known.symbols.get("point")
        if point is None:  # no tables: as num2words says it, or as it stands
            return _read_by_num2words(float(f"{whole}.{fraction}"), self._known.language) or number
        return f"{spoken} {point} {self._digits(fraction)}"

    def _digits(self, digits: str) -> str:
        return " ".join(self._words_for(int(digit), "cardinal") for digit in digits)

    def _words_for(self, number: int, form: str) -> str:
        return _read_by_num2words(number, self._known.language, form) or str(number)


def _read_by_num2words(number: float, language: str, form: str = "cardinal") -> str:
    """Return a number in words, "" if num2words cannot do that in this language."""
    try:
        spoken = num2words(number, lang=language, to=form)
    except (NotImplementedError, ArithmeticError, TypeError, ValueError, LookupError):
        return ""
    return str(spoken).replace(", ", " ").replace(",", " ")  # commas would be pauses


# Numbers are not part of a word, of an identifier or of a longer number.
_NOT_INSIDE: Final = r"(?<![\w])(?<![\w][.,:/\-])"
_NOT_BEFORE: Final = r"(?![A-Za-z\u00c0-\u024f0-9_]|[.,:/][0-9])"
_SIGN: Final = r"(?<![\w.)\]])[-−](?=\S)"

_MOST_DIGITS: Final = 15  # longer ones are read digit by digit

_SYMBOLS: Final[tuple[tuple[str, str], ...]] = (
    (r"[≈~](?=\s?\d)", "about"),
    (r"±", "plus_minus"),
    (r"≤|<=(?=\s?\d)", "at_most"),
    (r"≥|>=(?=\s?\d)", "at_least"),
    (r"→|⇒|->|=>", "arrow"),
    (r"<(?=\s?\d)", "less"),
    (r">(?=\s?\d)", "more"),
    (r"×|(?<=\s)\*(?=\s)|(?<=\d)\*(?=\d)", "times"),
    (r"÷|(?<=\d\s)/(?=\s\d)", "divided"),
    (r"(?<=\d\s)[-−–](?=\s\d)", "minus"),
    (r"(?<=[\w%])\s?[–](?=\s?\d)|(?<=\d)-(?=\d)", "to"),
    (r"=", "equals"),
    (r"(?<=\w)\+(?=\w)|(?<=\s)\+(?=\s)|\+(?=\d)", "plus"),
    (r"(?<![A-Z])&|&(?![A-Z])", "and"),
    (r"(?<=\w)\^(?=-?\d)", "power"),
    (r"(?<=\w)²", "squared"),
    (r"(?<=\w)³", "cubed"),
    (r"#(?=\d)", "number"),
    (r"%", "percent"),
    (r"‰", "per_mille"),
    (r"°", "degrees"),
    (r"(?<!\w)@(?=\w)", "at"),
)


def _saying(spoken: str) -> _Reader:
    return lambda match: f" {spoken} "


def _read_ellipsis(match: re.Match[str]) -> str:
    following = match.string[match.end() :].lstrip()[:1]
    return ", " if following.islower() else ". "


def _read_dash(match: re.Match[str]) -> str:
    return ", "


def _any_of(names: object) -> str:
    """A pattern for any of some strings, longest first; ends at a word's end where it can."""
    strings = sorted(map(str, names), key=len, reverse=True)  # type: ignore[call-overload]
    return "(?:" + "|".join(map(re.escape, strings)) + ")"


def _start(match: re.Match[str] | None) -> int:
    return -1 if match is None else match.start()


def _is_last(match: re.Match[str]) -> bool:
    """Whether nothing but closing marks follows in the line: its dot ends a sentence, too."""
    rest = match.string[match.end() :].partition("\n")[0]
    return not rest.strip(" \t)]}'\"”’»")


def _roman_value(numeral: str) -> int:
    values = [{"I": 1, "V": 5, "X": 10}[letter] for letter in numeral]
    following = [*values[1:], 0]
    return sum(-one if one < after else one for one, after in zip(values, following, strict=True))


def _looks_like_year(number: str) -> bool:
    return len(number) == 4 and number.isdigit() and 1100 <= int(number) <= 2099


def _literal(match: re.Match[str]) -> _Piece:
    """Read a stretch that no rule reads: white space, a wide mark, or the rest of a word."""
    text = match[0]
    spoken = "" if text.isspace() else text.translate(_LITERALS)
    return _Piece(match.start(), match.end(), spoken, text.isspace() or text in _WIDE_MARKS)


@cache
def _front_end(language: str) -> _FrontEnd:
    return _FrontEnd(tables(language))
