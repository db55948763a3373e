"""Festival's voices: a process that runs a script, many sentences a call.

A process takes a third of a second to start, and a sentence 30 ms (diphones) or 80 ms (HTS). What
it could not speak has no file, and is silent. Facts: Festival 2.5's manual, chapters "Duration"
(Duration_Stretch) and "Intonation" (int_lr_params); the voices' own festvox/*.scm.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pipeline.engines.espeak import read_wav
from starter.errors import RecipeError
from starter.speech.packages import not_installed
from starter.speech.speaker import NEUTRAL, SILENT, Manner, Request, Speaker, Speech

__all__ = ["PACKAGE_OF", "PREFIX", "FestivalSpeaker", "script"]

PREFIX: Final = "festival:"
PACKAGE_OF: Final[Mapping[str, str]] = {
    "voice_kal_diphone": "festvox-kallpc16k",
    "voice_ked_diphone": "festvox-kdlpc16k",
    "voice_cmu_us_slt_arctic_hts": "festvox-us-slt-hts",
}
"""The voices, by the names of the functions that choose them."""

_MEAN_HZ: Final = 105.0
_DEVIATION_HZ: Final = 14.0
"""Of the diphone voices."""
_SECONDS: Final = 600.0


def script(voice: str, requests: Sequence[Request], folder: Path) -> str:
    """Return the Scheme program that speaks to 0.wav, 1.wav ... in a folder.

    Args:
        voice: One of `PACKAGE_OF`.
        requests: The HTS voice takes their texts alone.
        folder: An absolute path.
    """
    lines = [f"({voice})"]
    for number, (text, manner) in enumerate(requests):
        if voice.endswith("_diphone"):
            lines.append(_melody(manner))
        lines.append(f"(Parameter.set 'Duration_Stretch {manner.stretch:.3f})")
        plain = text.replace("\\", " ").replace('"', " ")
        spoken = f'(utt.synth (Utterance Text "{plain}"))'
        # One sentence that fails must not take the others with it.
        lines.append(f'(unwind-protect (utt.save.wave {spoken} "{folder}/{number}.wav" \'riff))')
    return "\n".join(lines) + "\n"


def _melody(manner: Manner) -> str:
    mean, deviation = _MEAN_HZ * manner.pitch, _DEVIATION_HZ * manner.pitch * manner.range
    target = f"(target_f0_mean {mean:.1f}) (target_f0_std {deviation:.1f})"
    return f"(set! int_lr_params '({target} (model_f0_mean 170) (model_f0_std 34)))"


class FestivalSpeaker(Speaker):
    """One of festival's voices.

    Args:
        voice: One of `PACKAGE_OF`.

    Raises:
        RecipeError: If the program is not installed; a missing voice shows when it shall speak.
    """

    def __init__(self, voice: str) -> None:
        program = shutil.which("festival")
        if program is None:
            raise not_installed("the program festival", "festival")
        self._program, self._voice = program, voice

    @property
    def name(self) -> str:
        """See `Speaker.name`."""
        return PREFIX + self._voice

    def speak(self, text: str, manner: Manner = NEUTRAL) -> Speech:
        """See `Speaker.speak`; starts a process, so rather use `speak_all`."""
        return self.speak_all([(text, manner)])[0]

    def speak_all(self, requests: Sequence[Request]) -> list[Speech]:
        """See `Speaker.speak_all`."""
        with tempfile.TemporaryDirectory(prefix="festival-") as name:
            folder = Path(name)
            program = folder / "script.scm"
            program.write_text(script(self._voice, requests, folder), encoding="utf-8")
            complaints = self._run(program)
            found = [_read(folder / f"{number}.wav") for number in range(len(requests))]
        if f"unbound variable : {self._voice}" in complaints:
            raise not_installed(f"festival's {self._voice}", PACKAGE_OF[self._voice])
        return found

    def _run(self, program: Path) -> str:
        try:
            ran = subprocess.run(
                [self._program, "-b", str(program)], capture_output=True, timeout=_SECONDS,
                check=False, start_new_session=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise RecipeError(f"festival spoke for more than {_SECONDS:.0f} s; it hangs") from error
        return (ran.stdout + ran.stderr).decode(errors="replace")


def _read(path: Path) -> Speech:
    try:
        rate, samples = read_wav(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return SILENT
    return Speech(samples, rate)
