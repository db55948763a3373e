"""What each step of a session's media path costs: ``python -m benchmarks.micro``.

Every row is one operation in a loop, timed in rounds with the garbage collector off: the median
of the rounds, and the fastest one (what it costs when nothing else runs on the core). A row also
says how often a session needs it per second, so that the rows of a path add up to the part of a
core that a session takes without sockets, tasks and engines: what is left of a measured session
is theirs. Microphone streams without pause; replies for 30 % of the time.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmarks.codecs import synthetic_speech
from benchmarks.report import surroundings
from gateway.sessions.outbox import Outbox
from pipeline.codecs import AudioDecoder, AudioEncoder
from pipeline.detection import Vad, speech_detector
from pipeline.engines import Int16Audio, silero, webrtc_vad
from pipeline.resample import Resampler
from protocol.audio import AudioFormat, Encoding
from protocol.codec import encode, parse_object, read_envelope, read_server_message
from protocol.events import AudioFrame, TranscriptPartial
from protocol.frames import Flag, Frame, pack, parse
from protocol.replay import SentLog

__all__ = ["Measured", "Operation", "main", "measure", "operations", "sums"]

REPLY_SHARE: Final = 0.3
"""Part of the time in which the agent speaks."""
_EVENTS_PER_S: Final = 4.0
"""Text events of a conversation, both ways, about."""
_ACKS_PER_S: Final = 5.0
_VOICE_RATE: Final = 22_050
_SPEECH_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that a session does over and over.

    Attributes:
        name: What.
        work: Does it so often; setting up is not timed.
        times: How often one call of `work` does it.
        per_second: How often a session needs it, by path; a path that it is no part of is missing.
    """

    name: str
    work: Callable[[], object]
    times: int
    per_second: dict[str, float]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one operation costs.

    Attributes:
        name: What.
        median_us: Of the rounds.
        fastest_us: Of the rounds.
        spread: Interquartile range of the rounds by their median: how noisy the machine was.
        per_second: As of the operation.
    """

    name: str
    median_us: float
    fastest_us: float
    spread: float
    per_second: dict[str, float]


def measure(operation: Operation, *, rounds: int) -> Measured:
    """Time an operation."""
    operation.work()  # the first run fills caches
    took = []
    enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            begun = time.perf_counter()
            operation.work()
            took.append((time.perf_counter() - begun) / operation.times * 1e6)
    finally:
        if enabled:
            gc.enable()
    median = statistics.median(took)
    quarters = statistics.quantiles(took, n=4) if len(took) > 1 else [median, median, median]
    spread = (quarters[2] - quarters[0]) / median if median else 0.0
    return Measured(operation.name, median, min(took), spread, operation.per_second)


def sums(measured: Sequence[Measured]) -> dict[str, float]:
    """Path -> microseconds of one core per second of a session."""
    found: dict[str, float] = {}
    for each in measured:
        for path, rate in each.per_second.items():
            found[path] = found.get(path, 0.0) + rate * each.median_us
    return found


def operations() -> Iterator[Operation]:
    """All of them, one after the other; each closes what it opened."""
    yield from _frames()
    yield from _events()
    yield from _codecs()
    yield from _detection()
    yield from _resampling()
    yield from _sending()


PATHS: Final = {
    "PCM 16 kHz, 20 ms": 50.0,
    "Opus 16 kHz, 20 ms": 50.0,
    "Opus 16 kHz, 60 ms": 1000 / 60,
}
"""Path -> frames per second in one direction."""


def _frames() -> Iterator[Operation]:
    payload = bytes(640)
    message = pack(Frame(1, 7, 16_000, 1234, payload, Flag.NONE))
    frame = parse(message)
    up = dict(PATHS)
    down = {path: rate * REPLY_SHARE for path, rate in PATHS.items()}
    yield Operation("frame header: parse", _repeat(1000, lambda: parse(message)), 1000, up)
    yield Operation("frame header: pack", _repeat(1000, lambda: pack(frame)), 1000, down)


def _events() -> Iterator[Operation]:
    event = TranscriptPartial("t_12", "what is the capital of", 11, 0.9)
    text = encode(event, seq=3, ts=1234, ack=17)
    often = dict.fromkeys(PATHS, _EVENTS_PER_S)

    def decode() -> None:
        body = parse_object(text)
        read_server_message(body, read_envelope(body).omitted)

    yield Operation(
        "event: encode",
        _repeat(500, lambda: encode(event, seq=3, ts=1234, ack=17)),
        500,
        often,
    )
    answered = dict.fromkeys(PATHS, _ACKS_PER_S)
    yield Operation("event: decode", _repeat(500, decode), 500, answered)


def _codecs() -> Iterator[Operation]:
    speech = synthetic_speech(_SPEECH_S, 16_000)
    for frame_ms in (20, 60):
        path = f"Opus 16 kHz, {frame_ms} ms"
        form = AudioFormat(Encoding.OPUS, 16_000, frame_ms)
        yield from _codec(form, speech, {path: PATHS[path]})
    pcm = "PCM 16 kHz, 20 ms"
    yield from _codec(AudioFormat(Encoding.PCM_S16LE, 16_000, 20), speech, {pcm: PATHS[pcm]})


def _codec(form: AudioFormat, speech: Int16Audio, up: dict[str, float]) -> Iterator[Operation]:
    """Both directions of a format, frame by frame, in the order of the speech."""
    name = f"{form.codec} {form.frame_ms:g} ms"
    size = form.frame_samples
    cuts = [speech[begin : begin + size] for begin in range(0, len(speech) - size + 1, size)]
    down = {path: rate * REPLY_SHARE for path, rate in up.items()}
    with AudioEncoder(form, source_rate=form.rate) as encoder, AudioDecoder(form) as decoder:
        payloads = [frame.payload for cut in cuts for frame in encoder.encode(cut)]
        count = len(payloads)
        yield Operation(f"{name}: decode", lambda: _each(decoder.decode, payloads), count, up)
        yield Operation(f"{name}: encode", lambda: _each(encoder.encode, cuts), len(cuts), down)


def _detection() -> Iterator[Operation]:
    speech = synthetic_speech(_SPEECH_S, 16_000)
    silence = speech * 0
    model, gate = silero.load(), webrtc_vad.load()
    cuts = {
        name: [audio[begin : begin + 320] for begin in range(0, len(audio), 320)]
        for name, audio in (("speech", speech), ("silence", silence))
    }
    # Speech of the user for a fifth of the time; the gate saves the model's work in the rest.
    shares = {"speech": 0.2, "silence": 0.8}
    for name, share in shares.items():
        detector = speech_detector(Vad.SILERO, silero=model, webrtc=gate)
        often = dict.fromkeys(PATHS, 50.0 * share)
        yield Operation(
            f"voice activity, 20 ms of {name}",
            lambda detector=detector, name=name: _each(detector.feed, cuts[name]),  # type: ignore[misc]
            len(cuts[name]),
            often,
        )


def _resampling() -> Iterator[Operation]:
    audio = synthetic_speech(_SPEECH_S, _VOICE_RATE)
    size = _VOICE_RATE // 50
    cuts = [audio[begin : begin + size] for begin in range(0, len(audio) - size + 1, size)]
    resampler = Resampler(_VOICE_RATE, 16_000)
    often = dict.fromkeys(PATHS, 50.0 * REPLY_SHARE)
    yield Operation(
        f"resample 20 ms, {_VOICE_RATE} to 16000 Hz",
        lambda: _each(resampler.process, cuts),
        len(cuts),
        often,
    )


def _sending() -> Iterator[Operation]:
    frame = AudioFrame(256, 0, bytes(80), start=False, end=False, response="r_1")
    down = {path: rate * REPLY_SHARE for path, rate in PATHS.items()}
    loop = asyncio.new_event_loop()
    try:
        outbox = Outbox()

        async def through() -> None:
            for _ in range(200):
                outbox.put(frame)
                await outbox.take()

        yield Operation(
            "outbox: append and take", lambda: loop.run_until_complete(through()), 200, down
        )
    finally:
        loop.close()
    log = SentLog(512 * 1024, 30.0)
    numbers = iter(range(1, 1 << 31))
    message = bytes(96)

    def keep() -> None:
        seq = next(numbers)
        log.append(seq, message, len(message), 0.0)
        if seq % 50 == 0:
            log.acknowledge(seq)

    yield Operation("replay log: append", _repeat(500, keep), 500, down)


def _repeat(times: int, work: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        for _ in range(times):
            work()

    return run


def _each(work: Callable[[Any], object], values: Sequence[Any]) -> None:
    for value in values:
        work(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks and print their table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.micro", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=25, help="of each operation (25)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds} is not at least 1")
    measured = [measure(operation, rounds=options.rounds) for operation in operations()]
    if options.json:
        rows = [asdict(each) for each in measured]
        found = {"operations": rows, "us_per_session_second": sums(measured)}
        print(json.dumps({**surroundings(), **found}))
    else:
        print("\n".join(_text(measured)))
    return 0


def _text(measured: Sequence[Measured]) -> Iterator[str]:
    for name, value in surroundings().items():
        yield f"{name}: {value}"
    yield ""
    yield f"{'us for each':<34}{'median':>9}{'fastest':>9}{'spread':>8}" + "".join(
        f"{path:>20}" for path in PATHS
    )
    for each in measured:
        cells = "".join(_cell(each, path) for path in PATHS)
        yield (
            f"{each.name:<34}{each.median_us:>9.2f}{each.fastest_us:>9.2f}{each.spread:>8.0%}"
            f"{cells}"
        )
    total = sums(measured)
    yield f"{'us per second of a session':<60}" + "".join(f"{total[path]:>20.0f}" for path in PATHS)
    yield f"{'sessions per core, of these alone':<60}" + "".join(
        f"{1e6 / total[path]:>20.0f}" for path in PATHS
    )


def _cell(each: Measured, path: str) -> str:
    rate = each.per_second.get(path)
    return f"{'-':>20}" if rate is None else f"{rate * each.median_us:>20.0f}"


if __name__ == "__main__":
    sys.exit(main())
