"""`parley talk`: speak to a server, watch it understand, and keep what it answers."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.text import Text

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
from gateway.client.microphone import Utterance, open_live
from gateway.client.session import DeviceSession, DeviceSettings, connect
from gateway.client.speaker import Playback
from gateway.client.trace import TurnTrace
from gateway.client.wav import Recording, read_wav, write_wav
from protocol.events import (
    UNSET,
    ErrorReport,
    ResponseCreate,
    ServerEvent,
    SessionFields,
    TurnFields,
    WarningReport,
)

__all__ = ["add_arguments", "run"]

_PAUSE_S: Final = 0.3
"""Silence between the replies in the WAV that is written."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument(
        "wav", nargs="*", type=Path, metavar="FILE.wav", help="recordings to speak, one per turn"
    )
    parser.add_argument(
        "--text", help="type this instead of speaking; after FILE, interrupt with it"
    )
    parser.add_argument("--say", help="let the agent speak exactly this text")
    parser.add_argument("--mic", action="store_true", help="speak yourself, until Ctrl-C")
    add_connection_arguments(parser)
    parser.add_argument("--codec", choices=CODECS, default="opus", help="both ways (opus)")
    parser.add_argument("--rate", type=int, metavar="HZ", help="both ways (16000; G.711: 8000)")
    parser.add_argument("--frame-ms", type=float, default=20, metavar="MS", help="(20)")
    parser.add_argument(
        "--interrupt-after",
        type=float,
        metavar="SECONDS",
        help="heard of the first reply before the second FILE, or --text, interrupts it",
    )
    parser.add_argument(
        "--push-to-talk", action="store_true", help="say where turns begin and end: no detection"
    )
    parser.add_argument("--instructions", metavar="TEXT", help="what the agent is told to be")
    parser.add_argument(
        "--out", type=Path, default=Path("reply.wav"), metavar="FILE", help="(reply.wav)"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the server's events, one JSON object per line"
    )
    parser.add_argument(
        "--timeout", type=float, default=60, metavar="SECONDS", help="for each reply (60)"
    )


def run(options: argparse.Namespace) -> int:
    """Hold the conversation that the flags describe."""
    return run_command(_talk(options))


async def _talk(options: argparse.Namespace) -> int:
    _check(options)
    recordings = [read_wav(path) for path in options.wav]
    screen = _Screen(
        Console(stderr=options.json, highlight=False, soft_wrap=True), quiet=options.json
    )
    async with connect(
        _settings(options),
        observe=screen.observe,
        observe_text=print_line if options.json else None,
    ) as device:
        screen.connected(device)
        conversation = _Conversation(options, recordings, device, screen)
        try:
            with screen.live():
                await conversation.hold()
        finally:
            _write(options.out, device, screen)
    return 0 if _went_well(device.trace.turns) else FAILED


def print_line(text: str) -> None:
    """Print one event at once; whoever reads a pipe does not want to wait."""
    print(text, flush=True)


def _check(options: argparse.Namespace) -> None:
    if not (options.wav or options.text or options.say or options.mic):
        raise ClientError("nothing to say: give a FILE.wav, --text, --say or --mic")
    if options.interrupt_after is not None and len(options.wav) < 2 and not options.text:
        raise ClientError("--interrupt-after needs a second FILE.wav, or --text, to interrupt with")
    if options.push_to_talk and options.mic:
        raise ClientError("--push-to-talk speaks recordings; leave --mic out")


def _settings(options: argparse.Namespace) -> DeviceSettings:
    audio = audio_format(options.codec, options.rate, options.frame_ms)
    wishes = SessionFields(
        instructions=options.instructions or UNSET,
        turn=TurnFields(mode="manual") if options.push_to_talk else UNSET,
    )
    return DeviceSettings(
        url=options.url,
        key=read_key(options.key, options.key_file),
        tls=read_trust(options.ca_file),
        microphone=audio if options.wav or options.mic else None,
        speaker=audio,
        # Of a live microphone nobody knows what it hears of the loudspeaker.
        aec="none" if options.mic else "device",
        session=None if wishes == SessionFields() else wishes,
        name="parley talk",
    )


def _went_well(turns: Sequence[TurnTrace]) -> bool:
    """Whether anything was answered, and no answer failed."""
    answered = [turn for turn in turns if turn.status is not None]
    return bool(answered) and all(turn.status != "failed" for turn in answered)


