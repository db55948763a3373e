"""`parley bench size`: how many sessions this machine carries, and what breaks first."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar

from rich.console import Console
from rich.markdown import Markdown

from benchmarks.load.machine import machine, versions
from benchmarks.load.runner import Run
from benchmarks.load.tasks import beside
from benchmarks.sizing.document import section
from benchmarks.sizing.engines import (
    Place,
    measure_detector,
    measure_language_model,
    measure_recognizer,
    measure_voice,
)
from benchmarks.sizing.measured import EngineCosts, MediaCost, Ramp, Sizing, write_sizing
from benchmarks.sizing.runs import CODECS, measure_media, measure_ramp
from gateway import config as configuration
from gateway.client.commands import USER_ERROR
from gateway.client.errors import ClientError
from gateway.config import Config
from gateway.edge.loop import loop_factory
from gateway.engine_loading import load_language_model, load_recognizer, load_voice, place
from gateway.provisioning.hardware import Hardware, read_hardware
from gateway.provisioning.profiles import installed_profile
from pipeline.models import Profile

__all__ = ["add_arguments", "run"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_INTERRUPTED: Final = 130
_COUNTS: Final = (2, 4, 8, 16, 32, 64, 128)
_QUICK_COUNTS: Final = (1, 2, 4)
_RESOLUTION: Final = 0.1
_STEP_S: Final = 20.0
_QUICK_S: Final = 8.0
_MEDIA_SESSIONS: Final = 12
_ROUNDS: Final = 4
_REFRESH_S: Final = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command as a second word of `parley bench`."""
    parser.prog = f"{parser.prog} size"
    parser.description = (
        "Measure this machine: the engines of a profile, sessions without engines, then whole "
        "conversations until something breaks."
    )
    parser.epilog = "Exit codes: 0 measured, 2 impossible (one line says why), 130 stopped."
    parser.add_argument("word", choices=["size"], help=argparse.SUPPRESS)
    parser.add_argument("--profile", metavar="NAME", help="models to measure (as configured)")
    parser.add_argument("--models", type=Path, metavar="FILE", help="models file")
    parser.add_argument("--quick", action="store_true", help="a first look, in about two minutes")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write what was measured")
    parser.add_argument(
        "--user", type=_share, default=0.35, metavar="SHARE", help="of the time that users speak"
    )
    parser.add_argument(
        "--reply", type=_share, default=0.3, metavar="SHARE", help="of the time that agents speak"
    )
    parser.add_argument(
        "--turn-s", type=_positive, default=3.0, metavar="S", help="what users say at once (3)"
    )
    parser.add_argument(
        "--most", type=int, default=_COUNTS[-1], metavar="N", help="conversations to try at most"
    )
    parser.add_argument("--no-ramp", action="store_true", help="leave whole conversations out")


def _share(text: str) -> float:
    value = _positive(text)
    if value > 1:
        raise argparse.ArgumentTypeError(f"{text} is no share; expected e.g. 0.35")
    return value


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return value


def run(options: argparse.Namespace) -> int:
    """Measure, print, write; see the exit codes in the help."""
    console, progress = Console(highlight=False), Console(stderr=True, highlight=False)
    try:
        if options.most < 1:
            raise ClientError(f"--most {options.most} is not at least 1")
        sizing = _measure(options, progress)
        if options.out is not None:
            write_sizing(sizing, options.out)
    except ClientError as error:
        print(f"parley: {' '.join(str(error).split())}", file=sys.stderr)
        return USER_ERROR
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("parley: stopped", file=sys.stderr)
        return _INTERRUPTED
    console.print(Markdown("\n".join(section(sizing))))
    if options.out is not None:
        console.print(f"wrote {options.out}", style="dim", markup=False)
    return 0


