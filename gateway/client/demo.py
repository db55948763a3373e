"""`parley demo`: a spoken conversation of three turns, with a server of its own."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console

from gateway.client import waterfall
from gateway.client.commands import (
    CODECS,
    FAILED,
    add_connection_arguments,
    audio_format,
    read_key,
    read_trust,
    run_command,
)
from gateway.client.errors import ClientError
from gateway.client.microphone import Utterance
from gateway.client.server_process import serve
from gateway.client.session import DeviceSession, DeviceSettings, connect
from gateway.client.speaker import Playback
from gateway.client.talk import describe
from gateway.client.trace import TurnTrace
from gateway.client.wav import Int16Audio, Recording, read_wav, write_wav

__all__ = [
    "INTERRUPT_AFTER_S",
    "UTTERANCES",
    "Spoken",
    "add_arguments",
    "bundled",
    "complaints",
    "run",
]

UTTERANCES: Final = ("capital", "count", "sum")
"""What is said: a question, one with a long answer, and the question that interrupts it."""
INTERRUPT_AFTER_S: Final = 2.0
"""How much of the second reply is heard before the third question is asked."""
AUDIBLE_RMS_DB: Final = -45.0
"""A reply below this level, as a whole, could not be heard."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--codec", choices=CODECS, default="opus", help="both ways (opus)")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("parley-demo"),
        metavar="DIR",
        help="folder for the WAVs (parley-demo)",
    )
    add_connection_arguments(parser)
    parser.set_defaults(url=None)
    parser.add_argument(
        "--timeout", type=float, default=60, metavar="SECONDS", help="for each reply (60)"
    )


def run(options: argparse.Namespace) -> int:
    """Hold the conversation; 0 if everything was heard as it should, 1 if not."""
    return run_command(_demonstrate(options, Console(highlight=False, soft_wrap=True)))


def bundled(name: str) -> Recording:
    """One of the utterances that come with Parley."""
    with as_file(files("gateway.client").joinpath("utterances", f"{name}.wav")) as path:
        return read_wav(path)


@dataclass(frozen=True, slots=True)
class Spoken:
    """One turn as it went.

    Attributes:
        utterance: What was said, and when.
        recording: The same as audio.
        turn: What the server made of it.
        playback: What was heard of its reply.
    """

    utterance: Utterance
    recording: Recording
    turn: TurnTrace
    playback: Playback


async def _demonstrate(options: argparse.Namespace, console: Console) -> int:
    audio = audio_format(options.codec, None, 20)
    async with _server(options, console) as url:
        settings = DeviceSettings(
            url=url,
            key=read_key(options.key, options.key_file),
            tls=read_trust(options.ca_file),
            microphone=audio,
            speaker=audio,
            name="parley demo",
        )
        async with connect(settings) as device:
            console.print(f"connected, {audio.codec} {audio.rate} Hz both ways", style="dim")
            spoken = await _converse(device, console, options.timeout)
    for number, each in enumerate(spoken, start=1):
        _show(console, number, each)
    _save(options.out, spoken, console)
    found = complaints(spoken)
    for complaint in found:
        console.print(f"failed: {complaint}", style="bold red", markup=False)
    if not found:
        console.print("ok: three turns were heard, and the interruption stopped the sound")
    return FAILED if found else 0


@asynccontextmanager
async def _server(options: argparse.Namespace, console: Console) -> AsyncIterator[str]:
    """The server's address: a running one, or one that is started for the demo."""
    if options.url is not None:
        yield options.url
        return
    console.print("starting the server (its engines load and warm up) …")
    flags = ["--key-file", str(options.key_file)] if options.key_file else []

    def progress(line: str) -> None:
        console.print(f"  {line}", markup=False, style="dim")

    async with serve(*flags, progress=progress) as server:
        yield server.url


async def _converse(device: DeviceSession, console: Console, timeout_s: float) -> list[Spoken]:
    recordings = [bundled(name) for name in UTTERANCES]
    question, long_question, interruption = recordings
    console.print("turn 1: asking …", style="dim")
    first = await _ask(device, question, "the question", timeout_s)
    console.print("turn 2: asking for something long …", style="dim")
    begun = len(device.speaker.history)
    second = device.say(long_question, "the long question")
    playback = await device.heard(
        INTERRUPT_AFTER_S, since=begun, timeout_s=timeout_s + long_question.seconds
    )
    console.print(f"turn 3: interrupting after {playback.heard_s:.2f} s heard …", style="dim")
    third = await _ask(device, interruption, "the interruption", timeout_s)
    return [
        _spoken(device, utterance, recording)
        for utterance, recording in zip((first, second, third), recordings, strict=True)
    ]


async def _ask(
    device: DeviceSession, recording: Recording, label: str, timeout_s: float
) -> Utterance:
    utterance = device.say(recording, label)
    await device.answered(utterance, timeout_s=timeout_s + recording.seconds)
    return utterance


