"""The steps of a session's media path, each as an operation that can be repeated.

An operation says how often a session needs it per second, so that the rows of a path add up to the
part of a core that a session takes without sockets, tasks and engines: what is left of a measured
session is theirs. Microphone streams without pause; replies for 30 % of the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.codecs import synthetic_speech
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

__all__ = ["PATHS", "Operation", "operations"]

REPLY_SHARE: Final = 0.3
"""Part of the time in which the agent speaks."""
_EVENTS_PER_S: Final = 4.0
"""Text events of a conversation, both ways, about."""
_ACKS_PER_S: Final = 5.0
_VOICE_RATE: Final = 22_050
_SPEECH_S: Final = 4.0
_KEPT: Final = 1500
"""Frames of 20 ms in the log: its 30 s, if the client acknowledged nothing."""
_MISSED: Final = 250
"""Frames of 20 ms that a cut of 5 s swallows."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that a session does over and over.

    Attributes:
        name: What.
        work: Does it so often; setting up is not timed.
        times: How often one call of `work` does it.
        per_second: How often a session needs it, by path; a path that it is no part of is missing.
            Empty of what happens too seldom to count by the second.
    """

    name: str
    work: Callable[[], object]
    times: int
    per_second: dict[str, float]


def operations() -> Generator[Operation]:
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
    yield from _replaying(down)


def _replaying(down: dict[str, float]) -> Iterator[Operation]:
    """What is kept of what was sent, and what a client that was away gets of it."""
    message = pack(Frame(1, 7, 16_000, 1234, bytes(80), Flag.NONE))
    log = SentLog(512 * 1024, 30.0)
    numbers = iter(range(1, 1 << 31))

    def keep() -> None:
        seq = next(numbers)
        log.append(seq, message, len(message), 0.0)
        if seq % 50 == 0:
            log.acknowledge(seq)

    yield Operation("replay log: append", _repeat(500, keep), 500, down)
    full = SentLog(512 * 1024, 30.0)
    for seq in range(1, _KEPT + 1):
        full.append(seq, message, len(message), 0.0)
    first = _KEPT - _MISSED + 1
    # Once per resumed connection and not by the second: a part of no path.
    yield Operation(
        f"replay log: retrieve, each of {_MISSED}", lambda: full.since(first, _KEPT), _MISSED, {}
    )


def _repeat(times: int, work: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        for _ in range(times):
            work()

    return run


def _each(work: Callable[[Any], object], values: Sequence[Any]) -> None:
    for value in values:
        work(value)
