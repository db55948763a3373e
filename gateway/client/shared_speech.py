"""Recordings as frames that all devices of a process share: cut and encoded once, sent often.

What goes over the wire is what each device would have made for itself. PCM and G.711 have no
memory, so their frames are the same to the bit. An Opus encoder has one: here every recording
follows silence and is followed by it, as it does in a room, and the frames of plain silence are
those into which the encoder settles.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.client.microphone import Cut
from gateway.client.wav import Recording
from pipeline.codecs import AudioEncoder
from protocol.audio import AudioFormat

__all__ = ["SharedSpeech"]

Int16Audio: TypeAlias = npt.NDArray[np.int16]

_LEAD_S: Final = 0.6
"""Silence in front of a recording, for the encoder to settle."""
_TAIL_S: Final = 0.3
"""Silence behind it until the frames of plain silence take over."""


class SharedSpeech:
    """Frames by recording and format; a recording is known by identity, so pass the same object."""

    def __init__(self) -> None:
        self._frames: dict[tuple[int, AudioFormat], tuple[bytes, ...]] = {}
        self._silence: dict[AudioFormat, bytes] = {}
        self._kept: list[Recording] = []

    def prepare(self, recording: Recording, format: AudioFormat) -> None:
        """Cut and encode a recording now; takes 5 to 12 ms per second of audio with Opus.

        Args:
            recording: At the format's rate.
            format: What is on the wire.

        Raises:
            AudioError: Such frames cannot be made.
        """
        with AudioEncoder(format, source_rate=format.rate) as encoder:
            size = encoder.frame_samples
            lead = -(-round(_LEAD_S * format.rate) // size)
            settled = encoder.encode(np.zeros(lead * size, np.int16))
            self._silence[format] = settled[-1].payload
            padding = (
                -len(recording.samples) % size + -(-round(_TAIL_S * format.rate) // size) * size
            )
            spoken = np.concatenate([recording.samples, np.zeros(padding, np.int16)])
            self._kept.append(recording)
            self._frames[id(recording), format] = tuple(
                frame.payload for frame in encoder.encode(spoken)
            )

    def payload(self, cut: Cut, format: AudioFormat) -> bytes | None:
        """The payload of one frame; None if it holds samples that nobody shares.

        Args:
            cut: What the frame holds; a recording that was not prepared is prepared now.
            format: The microphone's.
        """
        if cut.samples is not None:
            return None
        if cut.recording is not None:
            frames = self._frames.get((id(cut.recording), format))
            if frames is None:
                self.prepare(cut.recording, format)
                frames = self._frames[id(cut.recording), format]
            if cut.index < len(frames):
                return frames[cut.index]
        silence = self._silence.get(format)
        if silence is None:
            self.prepare(Recording(np.zeros(0, np.int16), format.rate), format)
            silence = self._silence[format]
        return silence
