"""A device's microphone: continuous, paced like real time, with recordings spoken into it.

The microphone never stops: between recordings it delivers silence, because the end of speech can
only be heard by what follows it. `Microphone` decides what each frame holds and is pure; the
session's task takes a frame whenever one is due and sends it when its last sample has been
captured, as a device does. `open_live` feeds a real microphone through the optional package
sounddevice.
"""

from __future__ import annotations

import asyncio
import importlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.client.errors import ClientError
from gateway.client.wav import Recording
from pipeline.resample import Resampler

__all__ = ["Cut", "Microphone", "Utterance", "open_live", "resample"]

Int16Audio: TypeAlias = npt.NDArray[np.int16]


@dataclass(slots=True)
class Utterance:
    """A recording that is being spoken, and when. Positions are samples at the microphone's rate.

    Attributes:
        label: What the caller calls it.
        samples: Its length.
        speech: First sample above -50 dBFS, and one past the last, from the recording's start.
        rate: Hz.
        begin: Position of its first sample on the microphone's time line; None until it is due.
        opened_at: When the microphone's sample 0 was captured, seconds of the session's clock.
    """

    label: str
    samples: int
    speech: tuple[int, int]
    rate: int
    begin: int | None = None
    opened_at: float = 0.0

    @property
    def onset_at(self) -> float | None:
        """When the first sample of speech was captured (ground truth, from the recording)."""
        return self._at(self.speech[0])

    @property
    def end_of_speech_at(self) -> float | None:
        """When the last sample of speech was captured (ground truth, from the recording)."""
        return self._at(self.speech[1])

    @property
    def end(self) -> int | None:
        """One past its last sample on the microphone's time line."""
        return None if self.begin is None else self.begin + self.samples

    def _at(self, offset: int) -> float | None:
        if self.begin is None:
            return None
        return self.opened_at + (self.begin + offset) / self.rate


@dataclass(slots=True)
class _Waiting:
    """A recording, from its first sample that was not captured yet."""

    recording: Recording
    samples: Int16Audio
    utterance: Utterance
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Cut:
    """What one frame holds: samples, or the name of samples that others have as well.

    Attributes:
        samples: The frame, shape (samples,); None of a frame that ``recording`` names.
        recording: What was given to `Microphone.say`, whole frames of which are spoken, the last
            one filled up with silence; None of silence.
        index: Which of its frames; beyond its end, how many frames ago it began.
    """

    samples: Int16Audio | None = None
    recording: Recording | None = None
    index: int = 0


_SILENT: Final = Cut()


