"""`parley inspect`: a recorded session in the terminal, as JSON, and as WAV files."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.recording.format import DamagedRecording, Recording, Side, read_recording
from benchmarks.recording.timeline import LEVEL_S, Event, Sound, Timeline, Turn, read_timeline
from gateway.client.commands import USER_ERROR
from gateway.client.errors import ClientError
from gateway.client.wav import write_wav

__all__ = ["SCHEMA", "add_arguments", "report", "run"]

SCHEMA: Final = "parley-inspection/1"
"""Names the layout of ``--json``; the number changes with it."""

_BARS: Final = " ▁▂▃▄▅▆▇█"
_QUIET_DB: Final = -60.0
_LOUD_DB: Final = -15.0
_SHORTEST_BAR_S: Final = 0.5
_LONGEST_BAR: Final = 60
_ARROWS: Final = {Side.CLIENT: ("▶", "cyan"), Side.SERVER: ("◀", "green")}
_HOUSEKEEPING: Final = frozenset({"ack", "nack", "ping", "pong"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a recording of parley record")
    parser.add_argument("--all", action="store_true", help="acknowledgements, pings, progress too")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.add_argument(
        "--wav", type=Path, metavar="DIR", help="write the audio of both sides into a folder"
    )


def run(options: argparse.Namespace) -> int:
    """Show a recording; 0, or 2 if there is none or it is damaged (what is left is shown)."""
    damage: ClientError | None = None
    try:
        try:
            recording = read_recording(options.file)
        except DamagedRecording as error:
            recording, damage = error.readable, error
        timeline = read_timeline(recording)
        if options.json:
            print(json.dumps(report(recording, timeline, damage), ensure_ascii=False, indent=1))
        else:
            _show(Console(highlight=False), recording, timeline, all_=options.all)
        for path in _write_wavs(options.wav, timeline) if options.wav else ():
            print(path, file=sys.stderr if options.json else sys.stdout)
    except ClientError as error:
        damage = error
    if damage is None:
        return 0
    sys.stdout.flush()
    print(f"parley: {damage}", file=sys.stderr)
    return USER_ERROR


def report(
    recording: Recording, timeline: Timeline, damage: ClientError | None = None
) -> dict[str, Any]:
    """Everything that is known, as plain values; times in seconds unless a name says otherwise."""
    return {
        "schema": SCHEMA,
        "recorded": recording.header.recorded,
        "by": recording.header.by,
        "to": recording.header.to,
        "seconds": recording.seconds,
        "end": recording.end.why if recording.end else None,
        "damage": str(damage) if damage else None,
        "orphans": timeline.orphans,
        "events": [
            {"at": event.at, "from": event.side, "type": event.name, **dict(_free(event.body))}
            for event in timeline.events
        ],
        "sounds": [_sound(sound) for sound in timeline.sounds],
        "turns": [_turn(turn) for turn in timeline.turns],
    }


def _free(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """A body's fields; those that would hide a column of the report get an underscore."""
    return ((f"{key}_" if key in ("at", "from") else key, value) for key, value in body.items())


def _sound(sound: Sound) -> dict[str, Any]:
    return {
        "from": sound.side,
        "stream": sound.stream,
        "codec": sound.format.codec,
        "rate": sound.format.rate,
        "frame_ms": sound.format.frame_ms,
        "begin": sound.frames[0][0] if sound.frames else None,
        "end": sound.frames[-1][0] if sound.frames else None,
        "seconds": sound.seconds,
        "frames": len(sound.frames),
        "payload_bytes": sound.payload_bytes,
        "gaps": sound.gaps,
        "undecodable": sound.undecodable,
    }


def _turn(turn: Turn) -> dict[str, Any]:
    known = asdict(turn)
    trace = known.pop("trace")
    chosen = ("turn", "response", "transcript", "no_speech", "reply", "status", "status_reason")
    return {key: trace[key] for key in chosen} | known


def _write_wavs(folder: Path, timeline: Timeline) -> Iterator[Path]:
    for number, sound in enumerate(timeline.sounds, 1):
        who = "microphone" if sound.side is Side.CLIENT else "reply"
        path = folder / f"{number:02}-{who}-{sound.stream}.wav"
        write_wav(path, sound.samples(), sound.rate)
        yield path


# In the terminal.


