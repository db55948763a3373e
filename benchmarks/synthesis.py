"""Measures the voice: speed by segment length, evenness of level, stopping, text front end.

``python -m benchmarks.synthesis [--voice FILE.onnx] [--threads N] [--repeat N]``
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pipeline.engines import Int16Audio, SpeakJob
from pipeline.engines.piper import PiperSettings, PiperVoice, load
from pipeline.engines.thread import StopToken
from pipeline.errors import EngineError
from pipeline.segmentation import Segmenter
from pipeline.speakable import speakable

__all__ = ["main"]

_STARTER = Path(__file__).parents[1] / "starter" / "models" / "voice" / "starter.onnx"

# Each is spoken with several subjects, so that no phonemes are cached.
_SEGMENTS = {
    "opener": "Sure, {}.",
    "first clause": "Well, the weather in {},",
    "sentence": "The weather in {} will be sunny for most of the day today.",
    "long sentence": (
        "The weather in {} will be sunny for most of the day, with a little rain in the evening, "
        "and it is going to stay warm until the end of the week."
    ),
    "figures": "In {} it costs $5.99 on 2026-11-20 at 10:30, or 20% less for 3 km.",
}
_PLACES = ("Paris", "London", "Rome", "Berlin", "Oslo", "Madrid", "Vienna", "Lisbon", "Prague")
_REPLY = (
    "Well, the weather in Paris tomorrow looks **mostly** sunny, with a high of 23 °C. Take a light"
    " coat with you, e.g. for the evening! Here is what I would do:\n- Walk along the river\n- Have"
    " lunch at 12:30\n- See [the museum](https://example.com/museum), which costs $12.50\n"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurements and print them; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synthesis", description=__doc__)
    parser.add_argument("--voice", type=Path, default=_STARTER, help="a Piper voice (.onnx)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=9, choices=range(1, len(_PLACES) + 1))
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    try:
        voice = load(PiperSettings(options.voice, threads=options.threads))
    except EngineError as error:
        print(error, file=sys.stderr)
        return 2
    loaded = time.perf_counter() - began
    voice.warm_up()
    print(f"{options.voice.name}: {voice.sample_rate} Hz, {options.threads} thread(s), ", end="")
    print(f"loaded in {loaded:.2f} s, gain {20 * np.log10(voice.gain):+.1f} dB\n")
    _print_speed(voice, options.repeat)
    _print_levels(voice)
    _print_stopping(voice, options.repeat)
    _print_front_end()
    return 0


def _print_speed(voice: PiperVoice, repeat: int) -> None:
    print("segment         characters  audio s   first audio ms      all ms   real-time factor")
    print("                                       median     max     median")
    for name, template in _SEGMENTS.items():
        texts = [template.format(place) for place in _PLACES[:repeat]]
        runs = [_timed(voice, text) for text in texts]
        firsts, totals, seconds = zip(*runs, strict=True)
        print(
            f"{name:15} {len(texts[0]):10} {statistics.fmean(seconds):8.2f}"
            f"   {statistics.median(firsts) * 1000:8.1f} {max(firsts) * 1000:7.1f}"
            f"   {statistics.median(totals) * 1000:8.1f}   {sum(totals) / sum(seconds):16.4f}"
        )
    print()


def _timed(voice: PiperVoice, text: str) -> tuple[float, float, float]:
    """Return seconds until the first audio, until the end, and of audio."""
    began, first, samples = time.perf_counter(), 0.0, 0
    for stretch in voice.speak(SpeakJob(text), stop=StopToken()):
        first = first or time.perf_counter() - began
        samples += len(stretch.audio)
    return first, time.perf_counter() - began, samples / voice.sample_rate


def _print_levels(voice: PiperVoice) -> None:
    levels, peaks = [], []
    for audio in _spoken(voice):
        levels.append(_level(audio, voice.sample_rate))
        peaks.append(20 * np.log10(np.abs(audio.astype(np.int32)).max() / 32768))
    print(
        f"level over {len(levels)} segments (RMS of what sounds): mean {np.mean(levels):.1f} dBFS,"
    )
    print(f"  standard deviation {np.std(levels):.2f} dB, range {min(levels):.1f} ", end="")
    print(f"to {max(levels):.1f}; highest peak {max(peaks):.1f} dBFS\n")


def _spoken(voice: PiperVoice) -> Iterator[Int16Audio]:
    for template in _SEGMENTS.values():
        for place in _PLACES[:4]:
            job = SpeakJob(template.format(place))
            stretches = list(voice.speak(job, stop=StopToken()))
            yield np.concatenate([stretch.audio for stretch in stretches])


def _level(audio: Int16Audio, rate: int) -> float:
    frame = rate // 100
    frames = audio[: len(audio) // frame * frame].reshape(-1, frame) / 32768
    power = np.mean(np.square(frames), axis=1)
    return float(10 * np.log10(power[power > power.max() * 1e-4].mean()))


def _print_stopping(voice: PiperVoice, repeat: int) -> None:
    """Stop a synthesis about a third into its run, from another thread."""
    text = _SEGMENTS["long sentence"].format("Paris")
    full = _timed(voice, text)[1]
    delays = []
    for _ in range(repeat):
        stop, stopped_at = StopToken(), [0.0]

        def set_stop(stop: StopToken = stop, stopped_at: list[float] = stopped_at) -> None:
            stopped_at[0] = time.perf_counter()
            stop.set()

        timer = threading.Timer(full / 3, set_stop)
        timer.start()
        list(voice.speak(SpeakJob(text), stop=stop))
        delays.append(time.perf_counter() - stopped_at[0])
        timer.join()
    print(f"stop → job ended, of a run of {full * 1000:.0f} ms: ", end="")
    print(f"median {statistics.median(delays) * 1000:.1f}, max {max(delays) * 1000:.1f} ms\n")


def _print_front_end() -> None:
    tokens = [_REPLY[index : index + 4] for index in range(0, len(_REPLY), 4)]
    began = time.perf_counter()
    rounds = 50
    for _ in range(rounds):
        segmenter = Segmenter()
        for token in tokens:
            segmenter.feed(token)
        segmenter.flush()
    per_token = (time.perf_counter() - began) / (rounds * len(tokens))
    began = time.perf_counter()
    for _ in range(rounds):
        speakable(_REPLY[:220])
    per_segment = (time.perf_counter() - began) / rounds
    print(f"segmentation {per_token * 1e6:.0f} µs per token of 4 characters; ", end="")
    print(f"text to speech text {per_segment * 1e6:.0f} µs per 220 characters")


if __name__ == "__main__":
    sys.exit(main())
