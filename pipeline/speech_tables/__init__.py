"""What the text front end of the voice must know about each language, as TOML files."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

__all__ = ["Currency", "SpeechTables", "tables"]

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Currency:
    """How an amount is read: singular and plural of the unit and of its hundredth ("" for none)."""

    one: str
    many: str
    hundredth: str
    hundredths: str


@dataclass(frozen=True, slots=True)
class SpeechTables:
    """One language. Every field may be empty: then that kind of text is left as it is.

    Attributes:
        language: The primary tag, also the language given to num2words.
        inner_dots: Words (folded, without the last dot) whose dot never ends a sentence.
        openers: Short replies (folded, words joined by one space) that may be a segment alone.
        ordinal_dot: Whether "3." before a word is an ordinal, as in German.
        decimal, group: The decimal mark, and the mark between groups of three digits.
        abbreviations: Written form (exact, dots included) to spoken form.
        units: Unit symbol to (singular, plural), read after a number.
        currencies: Symbol or code to its names.
        months: Names, January first; their abbreviations are in ``month_abbreviations``.
        month_abbreviations: Folded abbreviation, without dot, to the number of the month.
        magnitudes: Words and letters that multiply an amount, to their spoken form.
        ordinal_suffixes: Endings that make digits an ordinal, e.g. "st".
        year_words: Folded words after which four digits are a year.
        symbols: Names of symbols and connecting words; keys as in en.toml, section [symbols].
        templates: Sentences for dates and times; keys as in en.toml, section [templates].
        roman_counts: Folded words after which a Roman numeral is a cardinal; none: left as it is.
        fractions: "1/2" to its spoken form.
    """

    language: str
    inner_dots: frozenset[str] = frozenset()
    openers: frozenset[str] = frozenset()
    ordinal_dot: bool = False
    decimal: str = "."
    group: str = ","
    abbreviations: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    units: Mapping[str, tuple[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    currencies: Mapping[str, Currency] = field(default_factory=lambda: MappingProxyType({}))
    months: tuple[str, ...] = ()
    month_abbreviations: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    magnitudes: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    ordinal_suffixes: tuple[str, ...] = ()
    year_words: frozenset[str] = frozenset()
    symbols: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    templates: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    roman_counts: frozenset[str] = frozenset()
    fractions: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


def tables(language: str) -> SpeechTables:
    """Return the tables for a BCP 47 tag; tables that know nothing for an unknown language."""
    primary = language.replace("_", "-").partition("-")[0].casefold()
    return _load(primary if primary.isalpha() and primary.isascii() else "")


@functools.cache
def _load(primary: str) -> SpeechTables:
    file = resources.files(__package__).joinpath(f"{primary}.toml")
    if not primary or not file.is_file():
        return SpeechTables(primary)
    return _parse(primary, tomllib.loads(file.read_text(encoding="utf-8")))


def _parse(primary: str, content: Mapping[str, Any]) -> SpeechTables:
    segmentation, numbers = content["segmentation"], content["numbers"]
    dates = content["dates"]
    return SpeechTables(
        language=primary,
        inner_dots=frozenset(segmentation["inner_dots"]),
        openers=frozenset(segmentation["openers"]),
        ordinal_dot=numbers["ordinal_dot"],
        decimal=numbers["decimal"],
        group=numbers["group"],
        abbreviations=content["abbreviations"],
        units={symbol: (names[0], names[-1]) for symbol, names in content["units"].items()},
        currencies={symbol: Currency(*names) for symbol, names in content["currencies"].items()},
        months=tuple(dates["months"]),
        month_abbreviations=dates["abbreviations"],
        magnitudes=numbers["magnitudes"],
        ordinal_suffixes=tuple(numbers["ordinal_suffixes"]),
        year_words=frozenset(dates["year_words"]),
        symbols=content["symbols"],
        templates=content["templates"],
        roman_counts=frozenset(numbers["roman_counts"]),
        fractions=numbers["fractions"],
    )
