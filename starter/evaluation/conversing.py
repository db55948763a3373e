"""Holds a spoken conversation with a running gateway, and judges what can be heard of its replies.

A voice that is not Parley's asks twenty questions over the WebSocket, as a device would. The reply
counts by its sound alone: the recognizer listens to what the loudspeaker played.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import tomli_w

from gateway.client.errors import ClientError, WaitExpired
from gateway.client.server_process import serve
from gateway.client.session import DeviceSession, DeviceSettings, connect
from gateway.client.speaker import Playback
from gateway.client.wav import Recording
from pipeline.engines import SAMPLE_RATE, Float32Audio, Int16Audio
from pipeline.models import Catalogue
from starter.errors import RecipeError
from starter.evaluation.bench import Bench, Models
from starter.evaluation.figures import Figure, count
from starter.evaluation.listening import listen, utterance
from starter.evaluation.rows import Row
from starter.evaluation.spoken import Wanted, speak_all
from starter.evaluation.wording import plain

__all__ = ["SCRIPT", "Exchange", "Turn", "converse", "measure"]

_ANSWER_WITHIN: Final = 30.0
_BETWEEN: Final = 0.3
_VOICE: Final = "flite:awb"


@dataclass(frozen=True, slots=True)
class Turn:
    """One question.

    Attributes:
        asked: What is said.
        right: A regular expression that a right answer, in plain words, holds.
    """

    asked: str
    right: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question, and what came of it.

    Attributes:
        turn: The question.
        understood: Its transcript.
        replied: The reply's text.
        heard: What the recognizer understood of the reply's sound.
    """

    turn: Turn
    understood: str
    replied: str
    heard: str

    @property
    def is_right(self) -> bool:
        """Whether the right answer was heard."""
        return re.search(rf"\b(?:{self.turn.right})\b", plain(self.heard)) is not None


_NUMBERS_TO_TEN: Final = "one two three four five six seven eight nine ten"

SCRIPT: Final[tuple[Turn, ...]] = (
    Turn("Good morning.", "morning|hello|hi"),
    Turn("What is your name?", "parley"),
    Turn("My name is Laura.", "laura"),
    Turn("What is the capital of France?", "paris"),
    Turn("And what is the capital of Italy?", "rome"),
    Turn("What is seven plus five?", "twelve"),
    Turn("What is three times four?", "twelve"),
    Turn("What is my name?", "laura"),
    Turn("How many days are in a week?", "seven"),
    Turn("What day is it today?", "monday|tuesday|wednesday|thursday|friday|saturday|sunday"),
    Turn("Count from one to ten.", _NUMBERS_TO_TEN),
    Turn("How do you spell cat?", "c a t"),
    Turn("Can you repeat that?", "c a t"),
    Turn("What color is the sky?", "blue"),
    Turn("What day comes after Monday?", "tuesday"),
    Turn("What is the opposite of hot?", "cold"),
    Turn("How are you?", "fine|well|good|great"),
    Turn("What is ten minus four?", "six"),
    Turn("Thank you.", "welcome|pleasure|any time|problem|glad"),
    Turn("Goodbye.", "goodbye|bye|see you|take care|talk to you"),
)
"""Twenty turns, each with one right answer, whatever day it is."""


def measure(row: Row, bench: Bench) -> Figure:
    """Hold the conversation; each turn is one item.

    Raises:
        RecipeError: If the voice is missing, or the server does not start.
    """
    exchanges = converse(SCRIPT, bench, row.title)
    missed = [one.turn.asked for one in exchanges if not one.is_right]
    note = f"not heard: {' '.join(missed)}" if missed else ""
    return count(row, len(exchanges) - len(missed), len(exchanges), note=note)


def converse(script: Sequence[Turn], bench: Bench, what: str = "conversing") -> list[Exchange]:
    """Ask all questions of a running gateway, one after the other, and listen to the replies."""
    spoken = speak_all([Wanted(turn.asked, _VOICE) for turn in script], bench)
    recordings = [_recording(one.utterance().audio) for one in spoken]
    try:
        with _models_file(bench.models) as flags:
            results = asyncio.run(_talk(script, recordings, flags, bench, what))
    except ClientError as error:
        raise RecipeError(f"the conversation failed: {error}") from error
    heard = listen(bench.models.recognizer, [utterance("", sound) for _, _, sound in results])
    return [
        Exchange(turn, understood, replied, one.heard)
        for turn, (understood, replied, _), one in zip(script, results, heard, strict=True)
    ]


def _recording(audio: Int16Audio) -> Recording:
    return Recording(audio, SAMPLE_RATE)


@contextmanager
def _models_file(models: Models) -> Iterator[tuple[str, ...]]:
    """Yield the flags that have a server load these models, with the shipped ones' settings."""
    catalogue = Catalogue.load()
    profile = catalogue.profile("starter")
    paths = {
        profile.recognizer.id: models.recognizer.path,
        profile.language_model.id: models.language_model.path,
        profile.voice.id: models.voice.path,
    }
    tables = catalogue.document["models"]
    document = {
        "schema": catalogue.document["schema"],
        "profiles": {"starter": catalogue.document["profiles"]["starter"]},
        "models": {
            id: {name: value for name, value in tables[id].items() if name != "files"}
            | {"path": str(path.absolute())}
            for id, path in paths.items()
        },
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "models.toml"
        file.write_text(tomli_w.dumps(document), encoding="utf-8")
        yield ("--models", str(file), "--profile", "starter")


async def _talk(
    script: Sequence[Turn],
    recordings: Sequence[Recording],
    flags: Sequence[str],
    bench: Bench,
    what: str,
) -> list[tuple[str, str, Float32Audio]]:
    """Return what was understood, what was replied, and how that sounded, for each turn."""
    results = []
    async with (
        serve(*flags) as server,
        connect(DeviceSettings(url=server.url, name="evaluation")) as device,
    ):
        asked = list(zip(script, recordings, strict=True))
        for turn, recording in bench.each(what, asked):
            results.append(await _exchange(device, turn, recording))
            await asyncio.sleep(_BETWEEN)
    return results


async def _exchange(
    device: DeviceSession, turn: Turn, recording: Recording
) -> tuple[str, str, Float32Audio]:
    spoken = device.say(recording, turn.asked)
    try:
        turns = await device.answered(spoken, timeout_s=_ANSWER_WITHIN + recording.seconds)
    except WaitExpired:  # the server heard nothing: no answer is a wrong answer
        return "", "", np.zeros(SAMPLE_RATE, np.float32)
    understood = " ".join(one.transcript or "" for one in turns).strip()
    sounds = [playback for one in turns if (playback := device.playback(one)) is not None]
    return understood, " ".join(one.reply for one in turns).strip(), _sound(sounds)


def _sound(playbacks: Sequence[Playback]) -> Float32Audio:
    """Return what was heard, at the recognizer's rate."""
    import soxr

    parts = [
        soxr.resample(
            one.heard_audio().astype(np.float32) / np.float32(32768), one.audio_rate, SAMPLE_RATE
        )
        for one in playbacks
    ]
    return np.concatenate([*parts, np.zeros(0, np.float32)]).astype(np.float32)
