"""Several voices as one: each text is spoken by the voice for its language.

They may have different sample rates; what comes out has the highest of them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.engines import Int16Audio, SpeakJob, SpokenAudio, StopSignal, TimedText, Voice
from pipeline.resample import Resampler

__all__ = ["NamedVoice", "VoicesByLanguage", "chosen_voice"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NamedVoice:
    """A voice, and what it is for.

    Attributes:
        name: By which a session may ask for it.
        languages: BCP 47 primary tags that it speaks; empty: nobody knows.
        voice: The engine.
    """

    name: str
    languages: tuple[str, ...]
    voice: Voice

    def speaks(self, language: str) -> bool:
        """Whether it may be given a text in ``language``; "" is any."""
        return not language or not self.languages or primary(language) in self.languages


def primary(language: str) -> str:
    """Return the first part of a tag: "de" of "de-AT"."""
    return language.replace("_", "-").partition("-")[0].lower()


def chosen_voice(
    voices: Sequence[NamedVoice], name: str, language: str, fallback: NamedVoice | None
) -> NamedVoice:
    """Choose who speaks.

    Args:
        voices: The default first; at least one.
        name: Of the voice that was asked for, or "".
        language: BCP 47 tag of the text, or "".
        fallback: For languages that none of the others speaks.

    Returns:
        The voice that was asked for if it speaks the language, else the first that does, else the
        fallback, and where that does not speak it either, the default.
    """
    asked = next((each for each in voices if each.name == name), None)
    ordered = [*([asked] if asked else []), *voices, *([fallback] if fallback else [])]
    return next((each for each in ordered if each.speaks(language)), voices[0])


class VoicesByLanguage(Voice):
    """Voices of several languages; `pipeline.engines.Voice`.

    Args:
        voices: The default first; at least one.
        fallback: For languages that none of them speaks.
    """

    def __init__(self, voices: Sequence[NamedVoice], fallback: NamedVoice | None = None) -> None:
        self._voices = tuple(voices)
        self._fallback = fallback
        everyone = [*voices, *([fallback] if fallback else [])]
        self._rate = max(each.voice.sample_rate for each in everyone)
        self._unspoken: set[str] = set()

    @property
    def sample_rate(self) -> int:
        """Hz; the highest of all voices'."""
        return self._rate

    def speak(self, job: SpeakJob, *, stop: StopSignal) -> Iterator[SpokenAudio]:
        """Yield the segment's audio by the voice for its language."""
        named = chosen_voice(self._voices, job.voice, job.language, self._fallback)
        if not named.speaks(job.language):
            self._complain(job.language, named.name)
        rate = named.voice.sample_rate
        for stretch in named.voice.speak(job, stop=stop):
            yield stretch if rate == self._rate else _at_rate(stretch, rate, self._rate)

    def _complain(self, language: str, name: str) -> None:
        if language not in self._unspoken:
            self._unspoken.add(language)
            log.warning(
                "no voice speaks %r, %s reads it; install one, or set "
                'engines.fallback_voice = "espeak-ng"',
                language,
                name,
            )


def _at_rate(stretch: SpokenAudio, source: int, target: int) -> SpokenAudio:
    """Convert a stretch: it begins and ends in silence, so that it needs no neighbours."""
    resampler = Resampler(source, target)
    audio: Int16Audio = np.concatenate([resampler.process(stretch.audio), resampler.flush()])
    words = tuple(
        TimedText(
            word.start,
            word.end,
            round(word.start_sample * target / source),
            round(word.end_sample * target / source),
        )
        for word in stretch.words
    )
    return SpokenAudio(audio, words)