class _Conversation:
    """Says everything in turn, and shows each turn when it is over."""

    def __init__(
        self,
        options: argparse.Namespace,
        recordings: list[Recording],
        device: DeviceSession,
        screen: _Screen,
    ) -> None:
        self._options = options
        self._recordings = recordings
        self._device = device
        self._screen = screen
        self._timeout_s: float = options.timeout

    async def hold(self) -> None:
        options = self._options
        if options.mic:
            await self._listen_live()
            return
        waiting = list(zip(self._recordings, options.wav, strict=True))
        typed = options.text
        if options.interrupt_after is not None and waiting:
            (recording, path), *waiting = waiting
            await self._interrupted(recording, path, waiting[0] if waiting else None)
            waiting, typed = waiting[1:], typed if waiting else None
        for recording, path in waiting:
            await self._speak(recording, path)
        if typed:
            self._show(await self._device.ask(typed, timeout_s=self._timeout_s), None)
        if options.say:
            event = ResponseCreate(say=options.say)
            self._show(await self._device.command(event, timeout_s=self._timeout_s), None)

    async def _speak(self, recording: Recording, path: Path) -> None:
        utterance = await self._begin(recording, path)
        turns = await self._device.answered(
            utterance, timeout_s=self._timeout_s + recording.seconds
        )
        self._show(turns, utterance)

    async def _begin(self, recording: Recording, path: Path) -> Utterance:
        if not self._options.push_to_talk:
            return self._device.say(recording, path.name)
        limit = recording.seconds + self._timeout_s
        return await self._device.push_to_talk(recording, path.name, timeout_s=limit)

    async def _interrupted(
        self, recording: Recording, path: Path, second: tuple[Recording, Path] | None
    ) -> None:
        device, after = self._device, self._options.interrupt_after
        utterance = await self._begin(recording, path)
        begun = len(device.speaker.history)
        playback = await device.heard(
            after, since=begun, timeout_s=self._timeout_s + recording.seconds + after
        )
        if playback.outcome is not None:
            self._screen.note(f"the reply was over after {playback.heard_s:.1f} s: not interrupted")
        if second is not None:
            interruption = await self._begin(*second)
            turns = await device.answered(interruption, timeout_s=self._timeout_s)
        else:
            interruption = None
            turns = await device.ask(self._options.text, timeout_s=self._timeout_s)
        assert utterance.begin is not None
        assert utterance.end is not None
        self._show(device.trace.between(utterance.begin, utterance.end), utterance)
        self._show(turns, interruption)

    async def _listen_live(self) -> None:
        device = self._device
        assert device.microphone is not None
        with ExitStack() as opened:
            opened.enter_context(open_live(device.microphone))
            shown = 0
            while True:
                turns = await device.until(
                    lambda: device.over(device.trace.turns[shown:]),  # noqa: B023  awaited here
                    timeout_s=24 * 3600,
                    what="the next turn",
                )
                self._show(turns, None)
                shown += len(turns)

    def _show(self, turns: Sequence[TurnTrace], utterance: Utterance | None) -> None:
        for turn in turns:
            self._screen.turn(turn, self._device.playback(turn), utterance)


class _Screen:
    """Shows a conversation: the turn in progress live, then what became of it."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._live: Live | None = None
        self._device: DeviceSession | None = None

    def live(self) -> ExitStack:
        """A context in which the turn in progress is shown, on a terminal."""
        stack = ExitStack()
        if self._console.is_terminal and not self._quiet:
            self._live = stack.enter_context(
                Live(Text(""), console=self._console, refresh_per_second=10, transient=True)
            )
        return stack

    def connected(self, device: DeviceSession) -> None:
        self._device = device
        audio = device.welcome.audio
        ways = [("to", audio.in_), ("from", audio.out)]
        formats = [f"{each.codec} {each.rate} Hz {way}" for way, each in ways if each]
        self.note(f"connected to {device.settings.url}, {', '.join(formats)} the server")

    def observe(self, event: ServerEvent, at: float) -> None:
        match event:
            case ErrorReport(code=code, message=message, fatal=False):
                self.note(f"error {code}: {message}")
            case WarningReport(message=message):
                self.note(f"warning: {message}")
            case _:
                pass
        if self._live is not None and self._device is not None and self._device.trace.turns:
            self._live.update(_in_progress(self._device.trace.turns[-1]))

    def turn(self, turn: TurnTrace, playback: Playback | None, utterance: Utterance | None) -> None:
        if self._quiet:
            return
        if self._live is not None:
            self._live.update(Text(""), refresh=True)
        for line in describe(turn, playback):
            self._console.print(line, markup=False)
        for line in waterfall.render(waterfall.stages(turn, playback, utterance)):
            self._console.print(line, markup=False, style="dim")

    def note(self, text: str) -> None:
        if not self._quiet:
            self._console.print(text, markup=False, style="dim")


def describe(turn: TurnTrace, playback: Playback | None) -> list[str]:
    """A turn in lines: what was understood, what was answered, what was heard of it."""
    lines = []
    if turn.transcript is not None:
        lines.append(f"you:   {turn.transcript or '(nothing that could be understood)'}")
    if turn.reply:
        lines.append(f"agent: {turn.reply}")
    if turn.interrupted_at is not None:
        lines.append(f"       interrupted ({turn.interrupt_reason})")
    if turn.heard_text is not None:
        lines.append(
            f"       heard until then: {turn.heard_text!r} "
            f"({turn.heard_ms} of {turn.total_ms} ms, by {turn.cut_by})"
        )
    if turn.status not in (None, "completed"):
        lines.append(f"       response {turn.status}: {turn.status_reason or 'no reason given'}")
    if playback is not None:
        stalls = f", {playback.underruns} underruns" if playback.underruns else ""
        lines.append(f"       {playback.heard_s:.1f} s heard{stalls}")
    return lines


def _in_progress(turn: TurnTrace) -> Text:
    said = turn.transcript or (turn.partials[-1][1] if turn.partials else "…")
    return Text(f"you:   {said}\nagent: {turn.reply}" if turn.reply else f"you:   {said}")


def _write(path: Path, device: DeviceSession, screen: _Screen) -> None:
    """Write all that was heard, one reply after the other."""
    heard = [(each.heard_audio(), each.audio_rate) for each in device.speaker.history]
    heard = [(audio, rate) for audio, rate in heard if len(audio)]
    if not heard:
        return
    rate = heard[0][1]
    pause = np.zeros(round(_PAUSE_S * rate), np.int16)
    pieces = [piece for audio, _ in heard for piece in (audio, pause)]
    recording = Recording(np.concatenate(pieces[:-1]), rate)
    write_wav(path, recording.samples, rate)
    screen.note(f"{path}: {recording.seconds:.1f} s of reply, {recording.rms_db():.0f} dBFS")
