"""What English asks of a sentence whose slots are filled: a or an, one minute, a capital."""

from __future__ import annotations

import re

from starter.domain.slots import SLOTS

__all__ = ["SINGULARS", "agree", "capitalize"]

_CONSONANT_SOUND = r"(?:one\b|once\b|uni|us[eu]|eu|u\b)"
_VOWEL_SOUND = re.compile(rf"(?:(?!{_CONSONANT_SOUND})[aeiou]|hour|honest|heir)", re.IGNORECASE)
_ARTICLE = re.compile(r"\b([Aa])n? (?=([A-Za-z]+))")
_ARTICLE_TWICE = re.compile(r"\b[Aa]n? (?=(?:the|an?|this|next) )")
_DOUBLE_BLANK = re.compile(r"\s+")
_BLANK_BEFORE_MARK = re.compile(r"\s+(?=[.,?!])")
_IRREGULAR = {"feet": "foot", "inches": "inch", "people": "person"}
_MANY = (
    *("minutes", "hours", "seconds", "days", "weeks", "months", "years", "dollars", "cents"),
    *("degrees", "meters", "feet", "miles", "kilometers", "inches", "pounds", "kilograms", "grams"),
    *("cups", "liters", "gallons", "alarms", "people", "eggs", "apples", "bananas"),
    *("onions", "carrots", "batteries", "tomatoes", "lemons", "pears", "oranges", "mushrooms"),
)
_ONE_OF_MANY = re.compile(
    rf"(?<!ty )(?<!hundred and )(?<!thousand )\b([Oo]ne) ({'|'.join(_MANY)})\b"
)

_PAIRS = ("keys", "glasses", "shoes", "gloves", "headphones")
_SINGLE = tuple(thing for thing in SLOTS["thing"] if thing not in _PAIRS)
_MINE_ARE = re.compile(rf"\b([Mm]y (?:{'|'.join(_SINGLE)})) are\b")
_MINE_IS = re.compile(rf"\b([Mm]y (?:{'|'.join(_PAIRS)})) is\b")
_ARE_MINE = re.compile(rf"\bare (?=my (?:{'|'.join(_SINGLE)})\b)")
_IS_MINE = re.compile(rf"\bis (?=my (?:{'|'.join(_PAIRS)})\b)")
_VERY_VERY = re.compile(r"\b(?:[Vv]ery|so) (?=(?:very|a bit|not so|much) )")


def agree(text: str) -> str:
    """Return a filled text in good English, with no blank too many.

    "a egg" becomes "an egg", "one minutes" one minute and "my keys is" my keys are; "twenty one
    minutes" stays, and "very a bit tired" loses its first word.
    """
    text = _BLANK_BEFORE_MARK.sub("", _DOUBLE_BLANK.sub(" ", text).strip())
    text = _ONE_OF_MANY.sub(lambda found: f"{found[1]} {_singular(found[2])}", text)
    text = _VERY_VERY.sub("", _number_of_things(text))
    return _ARTICLE.sub(_article, _ARTICLE_TWICE.sub("", text))


def capitalize(text: str) -> str:
    """Return a text with its first letter in upper case, all others as they are."""
    return text[:1].upper() + text[1:]


def _number_of_things(text: str) -> str:
    text = _MINE_IS.sub(r"\1 are", _MINE_ARE.sub(r"\1 is", text))
    return _IS_MINE.sub("are ", _ARE_MINE.sub("is ", text))


def _article(found: re.Match[str]) -> str:
    return f"{found[1]}n " if _VOWEL_SOUND.match(found[2]) else f"{found[1]} "


def _singular(plural: str) -> str:
    if plural in _IRREGULAR:
        return _IRREGULAR[plural]
    if plural.endswith("ies"):
        return f"{plural[:-3]}y"
    return plural[:-2] if plural.endswith("toes") else plural[:-1]


SINGULARS = tuple(_singular(plural) for plural in _MANY)
"""Words that `agree` writes in place of others."""
