"""What codecs and resampling cost per second of audio: ``python -m benchmarks.codecs``.

Every row is the best of several runs over the same synthetic speech, in microseconds of one core
per second of audio, with the share of a core that a session speaking without pause would take.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.codecs import AudioDecoder, AudioEncoder, EncodedFrame
from pipeline.engines import Int16Audio
from pipeline.libopus import load
from pipeline.resample import Resampler
from protocol.audio import RATES, AudioFormat, Encoding

__all__ = ["main"]

_FRAMES_MS = (20, 60)
_PAIRS = (
    (22_050, 8000),
    (22_050, 16_000),
    (22_050, 24_000),
    (22_050, 48_000),
    (8000, 16_000),
    (24_000, 16_000),
    (48_000, 16_000),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement.

    Attributes:
        what: What was done.
        microseconds: Per second of audio.
        note: Anything else worth a column.
    """

    what: str
    microseconds: float
    note: str = ""

    def __str__(self) -> str:
        share = self.microseconds / 10_000
        return f"{self.what:<40}{self.microseconds:>8.0f} us/s {share:>7.2f} %  {self.note}"


def synthetic_speech(seconds: float, rate: int) -> Int16Audio:
    """A gliding, pulsating voice with some breath: busy work for a speech codec."""
    moments = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * (150 * moments + 6 * np.sin(2 * np.pi * moments))
    voice = sum(np.sin(k * phase) / k for k in range(1, 20))
    breath = np.random.default_rng(0).standard_normal(len(moments)) * 0.05
    syllables = 0.55 - 0.45 * np.cos(8 * np.pi * moments)
    audio: Int16Audio = ((voice + breath) * syllables * 5000).astype(np.int16)
    return audio


def best(work: Callable[[], object], *, seconds: float, runs: int) -> float:
    """Microseconds per second of audio of the fastest run."""
    took = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return min(took) / seconds * 1e6


def codec_rows(seconds: float, runs: int) -> Iterator[Row]:
    """Encode and decode in every format, from and to its own frames."""
    for codec in Encoding:
        rates = RATES if codec in (Encoding.OPUS, Encoding.PCM_S16LE) else (8000,)
        for rate in rates:
            for frame_ms in _FRAMES_MS:
                yield from _codec_rows(AudioFormat(codec, rate, frame_ms), seconds, runs)


def _codec_rows(form: AudioFormat, seconds: float, runs: int) -> Iterator[Row]:
    audio = synthetic_speech(seconds, form.rate)
    frames = _encoded(form, audio)
    name = f"{form.codec} {form.rate} Hz {form.frame_ms:g} ms"
    kilobits = sum(len(frame.payload) for frame in frames) * 8 / seconds / 1000
    encode = best(lambda: _encoded(form, audio), seconds=seconds, runs=runs)
    decode = best(lambda: _decode(form, frames), seconds=seconds, runs=runs)
    yield Row(f"encode {name}", encode, f"{kilobits:.0f} kbit/s")
    yield Row(f"decode {name} to 16 kHz", decode)


def _encoded(form: AudioFormat, audio: Int16Audio) -> list[EncodedFrame]:
    with AudioEncoder(form, source_rate=form.rate, max_payload=16_384) as encoder:
        frames = [
            frame
            for start in range(0, len(audio), form.frame_samples)
            for frame in encoder.encode(audio[start : start + form.frame_samples])
        ]
        return frames + encoder.flush()


def _decode(form: AudioFormat, frames: list[EncodedFrame]) -> None:
    with AudioDecoder(form) as decoder:
        for frame in frames:
            decoder.decode(frame.payload)
        decoder.flush()


def resampling_rows(seconds: float, runs: int) -> Iterator[Row]:
    """Resample in chunks of 20 ms, and note how much audio waits inside."""
    for source, target in _PAIRS:
        audio = synthetic_speech(seconds, source)
        held = list(_resample(source, target, audio))
        cost = best(
            lambda s=source, t=target, a=audio: list(_resample(s, t, a)),  # type: ignore[misc]
            seconds=seconds,
            runs=runs,
        )
        note = f"holds back {np.mean(held):.0f} ms on average, {max(held):.0f} at most"
        yield Row(f"resample {source} to {target} Hz", cost, note)


def _resample(source: int, target: int, audio: Int16Audio) -> Iterator[float]:
    resampler = Resampler(source, target)
    chunk = source // 50
    for start in range(0, len(audio), chunk):
        resampler.process(audio[start : start + chunk])
        yield resampler.held * 1000 / target
    resampler.flush()


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.codecs", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="audio per run (default 5)")
    parser.add_argument("--runs", type=int, default=5, help="the fastest counts (default 5)")
    options = parser.parse_args(arguments)
    library = load()
    print(
        f"{library.version} ({library.source}), {options.seconds:g} s of audio, "
        f"best of {options.runs}"
    )
    for rows in (codec_rows, resampling_rows):
        for row in rows(options.seconds, options.runs):
            print(row, flush=True)


if __name__ == "__main__":
    main()