class Microphone:
    """Cuts silence and recordings into frames of one length.

    Args:
        rate: Hz.
        frame_samples: Samples per frame.
        live_limit_s: How much live audio may wait; the oldest is dropped beyond it, because stale
            speech is worthless.
    """

    def __init__(self, *, rate: int, frame_samples: int, live_limit_s: float = 0.5) -> None:
        self.rate = rate
        self.frame_samples = frame_samples
        self.position = 0
        self.opened_at = 0.0
        self._waiting: deque[_Waiting] = deque()
        self._latest: tuple[Recording, int] | None = None
        self._live: deque[Int16Audio] = deque()
        self._live_limit = round(live_limit_s * rate)

    def open(self, now: float) -> None:
        """Sample 0 is captured now."""
        self.opened_at = now

    @property
    def is_speaking(self) -> bool:
        """Whether a recording waits or is in progress."""
        return bool(self._waiting)

    def next_due(self) -> float:
        """When the next frame's last sample has been captured."""
        return self.opened_at + (self.position + self.frame_samples) / self.rate

    def say(self, recording: Recording, label: str = "") -> Utterance:
        """Speak a recording after those that wait; it is resampled as a whole, here and now."""
        samples = recording.samples
        if recording.rate != self.rate:
            samples = resample(samples, recording.rate, self.rate)
        speech = Recording(samples, self.rate).speech()
        utterance = Utterance(label, len(samples), speech, self.rate, opened_at=self.opened_at)
        self._waiting.append(_Waiting(recording, samples, utterance))
        return utterance

    def hear_live(self, samples: Int16Audio) -> None:
        """Take samples of a real microphone, at this one's rate."""
        self._live.append(samples)
        while sum(map(len, self._live)) > self._live_limit:
            self._live.popleft()

    def next_frame(self) -> Int16Audio:
        """The next frame; an utterance that begins in it learns its position."""
        self._latest = None
        frame = np.zeros(self.frame_samples, np.int16)
        filled = self._take(frame, self._waiting_part)
        if filled < len(frame):
            self._take(frame[filled:], self._live_part)
        self.position += len(frame)
        return frame

    def next_cut(self) -> Cut:
        """As `next_frame`, by name where the frame holds nothing but silence or one recording.

        A recording of another rate than the microphone's has no frames that others share.
        """
        if not self._waiting and not self._live:
            self.position += self.frame_samples
            return self._next_silence()
        if not self._speaks_alone():
            return Cut(self.next_frame())
        waiting = self._waiting[0]
        index = waiting.offset // self.frame_samples
        if waiting.offset == 0:
            self._begin(waiting, 0)
        waiting.offset += self.frame_samples
        if waiting.offset >= len(waiting.samples):
            self._waiting.popleft()
        self.position += self.frame_samples
        self._latest = waiting.recording, index
        return Cut(None, waiting.recording, index)

    def _next_silence(self) -> Cut:
        if self._latest is None:
            return _SILENT
        recording, index = self._latest
        self._latest = recording, index + 1
        return Cut(None, recording, index + 1)

    def _speaks_alone(self) -> bool:
        """Whether the next frame is one of the first recording's, and of nothing else."""
        if not self._waiting or self._live or self._waiting[0].recording.rate != self.rate:
            return False
        first = self._waiting[0]
        is_whole = len(first.samples) - first.offset >= self.frame_samples
        return first.offset % self.frame_samples == 0 and (is_whole or len(self._waiting) == 1)

    def _begin(self, waiting: _Waiting, offset: int) -> None:
        waiting.utterance.begin = self.position + offset
        waiting.utterance.opened_at = self.opened_at

    def _take(self, frame: Int16Audio, part: Callable[[int, int], Int16Audio | None]) -> int:
        filled = 0
        while filled < len(frame):
            piece = part(filled, len(frame) - filled)
            if piece is None:
                break
            frame[filled : filled + len(piece)] = piece
            filled += len(piece)
        return filled

    def _waiting_part(self, offset: int, limit: int) -> Int16Audio | None:
        if not self._waiting:
            return None
        waiting = self._waiting[0]
        if waiting.offset == 0:
            self._begin(waiting, offset)
        piece = waiting.samples[waiting.offset : waiting.offset + limit]
        waiting.offset += len(piece)
        if waiting.offset >= len(waiting.samples):
            self._waiting.popleft()
        return piece

    def _live_part(self, _offset: int, limit: int) -> Int16Audio | None:
        if not self._live:
            return None
        samples = self._live.popleft()
        if len(samples) > limit:
            self._live.appendleft(samples[limit:])
        return samples[:limit]


def resample(samples: Int16Audio, source: int, target: int) -> Int16Audio:
    """A whole recording at another rate."""
    resampler = Resampler(source, target)
    return np.concatenate([resampler.process(samples), resampler.flush()])


@contextmanager
def open_live(microphone: Microphone) -> Iterator[None]:
    """Feed the machine's default microphone while the context lasts. Call it on the event loop.

    Raises:
        ClientError: The package sounddevice, PortAudio or a microphone is missing.
    """
    loop = asyncio.get_running_loop()

    def captured(block: bytes, frames: int, time: Any, status: Any) -> None:  # noqa: ANN401
        # PortAudio's own thread: the samples are copied, because the buffer is reused.
        loop.call_soon_threadsafe(microphone.hear_live, np.frombuffer(bytes(block), np.int16))

    try:
        sounddevice = importlib.import_module("sounddevice")
        stream = sounddevice.RawInputStream(
            samplerate=microphone.rate, channels=1, dtype="int16", callback=captured
        )
    except ImportError as error:
        raise ClientError(
            "no live microphone: install it with  pip install 'parley[microphone]'"
        ) from error
    except OSError as error:
        raise ClientError(f"no live microphone: {error}; install libportaudio2") from error
    except Exception as error:  # PortAudioError has no name before the import
        raise ClientError(
            f"no live microphone: {error}; plug one in, or give a WAV file"
        ) from error
    with stream:
        yield
