"""Several recognizers as one: each utterance is heard by the recognizer for its language."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.engines import Recognizer, UtteranceDecoder

__all__ = ["RecognizersByLanguage"]


class RecognizersByLanguage(Recognizer):
    """Recognizers of several languages; `pipeline.engines.Recognizer`.

    Args:
        default: Hears languages without one of their own, and those that are to be detected.
        by_language: Others, by BCP 47 primary tag.
    """

    def __init__(self, default: Recognizer, by_language: Mapping[str, Recognizer]) -> None:
        self._default = default
        self._by_language = dict(by_language)

    @property
    def window_seconds(self) -> float:
        """The shortest of all windows."""
        everyone = (self._default, *self._by_language.values())
        return min(each.window_seconds for each in everyone)

    def utterance(self, *, language: str | None) -> UtteranceDecoder:
        """Start an utterance with the recognizer for the language; None: with the default."""
        chosen = self._by_language.get(language or "", self._default)
        return chosen.utterance(language=language)
