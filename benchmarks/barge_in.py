"""How fast speech stops a reply: ``python -m benchmarks.barge_in``.

Starts a server with real voice activity detection but scripted recognition, language model and
voice, so that nothing but the interruption is measured. Each device asks something, hears a part of
the long reply, and talks over it. The onset is ground truth: the first sample of speech in the
recording that was sent, on the client's clock.

    onset -> detected            to `interrupt` received; holds the 250 ms of speech that it takes
    detected -> last frame sent  on the server, from its metric parley_interrupt_stop_seconds
    last frame received          last audio frame of the reply - `interrupt` received; never above 0
    onset -> silence             to the last sample of the reply that the device played
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.report import Histogram, inline, summary, surroundings, table
from gateway.client.commands import CODECS, audio_format, run_command
from gateway.client.demo import bundled
from gateway.client.errors import ClientError
from gateway.client.microphone import Utterance
from gateway.client.server_process import serve
from gateway.client.session import DeviceSession, DeviceSettings, connect
from gateway.client.trace import TurnTrace

__all__ = ["Interruption", "main"]

INTERRUPTIONS: Final = ("stop", "sum", "capital", "name", "story")
"""What talks over the reply; devices take turns."""
_SPREAD_S: Final = 0.23
"""Between the starts of two devices: no multiple of a frame, a block or a hang-over."""


@dataclass(frozen=True, slots=True)
class Interruption:
    """What one interruption took, in ms.

    Attributes:
        detected: Onset to `interrupt`.
        started: Onset to `speech.started`.
        last_frame: `interrupt` to the last frame of the reply that was received; negative if it
            came before.
        silence: Onset to the last sample of the reply that was played.
        late_frames: Frames of the reply that came after `interrupt`.
        client_lag: How late the client's own microphone was at worst.
    """

    detected: float
    started: float
    last_frame: float
    silence: float
    late_frames: int
    client_lag: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.barge_in", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--sessions", type=int, default=20, metavar="N", help="(20)")
    parser.add_argument(
        "--at-once",
        type=int,
        default=2 * (os.cpu_count() or 1),
        metavar="N",
        help="of them; client and server share this machine (two per core)",
    )
    parser.add_argument("--after", type=float, default=1.0, metavar="SECONDS", help="heard (1)")
    parser.add_argument("--codec", choices=CODECS, default="opus", help="(opus)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.add_argument("--timeout", type=float, default=60, metavar="SECONDS", help="a turn (60)")
    return run_command(_run(parser.parse_args(arguments)))


async def _run(options: argparse.Namespace) -> int:
    found: list[Interruption] = []
    failures: list[str] = []
    places = asyncio.Semaphore(options.at_once)
    async with serve("--engines", "scripted", "--max-sessions", str(options.at_once + 1)) as server:
        _, before = await server.page("/metrics")
        async with asyncio.TaskGroup() as tasks:
            for number in range(options.sessions):
                device = _device(server.url, number, places, options, found, failures)
                tasks.create_task(device, name=f"device {number}")
        _, after = await server.page("/metrics")
    if not found:
        raise ClientError(f"nothing was interrupted: {failures[0] if failures else 'no sessions'}")
    report = _report(found, failures, before, after)
    print(json.dumps(report) if options.json else "\n".join(_text(report)))
    return 0


async def _device(
    url: str,
    number: int,
    places: asyncio.Semaphore,
    options: argparse.Namespace,
    found: list[Interruption],
    failures: list[str],
) -> None:
    audio = audio_format(options.codec, None, 20)
    async with places:
        await asyncio.sleep(number % options.at_once * _SPREAD_S)
        try:
            async with connect(DeviceSettings(url, microphone=audio, speaker=audio)) as device:
                name = INTERRUPTIONS[number % len(INTERRUPTIONS)]
                found.append(await _interrupt(device, name, options))
        except ClientError as error:
            failures.append(str(error))


async def _interrupt(device: DeviceSession, name: str, options: argparse.Namespace) -> Interruption:
    device.say(bundled("count"), "count")
    playback = await device.heard(options.after, timeout_s=options.timeout)
    if playback.outcome is not None:
        raise ClientError(
            f"the reply was over after {playback.heard_s:.1f} s: nothing to interrupt"
        )
    utterance = device.say(bundled(name), name)
    interrupted = device.trace.of_response(playback.response)
    await device.until(
        lambda: interrupted.interrupted_at is not None and playback.outcome is not None,
        timeout_s=options.timeout,
        what="the interruption",
    )
    await device.answered(utterance, timeout_s=options.timeout)
    return _interruption(device, utterance, interrupted)


def _interruption(device: DeviceSession, utterance: Utterance, turn: TurnTrace) -> Interruption:
    playback, onset = device.playback(turn), utterance.onset_at
    assert playback is not None
    assert onset is not None
    assert utterance.begin is not None
    assert utterance.end is not None
    assert turn.interrupted_at is not None
    assert playback.last_frame_at is not None
    assert playback.ended_at is not None
    speaking = device.trace.between(utterance.begin, utterance.end)[0]
    last = playback.last_frame_at if playback.late_at is None else playback.late_at
    return Interruption(
        detected=(turn.interrupted_at - onset) * 1000,
        started=((speaking.started_at or onset) - onset) * 1000,
        last_frame=(last - turn.interrupted_at) * 1000,
        silence=(playback.ended_at - onset) * 1000,
        late_frames=playback.late_frames,
        client_lag=device.microphone_lag_s * 1000,
    )


def _report(
    found: list[Interruption], failures: list[str], before: str, after: str
) -> dict[str, Any]:
    stop = Histogram("parley_interrupt_stop_seconds", before, after)
    lag = Histogram("parley_loop_lag_seconds", before, after)
    return {
        **surroundings(),
        "interruptions": len(found),
        "failures": failures,
        "milliseconds": {
            "onset -> speech.started": summary([each.started for each in found]),
            "onset -> detected": summary([each.detected for each in found]),
            "detected -> last frame received": summary([each.last_frame for each in found]),
            "onset -> silence": summary([each.silence for each in found]),
            "client's own worst lag": summary([each.client_lag for each in found]),
        },
        "late_frames": sum(each.late_frames for each in found),
        "detected_to_last_frame_sent_ms": stop.milliseconds(50, 95),
        "loop_lag_ms": lag.milliseconds(95, 99),
    }


def _text(report: dict[str, Any]) -> list[str]:
    head = ("machine", "versions", "date", "command", "interruptions")
    lines = [f"{name}: {report[name]}" for name in head]
    lines += ["", *table(report["milliseconds"], unit="ms")]
    for title, name in (
        ("detected -> last frame sent", "detected_to_last_frame_sent_ms"),
        ("event loop's lag", "loop_lag_ms"),
    ):
        lines.append(f"{title}, ms: {inline(report[name])}")
    lines.append(f"frames received after the interrupt: {report['late_frames']}")
    return lines + [f"failed: {failure}" for failure in report["failures"]]


if __name__ == "__main__":
    sys.exit(main())
