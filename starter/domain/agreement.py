"""What English asks of a sentence whose slots are filled: a or an, one minute, a capital."""

from __future__ import annotations

import re

__all__ = ["agree", "capitalize"]

_CONSONANT_SOUND = r"(?:one\b|once\b|uni|us[eu]|eu|u\b)"
_VOWEL_SOUND = re.compile(rf"(?:(?!{_CONSONANT_SOUND})[aeiou]|hour|honest|heir)", re.IGNORECASE)
_ARTICLE = re.compile(r"\b([Aa])n? (?=([A-Za-z]+))")
_ARTICLE_TWICE = re.compile(r"\b[Aa]n? (?=(?:the|an?|this|next) )")
_DOUBLE_BLANK = re.compile(r"\s+")
_BLANK_BEFORE_MARK = re.compile(r"\s+(?=[.,?!])")
_IRREGULAR = {"feet": "foot", "inches": "inch", "people": "person"}
_PLURALS = (
    *("minutes", "hours", "seconds", "days", "weeks", "months", "years", "dollars", "cents"),
    *("degrees", "meters", "feet", "miles", "kilometers", "inches", "pounds", "kilograms", "grams"),
    *("cups", "liters", "gallons", "alarms", "people", "eggs", "apples", "bananas"),
    *("onions", "carrots", "batteries", "tomatoes", "lemons", "pears", "oranges", "mushrooms"),
)
_ONE_OF_MANY = re.compile(
    rf"(?<!ty )(?<!hundred and )(?<!thousand )\b([Oo]ne) ({'|'.join(_PLURALS)})\b"
)


def agree(text: str) -> str:
    """Return a filled text in good English, with no blank too many.

    "a egg" becomes "an egg", "one minutes" one minute; "twenty one minutes" stays.
    """
    text = _BLANK_BEFORE_MARK.sub("", _DOUBLE_BLANK.sub(" ", text).strip())
    text = _ONE_OF_MANY.sub(lambda found: f"{found[1]} {_singular(found[2])}", text)
    return _ARTICLE.sub(_article, _ARTICLE_TWICE.sub("", text))


def capitalize(text: str) -> str:
    """Return a text with its first letter in upper case, all others as they are."""
    return text[:1].upper() + text[1:]


def _article(found: re.Match[str]) -> str:
    return f"{found[1]}n " if _VOWEL_SOUND.match(found[2]) else f"{found[1]} "


def _singular(plural: str) -> str:
    if plural in _IRREGULAR:
        return _IRREGULAR[plural]
    if plural.endswith("ies"):
        return f"{plural[:-3]}y"
    return plural[:-2] if plural.endswith("toes") else plural[:-1]