def _show(console: Console, recording: Recording, timeline: Timeline, *, all_: bool) -> None:
    header, end = recording.header, recording.end
    over = f"ended: {end.why}" if end else "no end: the recorder was killed"
    console.print(f"recorded {header.recorded} by {header.by} from {header.to}")
    console.print(
        f"{recording.seconds:.1f} s, {sum(1 for _ in recording.messages)} messages, {over}\n"
    )
    for line in _lines(timeline, all_=all_):
        console.print(line, no_wrap=True, overflow="ellipsis")
    if timeline.orphans:
        console.print(f"{timeline.orphans} binary messages belong to no stream")
    if timeline.turns:
        console.print()
        console.print(_turns(timeline.turns))


def _lines(timeline: Timeline, *, all_: bool) -> Iterator[Text]:
    """One line for each event, and the audio that passed between them."""
    told: dict[int, float] = {}
    texts = _texts(timeline.events)
    for event in timeline.events:
        if not all_ and _is_dull(event):
            continue
        if event.name == "response.text" and not all_:
            response = event.body.get("response")
            if response not in texts:
                continue
            event = Event(event.at, event.side, event.name, {"text": texts.pop(response)})
        yield from _audio(timeline.sounds, told, event.at)
        yield _line(event.at, event.side, f"{event.name:<18} {_fields(event.body)}")
    yield from _audio(timeline.sounds, told, float("inf"))


def _texts(events: tuple[Event, ...]) -> dict[object, str]:
    """The text of each response as far as it came."""
    texts: dict[object, str] = {}
    for event in events:
        if event.name == "response.text" and event.side is Side.SERVER:
            key = event.body.get("response")
            texts[key] = texts.get(key, "") + str(event.body.get("delta", ""))
    return texts


def _is_dull(event: Event) -> bool:
    is_progress = event.name == "playout" and event.body.get("state") == "playing"
    return event.name in _HOUSEKEEPING or is_progress


def _audio(sounds: tuple[Sound, ...], told: dict[int, float], until: float) -> Iterator[Text]:
    """A bar for each stream of which enough has passed that was not shown yet, or which is over."""
    for index, sound in enumerate(sounds):
        begin = told.get(index, sound.frames[0][0] if sound.frames else float("inf"))
        if begin >= until:
            continue
        last = sound.frames[-1][0]
        end = min(until, last + LEVEL_S)
        if begin > last or (last >= until and end - begin < _SHORTEST_BAR_S):
            continue
        told[index] = end
        levels = sound.levels(begin, end)
        shown = "".join(_bar(level) for level in levels[:_LONGEST_BAR])
        more = "…" if len(levels) > _LONGEST_BAR else ""
        length = len(levels) * LEVEL_S  # whole bars
        yield _line(begin, sound.side, f"audio {sound.stream:<5} {length:5.1f} s  {shown}{more}")


def _line(at: float, side: Side, text: str) -> Text:
    arrow, style = _ARROWS[side]
    return Text.assemble((f"{at:9.3f} ", "dim"), (f"{arrow} ", f"bold {style}"), text)


def _bar(level: float) -> str:
    share = (level - _QUIET_DB) / (_LOUD_DB - _QUIET_DB)
    return _BARS[round(max(0.0, min(1.0, share)) * (len(_BARS) - 1))]


def _fields(body: Mapping[str, Any]) -> str:
    return "  ".join(f"{key}={_value(value)}" for key, value in body.items())


def _value(value: object) -> str:
    if isinstance(value, str) and value.isprintable() and " " not in value and value:
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _turns(turns: tuple[Turn, ...]) -> Table:
    table = Table(title="turns, ms at the recorder", title_justify="left", box=None, pad_edge=False)
    for title in ("user", "reply"):
        table.add_column(title, ratio=1)
    for title in ("hang-over", "recogn.", "text", "audio", "audible", "reply s", "status"):
        table.add_column(title, justify="right", overflow="fold")
    for turn in turns:
        times = (
            turn.hang_over_ms,
            turn.recognition_ms,
            turn.first_text_ms,
            turn.first_audio_ms,
            turn.first_audible_ms,
        )
        table.add_row(
            Text(turn.trace.transcript or "–"),
            Text(turn.trace.reply or "–"),
            *("–" if time is None else f"{time:.0f}" for time in times),
            f"{turn.reply_s:.1f}",
            turn.trace.status or "–",
        )
    return table
