"""Turns utterances that are cast into rows: spoken, put into a room, transmitted, analysed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.engines import SAMPLE_RATE, Float32Audio
from starter.speech.casting import Take
from starter.speech.channels import over_opus, over_telephone
from starter.speech.clips import at_level, sampled, trimmed
from starter.speech.log_mel import LogMel, log_mel
from starter.speech.phones import phones
from starter.speech.reply_voice import MODEL
from starter.speech.rooms import reverberated
from starter.speech.shards import Row
from starter.speech.speaker import Speaker, Speech
from starter.speech.voices import speakers

__all__ = ["LONGEST_SECONDS", "Studio", "produced"]

LONGEST_SECONDS: Final = 10.0
"""Of a row; longer ones are made of several where they are needed."""


class Studio:
    """The speakers of one process, who stay once they have come.

    Args:
        reply_voice: Model of the reply voice; see `ReplyVoice`.
    """

    def __init__(self, reply_voice: Path = MODEL) -> None:
        self._reply_voice = reply_voice
        self._speakers: dict[str, Speaker] = {}

    def record(
        self, takes: Sequence[Take], stopped: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[Row, LogMel]]:
        """Yield rows and their spectra, in the takes' order.

        Takes in which nothing is to be heard, or which are longer than `LONGEST_SECONDS`, have no
        row. Ends early where `stopped` says so; it is asked before each take.

        Raises:
            RecipeError: If a synthesizer is missing or fails.
        """
        spoken = self._spoken_together(takes, stopped)
        for number, take in enumerate(takes):
            if stopped():
                return
            speech = spoken.get(number) or self._speaker(take).speak(
                take.utterance.text, take.manner
            )
            made = produced(speech, take)
            if made is not None:
                yield made

    def _spoken_together(
        self, takes: Sequence[Take], stopped: Callable[[], bool]
    ) -> dict[int, Speech]:
        """Have each voice of festival, which takes long to come, say all its sentences at once."""
        found: dict[int, Speech] = {}
        for voice in sorted({take.voice for take in takes if take.voice.startswith("festival:")}):
            if stopped():
                break
            numbers = [number for number, take in enumerate(takes) if take.voice == voice]
            requests = [(takes[number].utterance.text, takes[number].manner) for number in numbers]
            speaker = self._speaker(takes[numbers[0]])
            found |= zip(numbers, speaker.speak_all(requests), strict=True)
        return found

    def _speaker(self, take: Take) -> Speaker:
        if take.voice not in self._speakers:
            (self._speakers[take.voice],) = speakers(
                [take.voice], repeatable=False, reply_voice=self._reply_voice
            )
        return self._speakers[take.voice]


def produced(speech: Speech, take: Take) -> tuple[Row, LogMel] | None:
    """Return what was spoken as a row with its spectra, or None if it is of no use."""
    audio = trimmed(sampled(speech, take.size))
    if audio is None:
        return None
    lead, tail = round(take.lead * SAMPLE_RATE), round(take.tail * SAMPLE_RATE)
    end = (lead + len(audio)) / SAMPLE_RATE
    if end + take.tail > LONGEST_SECONDS:
        return None
    spectra = log_mel(_transmitted(np.pad(_in_its_room(audio, take), (lead, tail)), take))
    text = take.utterance.text
    row = Row(
        text, tuple(phones(text)), take.voice, end, len(spectra), take.utterance.kind, take.held,
        take.channel,
    )  # fmt: skip
    return row, spectra


def _in_its_room(audio: Float32Audio, take: Take) -> Float32Audio:
    if take.room is None:
        return at_level(audio)
    return at_level(reverberated(audio, take.room, np.random.default_rng(take.seed)))


def _transmitted(audio: Float32Audio, take: Take) -> Float32Audio:
    match take.channel:
        case "phone":
            return over_telephone(audio)
        case "opus":
            return over_opus(audio, take.bitrate)
        case "":
            return audio
