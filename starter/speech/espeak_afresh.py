"""eSpeak NG so that a sentence always sounds the same: each is spoken by a library as just loaded.

A child process loads the library once and forks for every sentence, which takes 5 ms of CPU more.
Run as a module it is that child: for each line of JSON, [voice, text, stretch, pitch, range], it
writes the number of bytes (32 bits, little endian), then the samples (float32).
"""

from __future__ import annotations

import functools
import os
import struct
import subprocess
import sys
import weakref
from dataclasses import astuple
from pathlib import Path
from typing import IO, Final

import numpy as np
import orjson

from starter.errors import RecipeError
from starter.speech.espeak import PREFIX, library
from starter.speech.speaker import NEUTRAL, Manner, Speaker, Speech

__all__ = ["EspeakAfresh", "main"]

_ROOT: Final = Path(__file__).parents[2]
_ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""A process of one thread may fork without harm; numpy would start others."""
_LENGTH: Final = struct.Struct("<I")


class EspeakAfresh(Speaker):
    """One of espeak-ng's voices, whose sentences do not depend on what was said before.

    Args:
        voice: As for `EspeakLibrary.choose`.

    Raises:
        RecipeError: If espeak-ng is not installed, or has no such voice.
    """

    def __init__(self, voice: str) -> None:
        self._voice = voice
        library().choose(voice)

    @property
    def name(self) -> str:
        """See `Speaker.name`."""
        return PREFIX + self._voice

    def speak(self, text: str, manner: Manner = NEUTRAL) -> Speech:
        """See `Speaker.speak`."""
        samples = _child().answer(orjson.dumps((self._voice, text, *astuple(manner))))
        return Speech(np.frombuffer(samples, "<f4").astype(np.float32), library().rate)


class _Child:
    """The process that speaks for all voices."""

    def __init__(self) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "starter.speech.espeak_afresh"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT, env=os.environ | _ONE_THREAD,
            start_new_session=True,  # Ctrl-C is for the parent, whose end it notices
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        self._questions, self._answers = process.stdin, process.stdout
        weakref.finalize(self, _end, process)

    def answer(self, question: bytes) -> bytes:
        try:
            self._questions.write(question + b"\n")
            self._questions.flush()
            (size,) = _LENGTH.unpack(_exactly(self._answers, _LENGTH.size))
            return _exactly(self._answers, size)
        except (OSError, EOFError) as error:
            _child.cache_clear()
            asked = question.decode()
            raise RecipeError(f"espeak-ng's process ended while it spoke {asked}") from error


@functools.cache
def _child() -> _Child:
    return _Child()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.communicate()  # an end of its input ends it


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    found = pipe.read(size)
    if len(found) < size:
        raise EOFError
    return found


def main() -> int:
    """Answer each line of standard input on standard output."""
    espeak = library()
    for line in sys.stdin.buffer:
        voice, text, *manner = orjson.loads(line)
        read, write = os.pipe()
        if child := os.fork():
            os.close(write)
            with os.fdopen(read, "rb") as pipe:
                samples = pipe.read()
            if os.waitpid(child, 0)[1] != 0:
                return 1
            sys.stdout.buffer.write(_LENGTH.pack(len(samples)) + samples)
            sys.stdout.buffer.flush()
        else:
            _speak_and_leave(write, espeak.speak(text, voice, Manner(*manner)))
    return 0


def _speak_and_leave(write: int, speech: Speech) -> None:
    with os.fdopen(write, "wb") as pipe:
        pipe.write(speech.samples.astype("<f4").tobytes())
    os._exit(0)  # without the parent's buffers and exit handlers


if __name__ == "__main__":
    sys.exit(main())
