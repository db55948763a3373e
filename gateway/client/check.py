"""`parley check`: looks at everything that Parley needs on this machine, and says what to do."""

from __future__ import annotations

import argparse
import asyncio
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gateway import config as configuration
from gateway.client.commands import USER_ERROR, audio_format
from gateway.client.demo import bundled
from gateway.client.errors import ClientError
from gateway.client.server_process import serve
from gateway.client.session import DeviceSettings, connect
from gateway.config import Config
from gateway.engine_loading import (
    Placement,
    load_language_model,
    load_recognizer,
    load_voice,
    place,
)
from gateway.errors import GatewayError
from gateway.provisioning.hardware import read_hardware
from gateway.provisioning.profiles import installed_profile, profile_of
from pipeline import libopus
from pipeline.engines import silero, webrtc_vad
from pipeline.errors import PipelineError

__all__ = ["Finding", "add_arguments", "examine", "run"]

PACKAGES: Final = (
    "websockets",
    "numpy",
    "orjson",
    "soxr",
    "opuslib",
    "webrtcvad-wheels",
    "faster-whisper",
    "ctranslate2",
    "onnxruntime",
    "piper-tts",
    "llama-cpp-python",
    "num2words",
    "prometheus-client",
    "rich",
)
OPTIONAL: Final = {"uvloop": "uvloop", "sounddevice": "microphone"}
"""Packages that may be missing, and the extra that brings them."""
_OLDEST_PYTHON: Final = (3, 11)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found.

    Attributes:
        name: What was looked at.
        ok: Whether it will do.
        text: Versions and timings; or what is wrong and what to do about it.
    """

    name: str
    ok: bool
    text: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration file")
    parser.add_argument("--profile", metavar="NAME", help="profile of the models file")
    parser.add_argument("--models", type=Path, metavar="FILE", help="models file")
    parser.add_argument(
        "--timeout", type=float, default=120, metavar="SECONDS", help="for the turn (120)"
    )


def run(options: argparse.Namespace) -> int:
    """Look at everything, show a table; 0 if all is well, else 2."""
    flags = {
        name: value
        for name, value in (("models.profile", options.profile), ("models.file", options.models))
        if value is not None
    }
    config = configuration.load(flags, file=options.config)
    console = Console(highlight=False)
    findings = []
    for name, look in _looks(config, options):
        with console.status(f"{name} …"):
            findings.append(examine(name, look))
    console.print(_table(findings))
    failed = [finding for finding in findings if not finding.ok]
    if failed:
        names = ", ".join(finding.name for finding in failed)
        print(f"parley: {len(failed)} of {len(findings)} failed: {names}", file=sys.stderr)
        return USER_ERROR
    console.print("all is well")
    return 0


def examine(name: str, look: Callable[[], str]) -> Finding:
    """Take one look; what it raises on purpose is what is wrong."""
    try:
        return Finding(name, True, look())
    except (PipelineError, GatewayError, ClientError) as error:
        return Finding(name, False, " ".join(str(error).split()))


def _looks(config: Config, options: argparse.Namespace) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "Python", _python
    for package in PACKAGES:
        yield package, lambda: _version(package)  # noqa: B023  looked at before the next
    for package, extra in OPTIONAL.items():
        yield package, lambda: _optional(package, extra)  # noqa: B023  likewise
    yield "libopus", _libopus
    yield "models", lambda: _verify(config)
    yield "voice activity", _load_detectors
    yield "recognizer", lambda: _load_recognizer(config)
    yield "language model", lambda: _load_language_model(config)
    yield "voice", lambda: _load_voice(config)
    yield "one spoken turn", lambda: _turn(config, options)


def _table(findings: list[Finding]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("what", "result", "details"):
        table.add_column(title, overflow="fold")
    for finding in findings:
        result = "[green]ok[/]" if finding.ok else "[bold red]failed[/]"
        table.add_row(finding.name, result, escape(finding.text))
    return table


def _python() -> str:
    if sys.version_info < _OLDEST_PYTHON:
        raise ClientError(f"Python {platform.python_version()} is too old; install 3.11 or newer")
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        raise ClientError(f"not installed; run  pip install {package}") from None


def _optional(package: str, extra: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return f"not installed (optional: pip install 'parley[{extra}]')"


def _libopus() -> str:
    library = libopus.load()
    return f"{library.version} ({library.source}: {library.path})"


def _verify(config: Config) -> str:
    profile = installed_profile(config)
    return f"{profile.name}: {', '.join(model.id for model in profile.models)}"


def _timed(load: Callable[[], object]) -> str:
    began = time.perf_counter()
    engine: Any = load()
    taken = time.perf_counter() - began
    if hasattr(engine, "close"):
        engine.close()
    return f"loaded in {taken:.1f} s"


def _load_detectors() -> str:
    return _timed(lambda: (silero.load(), webrtc_vad.load()))


def _load_recognizer(config: Config) -> str:
    model, placement = profile_of(config).recognizer, _placement(config)
    return _timed(lambda: load_recognizer(model, placement))


def _load_language_model(config: Config) -> str:
    model, placement = profile_of(config).language_model, _placement(config)
    return _timed(lambda: load_language_model(model, placement))


def _load_voice(config: Config) -> str:
    model, placement = profile_of(config).voice, _placement(config)
    return _timed(lambda: load_voice(model, placement))


def _placement(config: Config) -> Placement:
    return place(config, read_hardware())


def _turn(config: Config, options: argparse.Namespace) -> str:
    flags = [
        text
        for flag, value in (
            ("--config", options.config),
            ("--profile", options.profile),
            ("--models", options.models),
        )
        if value is not None
        for text in (flag, str(value))
    ]
    return asyncio.run(_speak(flags, config.security.key, options.timeout))


async def _speak(flags: list[str], key: str | None, timeout_s: float) -> str:
    """Ask a server of our own one question."""
    audio = audio_format("opus", None, 20)
    async with (
        serve(*flags, timeout_s=timeout_s) as server,
        connect(DeviceSettings(server.url, key, microphone=audio, speaker=audio)) as device,
    ):
        question = device.say(bundled("capital"), "the question")
        turn = (await device.answered(question, timeout_s=timeout_s))[-1]
        playback = device.playback(turn)
        if playback is None or playback.first_audio_at is None:
            raise ClientError(f"no spoken answer; the server understood {turn.transcript!r}")
        assert question.end_of_speech_at is not None
        latency = playback.first_audio_at - question.end_of_speech_at
    return f"{turn.transcript!r}: {turn.reply!r}, first audio after {latency:.2f} s"