def _spoken(device: DeviceSession, utterance: Utterance, recording: Recording) -> Spoken:
    assert utterance.begin is not None
    assert utterance.end is not None
    turns = device.trace.between(utterance.begin, utterance.end)
    for turn in reversed(turns):
        playback = device.playback(turn)
        if playback is not None:
            return Spoken(utterance, recording, turn, playback)
    understood = "; ".join(repr(turn.transcript) for turn in turns) or "nothing"
    raise ClientError(f"{utterance.label} got no spoken answer; the server understood {understood}")


def _show(console: Console, number: int, spoken: Spoken) -> None:
    console.print(f"\nturn {number}", style="bold")
    for line in describe(spoken.turn, spoken.playback):
        console.print(f"  {line}", markup=False)
    stages = waterfall.stages(spoken.turn, spoken.playback, spoken.utterance)
    for line in waterfall.render(stages):
        console.print(line, markup=False, style="dim")
    for line in _interruption(spoken):
        console.print(line, markup=False, style="dim")


def _interruption(spoken: Spoken) -> list[str]:
    turn, playback = spoken.turn, spoken.playback
    if turn.interrupted_at is None or playback.ended_at is None:
        return []
    return [
        f"  sound stopped {1000 * (playback.ended_at - turn.interrupted_at):.1f} ms after the "
        f"interrupt arrived; {playback.late_frames} frames came after it",
        f"  {playback.heard_s:.2f} s heard of {playback.received_s:.2f} s received",
    ]


def _save(folder: Path, spoken: list[Spoken], console: Console) -> None:
    console.print()
    for number, each in enumerate(spoken, start=1):
        path = folder / f"reply-{number}.wav"
        write_wav(path, each.playback.heard_audio(), each.playback.audio_rate)
        console.print(f"{path}: what was heard of reply {number}", markup=False)
    path = folder / "conversation.wav"
    mixed, rate = _mix(spoken)
    write_wav(path, mixed, rate)
    console.print(f"{path}: both voices, as they sounded", markup=False)


def _mix(spoken: list[Spoken]) -> tuple[Int16Audio, int]:
    """Both sides on one time line. Gaps of underruns are not shown."""
    rate = spoken[0].playback.audio_rate
    pieces = [(each.utterance.onset_at or 0.0, each.utterance.rate, each) for each in spoken]
    begin = min(at for at, _, _ in pieces) - 0.5
    sounds: list[tuple[float, Int16Audio]] = []
    for _, _, each in pieces:
        recording = each.recording
        first, last = recording.speech()
        positions = np.arange(0, last - first, recording.rate / rate).astype(np.int64) + first
        sounds.append((each.utterance.onset_at or begin, recording.samples[positions]))
        sounds.append((each.playback.started_at or begin, each.playback.heard_audio()))
    length = max(round((at - begin) * rate) + len(sound) for at, sound in sounds)
    mixed = np.zeros(length + rate // 2, np.int32)
    for at, sound in sounds:
        offset = round((at - begin) * rate)
        mixed[offset : offset + len(sound)] += sound
    return np.clip(mixed, -32768, 32767).astype(np.int16), rate


def complaints(spoken: list[Spoken]) -> list[str]:
    """What a listener would have complained about; empty if all went well."""
    found: list[str] = []
    for number, each in enumerate(spoken, start=1):
        found += [f"turn {number}: {what}" for what in _unheard(each)]
    second = spoken[1]
    if second.turn.interrupted_at is None:
        found.append(
            f"turn 2 was not interrupted: its reply is {second.playback.received_s:.1f} s long, "
            f"and the interruption began after {INTERRUPT_AFTER_S:g} s heard"
        )
    else:
        found += [f"turn 2: {what}" for what in _uncut(second)]
    for number in (1, 3):
        if spoken[number - 1].turn.interrupted_at is not None:
            found.append(f"turn {number} was interrupted, though nobody spoke")
    return found


def _unheard(spoken: Spoken) -> list[str]:
    turn, playback = spoken.turn, spoken.playback
    level = Recording(playback.heard_audio(), playback.audio_rate).rms_db()
    found = []
    if not turn.transcript:
        found.append("nothing was understood")
    if not turn.reply:
        found.append("the reply has no text")
    if turn.status == "failed":
        found.append(f"the response failed: {turn.status_reason}")
    if level < AUDIBLE_RMS_DB:
        found.append(f"the reply cannot be heard ({level:.0f} dBFS)")
    return found


def _uncut(spoken: Spoken) -> list[str]:
    """What was wrong about an interruption."""
    turn, playback = spoken.turn, spoken.playback
    found = []
    if playback.outcome != "flushed":
        found.append(f"playback was {playback.outcome}, not flushed")
    if playback.late_frames:
        found.append(f"{playback.late_frames} audio frames came after the interrupt")
    if turn.heard_text is None:
        found.append("history was not cut to what was heard")
    elif not turn.reply.startswith(turn.heard_text) or turn.heard_text == turn.reply:
        found.append(f"history was cut to {turn.heard_text!r}, which is no part of the reply")
    return found
