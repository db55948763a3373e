"""Which language a conversation is in, where nobody said it and the recognizer detects it. Pure.

One short word sounds alike in many languages: a detected language counts at once where there is
none yet, and replaces another only after an utterance that is long enough to tell them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["LanguageTracker", "language_name", "tell_language"]

_LONG_ENOUGH_S: Final = 1.5

_NAMES: Final[Mapping[str, str]] = {
    "ar": "Arabic",
    "bg": "Bulgarian",
    "ca": "Catalan",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "et": "Estonian",
    "fa": "Persian",
    "fi": "Finnish",
    "fr": "French",
    "he": "Hebrew",
    "hi": "Hindi",
    "hr": "Croatian",
    "hu": "Hungarian",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "lt": "Lithuanian",
    "lv": "Latvian",
    "nl": "Dutch",
    "no": "Norwegian",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sk": "Slovak",
    "sl": "Slovenian",
    "sr": "Serbian",
    "sv": "Swedish",
    "th": "Thai",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "vi": "Vietnamese",
    "zh": "Chinese",
}


def language_name(tag: str) -> str:
    """Return a language's English name; of one without a name here, its BCP 47 tag itself."""
    return _NAMES.get(tag.partition("-")[0].lower(), tag)


def tell_language(tag: str) -> str:
    """Tell the model what is spoken, e.g. "The user speaks German; answer in German."."""
    name = language_name(tag)
    return f"The user speaks {name}; answer in {name}."


class LanguageTracker:
    """Follows the language of one conversation."""

    def __init__(self) -> None:
        self.current = ""
        """BCP 47 primary tag, or "" until one was heard."""

    def hear(self, language: str, seconds: float) -> bool:
        """Take what was detected in an utterance.

        Args:
            language: BCP 47 primary tag, or "".
            seconds: From its first word to the end of its last.

        Returns:
            Whether the conversation is in another language from here on.
        """
        if not language or language == self.current:
            return False
        if self.current and seconds < _LONG_ENOUGH_S:
            return False
        self.current = language
        return True