def _measure(options: argparse.Namespace, console: Console) -> Sizing:
    found, config = machine(), _config(options)
    profile, hardware = installed_profile(config), read_hardware()
    rounds = 1 if options.quick else _ROUNDS
    began_at = datetime.now(UTC).isoformat(timespec="seconds")
    engines = _engines(config, profile, hardware, rounds, console)
    with console.status("voice activity ..."):
        detector = measure_detector(rounds=3 * rounds)
    with asyncio.Runner(loop_factory=loop_factory("auto")) as runner:
        media, ramp = runner.run(_sessions(options, profile.name, console))
    gpu = hardware.gpus[0].name if hardware.gpus else ""
    return Sizing(
        date=began_at,
        command=shlex.join(["parley", *sys.argv[1:]]),
        processor=found.processor,
        cores=hardware.cores,
        memory_bytes=found.memory_bytes,
        system=found.system,
        gpu=gpu,
        load_average=found.load_average,
        versions=versions(),
        profile=profile.name,
        engines=engines,
        detector=detector,
        media=media,
        ramp=ramp,
        user_share=options.user,
        reply_share=options.reply,
        turn_s=options.turn_s,
        quick=options.quick,
    )


def _config(options: argparse.Namespace) -> Config:
    given = {"models.profile": options.profile, "models.file": options.models}
    return configuration.load({name: value for name, value in given.items() if value is not None})


def _engines(
    config: Config, profile: Profile, hardware: Hardware, rounds: int, console: Console
) -> EngineCosts:
    """Load and measure one engine after the other; each is gone before the next one comes."""
    placement = place(config, hardware)
    threads = placement.threads

    def device(engine: str) -> str:
        """What is left to chance is the CPU where there is nothing else."""
        found = placement.device(engine)
        return "cpu" if found == "auto" and not hardware.gpus else found

    language = profile.languages[0] if len(profile.languages) == 1 else None
    with console.status(f"recognizer {profile.recognizer.id} ..."):
        recognizer = measure_recognizer(
            load_recognizer(profile.recognizer, placement, profile.languages),
            Place(profile.recognizer.id, device("stt"), threads.recognizer.workers),
            language=language,
            rounds=rounds,
        )
    with (
        console.status(f"language model {profile.language_model.id} ..."),
        closing(load_language_model(profile.language_model, placement)) as loaded,
    ):
        model = measure_language_model(
            loaded, Place(profile.language_model.id, device("llm")), rounds=rounds
        )
    with console.status(f"voice {profile.voice.id} ..."):
        voice = measure_voice(
            load_voice(profile.voice, placement),
            Place(profile.voice.id, device("tts"), threads.voice.workers),
            rounds=2 * rounds,
        )
    return EngineCosts(recognizer, model, voice)


async def _sessions(
    options: argparse.Namespace, profile: str, console: Console
) -> tuple[tuple[MediaCost, ...], Ramp | None]:
    seconds = _QUICK_S if options.quick else _STEP_S
    media = [
        await _followed(
            f"sessions without engines, {codec}",
            console,
            partial(measure_media, codec, sessions=_MEDIA_SESSIONS, seconds=seconds),
        )
        for codec in CODECS
    ]
    if options.no_ramp:
        return tuple(media), None
    counts = [
        each for each in (_QUICK_COUNTS if options.quick else _COUNTS) if each <= options.most
    ]
    ramp = await _followed(
        "whole conversations",
        console,
        partial(
            measure_ramp,
            profile,
            options.models,
            codec=CODECS[0],
            counts=counts or [options.most],
            seconds=seconds,
            resolution=0.0 if options.quick else _RESOLUTION,
        ),
    )
    return tuple(media), ramp


class _Measure(Protocol[T_co]):
    """Measures with runs, each of which it hands to ``follow``."""

    async def __call__(self, *, follow: Callable[[Run], object]) -> T_co: ...


async def _followed(
    title: str,
    console: Console,
    measure: _Measure[T],
) -> T:
    """Measure, and show which phase the newest run is in."""
    runs: list[Run] = []
    with console.status(f"{title} ...") as status:

        async def show() -> None:
            while True:
                if runs:
                    status.update(f"{title}: {runs[-1].progress.phase}")
                await asyncio.sleep(_REFRESH_S)

        def crashed(name: str, error: Exception) -> None:
            console.print(f"note: the {name} ended: {error!r}", markup=False)

        async with beside({"view": show}, crashed=crashed):
            return await measure(follow=runs.append)
