"""eSpeak NG as a voice of last resort: some hundred languages, a robot's sound, no model.

The program runs as a process of its own for each segment, which keeps its GPL-3.0 code and its
global state out of ours and takes 15 ms of CPU for a sentence of four seconds. Its command line is
a list, never a shell's; the text goes in on standard input, where nothing is taken for an option,
with the marks that would be taken for phonemes pulled apart; a stop or a deadline kills it. The WAV
file comes out on standard output, with sizes that it cannot know in its header. Facts:
espeak-ng(1), version 1.51.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.engines import Float32Audio, SpeakJob, SpokenAudio, StopSignal, Voice
from pipeline.engines.loudness import active_rms, finished, gain_for
from pipeline.errors import EngineFailed, EngineUnavailable
from pipeline.speakable import speakable

__all__ = ["EspeakSettings", "EspeakVoice", "arguments", "languages_of", "load", "read_wav"]

log = logging.getLogger(__name__)

_REFERENCE: Final = "The birch canoe slid on the smooth planks."
_PROBE_S: Final = 10.0
_SLOWEST, _FASTEST = 80, 450
"""Words per minute that espeak-ng takes."""
_OTHER_NAMES: Final = {"zh": "cmn", "no": "nb", "iw": "he", "in": "id"}
"""Tags that espeak-ng knows by another name."""
_KEPT_VARIABLES: Final = ("PATH", "HOME", "ESPEAK_DATA_PATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
_PAUSES_S: Final = {",": 0.12, ":": 0.18, ";": 0.18, ".": 0.28, "!": 0.28, "?": 0.28}
_PCM: Final = 1


@dataclass(frozen=True, slots=True)
class EspeakSettings:
    """How it speaks.

    Attributes:
        program: Name, or path, of the program.
        language: BCP 47 tag of texts that do not say theirs.
        words_per_minute: At speed 1.
        gain_dbfs: Level of speech, as for other voices.
        deadline_seconds: A segment that takes longer fails.
    """

    program: str = "espeak-ng"
    language: str = "en"
    words_per_minute: int = 165
    gain_dbfs: float = -18.0
    deadline_seconds: float = 15.0


def load(settings: EspeakSettings | None = None) -> EspeakVoice:
    """Find the program, ask it for its languages, and measure its level.

    Raises:
        EngineUnavailable: If it is not installed, or does not work.
    """
    settings = settings or EspeakSettings()
    path = shutil.which(settings.program)
    if path is None:
        message = (
            f"{settings.program} is not installed; install it (apt install espeak-ng), or set "
            'engines.fallback_voice = "none"'
        )
        raise EngineUnavailable(message)
    listed = _output([path, "--voices"])
    languages = languages_of(listed.decode(errors="replace"))
    if not languages:
        raise EngineUnavailable(f"{path} lists no voices; reinstall espeak-ng")
    voice = EspeakVoice(settings, path, languages)
    voice.measure()
    return voice


def _output(command: Sequence[str], text: str = "") -> bytes:
    try:
        done = subprocess.run(
            command, input=text.encode(), capture_output=True, timeout=_PROBE_S, env=_environment()
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineUnavailable(f"{command[0]} cannot be run ({error}); reinstall it") from error
    return done.stdout


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {**kept, "LANG": "C.UTF-8"}


# -- pure parts -----------------------------------------------------------------------------------


def languages_of(listing: str) -> frozenset[str]:
    """Return the BCP 47 primary tags in what ``espeak-ng --voices`` prints."""
    rows = (line.split() for line in listing.splitlines()[1:])
    tags = {row[1].partition("-")[0] for row in rows if len(row) > 1}
    known = {tag for tag in tags if re.fullmatch(r"[a-z]{2,3}", tag)}
    return frozenset(known | {tag for tag, name in _OTHER_NAMES.items() if name in known})


def arguments(
    program: str, language: str, speed: float, settings: EspeakSettings
) -> tuple[str, ...]:
    """Return the command line that speaks standard input to standard output.

    Args:
        program: Path of the program.
        language: BCP 47 tag; what is not one becomes the settings' language.
        speed: 1.0 is the settings' pace.
        settings: The pace and the language.
    """
    tag = language.replace("_", "-").lower()
    if not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{1,8})*", tag):
        tag = settings.language
    first, _, rest = tag.partition("-")
    name = "-".join(part for part in (_OTHER_NAMES.get(first, first), rest) if part)
    pace = min(max(round(settings.words_per_minute * speed), _SLOWEST), _FASTEST)
    return (program, "-v", name, "-s", str(pace), "-b", "1", "--stdin", "--stdout")


def plain(text: str) -> str:
    """Return the text without what espeak-ng would take for phonemes ("[[") or for control."""
    without = "".join(each if each.isprintable() else " " for each in text)
    while "[[" in without:
        without = without.replace("[[", "[ [")
    return without


def read_wav(content: bytes) -> tuple[int, Float32Audio]:
    """Return the rate and the samples, in [-1, 1], of a mono WAV file of 16 bits.

    The sizes in the header of a file that was written to a pipe are not true: whatever follows the
    header of the last part belongs to it.

    Raises:
        ValueError: If it is no such file.
    """
    if len(content) < 12 or content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise ValueError(f"it begins with {content[:12]!r}, expected a WAV file")
    rate, at = 0, 12
    while at + 8 <= len(content):
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        at += 8
        if name == b"fmt " and at + 16 <= len(content):
            kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", content[at : at + 16])
            if (kind, channels, bits) != (_PCM, 1, 16) or not 8000 <= rate <= 48_000:
                found = f"kind {kind}, {channels} channels, {bits} bits, {rate} Hz"
                raise ValueError(f"it has {found}; expected mono PCM of 16 bits")
        if name == b"data" and rate:
            samples = content[at : at + size]
            samples = samples[: len(samples) // 2 * 2]
            return rate, np.frombuffer(samples, "<i2").astype(np.float32) / np.float32(32768)
        at += size + size % 2
    raise ValueError("it holds no samples")


# -- the voice ------------------------------------------------------------------------------------


class EspeakVoice(Voice):
    """eSpeak NG, as a voice; safe for several threads. Made by `load`."""

    def __init__(self, settings: EspeakSettings, path: str, languages: frozenset[str]) -> None:
        self._settings = settings
        self._path = path
        self._gain = 1.0
        self._rate = 22_050
        self.languages = languages

    @property
    def sample_rate(self) -> int:
        """Hz, as the program gave it when it was loaded."""
        return self._rate

    def measure(self) -> None:
        """Speak a reference sentence and fix the rate and the gain by it.

        Raises:
            EngineUnavailable: If the program gives no sound.
        """
        command = arguments(self._path, "en", 1.0, self._settings)
        try:
            self._rate, audio = read_wav(_output(command, _REFERENCE))
        except ValueError as error:
            message = f"{self._path} gives no audio ({error}); reinstall espeak-ng"
            raise EngineUnavailable(message) from error
        level = active_rms(audio, self._rate)
        if not level:
            raise EngineUnavailable(f"{self._path} gives silence; reinstall espeak-ng")
        self._gain = gain_for(level, self._settings.gain_dbfs)

    def speak(self, job: SpeakJob, *, stop: StopSignal) -> Iterator[SpokenAudio]:
        """Yield the whole segment at once, without word times; nothing for silent text.

        Raises:
            EngineFailed: If the program fails or takes too long.
        """
        language = job.language or self._settings.language
        text = plain(speakable(job.text, language).text)
        if not any(map(str.isalnum, text)) or stop.is_set():
            return
        content = self._run(arguments(self._path, language, job.speed, self._settings), text, stop)
        if content is None:
            return
        try:
            rate, raw = read_wav(content)
        except ValueError as error:
            raise EngineFailed(f"espeak-ng gave no audio: {error}") from error
        audio, _ = finished(raw, rate, self._gain)
        if len(audio):
            pause = _PAUSES_S.get(text.rstrip()[-1:], 0.0) / max(job.speed, 0.25)
            yield SpokenAudio(np.concatenate([audio, np.zeros(round(pause * rate), np.int16)]))

    def _run(self, command: Sequence[str], text: str, stop: StopSignal) -> bytes | None:
        """Return what the program wrote; None if it was stopped."""
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                cwd=Path(self._path).parent,
            )
        except OSError as error:
            raise EngineFailed(f"espeak-ng cannot be run: {error}") from error
        with process, _calling(stop, process.kill):
            try:
                content, _ = process.communicate(
                    text.encode(), timeout=self._settings.deadline_seconds
                )
            except subprocess.TimeoutExpired as error:
                process.kill()
                limit = self._settings.deadline_seconds
                raise EngineFailed(f"espeak-ng took more than {limit:g} s") from error
        if stop.is_set():
            return None
        if process.returncode != 0:
            raise EngineFailed(f"espeak-ng ended with exit code {process.returncode}")
        return content


def _calling(stop: StopSignal, callback: Callable[[], None]) -> AbstractContextManager[None]:
    """Have ``callback`` called at the moment of stopping, if this signal can do that."""
    calling = getattr(stop, "calling", None)
    return nullcontext() if calling is None else calling(callback)
