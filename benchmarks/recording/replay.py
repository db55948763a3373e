"""`parley replay`: the client's side of a recording against a server; does it say the same?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from benchmarks.recording.format import RecordingError, read_recording
from benchmarks.recording.player import Player
from benchmarks.recording.script import read_script
from benchmarks.recording.story import differences
from gateway.client.commands import (
    FAILED,
    add_connection_arguments,
    read_key,
    run_command,
)
from gateway.client.errors import ClientError

__all__ = ["add_arguments", "run"]

_STYLES: Final = {"-": "red", "+": "green", "@": "bold"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a recording of parley record")
    add_connection_arguments(parser)
    parser.add_argument(
        "--speed", type=float, default=1.0, metavar="X", help="times faster than recorded (1)"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=10.0,
        metavar="S",
        help="wait so long for what the recorded client had heard before it went on (10)",
    )


def run(options: argparse.Namespace) -> int:
    """Replay and compare; 0 if equal, 1 if not, 2 if a flag or the file is wrong."""
    return run_command(_replay(options))


async def _replay(options: argparse.Namespace) -> int:
    for flag, value in (("--speed", options.speed), ("--patience", options.patience)):
        if not 0 < value < float("inf"):
            raise ClientError(f"{flag} {value:g} cannot be; give a number above 0")
    recording = read_recording(options.file)
    script = read_script(recording)
    if not script.steps:
        raise RecordingError(f"{options.file} holds nothing that a client said; nothing to replay")
    player = Player(
        script,
        speed=options.speed,
        patience_s=options.patience,
        complain=lambda line: print(f"parley: {line}", file=sys.stderr),
    )
    await player.run(options.url, key=read_key(options.key, options.key_file))
    expected, found = script.story.lines(), player.story.lines()
    found = found if script.is_whole else found[: len(expected)]
    return _tell(Console(highlight=False), player, expected, found)


def _tell(console: Console, player: Player, expected: list[str], found: list[str]) -> int:
    different = differences(expected, found)
    for line in different:
        console.print(Text(line, style=_STYLES.get(line[0], "")), soft_wrap=True)
    if player.lost_patience_at is not None:
        console.print(f"waited in vain {_when(player.lost_patience_at)}")
    if different:
        console.print(f"different: {len(expected)} events recorded (-), {len(found)} found (+)")
        return FAILED
    held_up = f"; held up by {player.waited_s:.1f} s" if player.waited_s >= 0.05 else ""
    console.print(f"the same {len(found)} events in the same order{held_up}")
    return 0


def _when(at: float) -> str:
    return "at the end" if at == float("inf") else f"at {at:.3f} s of the recording"
