"""`parley record`: write a session down while it happens."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from benchmarks.impairment.proxy import parse_listen, parse_target
from benchmarks.recording.format import Header
from benchmarks.recording.recorder import Recorder, Tally, Tape
from gateway.client.commands import run_command
from gateway.client.errors import ClientError
from gateway.version import VERSION

__all__ = ["add_arguments", "run"]

_MB: Final = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the recording, e.g. out.parley")
    parser.add_argument(
        "--listen", default="127.0.0.1:9000", metavar="HOST:PORT", help="(127.0.0.1:9000)"
    )
    parser.add_argument(
        "--to", default="ws://127.0.0.1:8765", metavar="URL", help="server (ws://127.0.0.1:8765)"
    )
    parser.add_argument("--force", action="store_true", help="replace a file that is there already")
    parser.add_argument(
        "--max-mb", type=float, default=256, metavar="N", help="end the session at this size (256)"
    )


def run(options: argparse.Namespace) -> int:
    """Record one session; 0 once it is over or was stopped, 2 if a flag or the file is wrong."""
    return run_command(_record(options))


async def _record(options: argparse.Namespace) -> int:
    target, listen = parse_target(options.to), parse_listen(options.listen)
    if urlsplit(target.url).scheme not in ("ws", "wss"):
        raise ClientError(f"--to {options.to} is no WebSocket address; expected ws://HOST:PORT")
    if not options.max_mb > 0:
        raise ClientError(f"--max-mb {options.max_mb:g} leaves no room; give a number above 0")
    tape = Tape(options.file, replace=options.force)
    try:
        tape.write(
            Header(
                recorded=datetime.now(UTC).isoformat(timespec="seconds"),
                by=f"parley/{VERSION}",
                to=_without_credentials(target.url),
            )
        )
        recorder = Recorder(
            target.url,
            tape,
            listen=listen,
            clock=time.monotonic,
            max_bytes=round(options.max_mb * _MB),
            complain=lambda line: print(f"parley: {line}", file=sys.stderr, flush=True),
        )
        await _run(recorder, options.listen, listen[0])
    finally:
        tape.close()
    print(_summary(options.file, tape.tally))
    return 0


async def _run(recorder: Recorder, listen: str, host: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    try:
        async with recorder:
            print(f"connect to ws://{host}:{recorder.port}; Ctrl-C ends the recording", flush=True)
            await _until_over(recorder, stop)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ClientError(
            f"cannot listen at {listen}: {reason}; choose another port with --listen"
        ) from error
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)


async def _until_over(recorder: Recorder, stop: asyncio.Event) -> None:
    """Wait for the session or a signal, whichever is first."""
    async with asyncio.TaskGroup() as tasks:
        stopped = tasks.create_task(stop.wait(), name="record stop")
        done = tasks.create_task(recorder.wait(), name="record session")
        await asyncio.wait({stopped, done}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not done.done():
            await recorder.stop()
            done.cancel()
    recorder.check()


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))


def _summary(path: Path, tally: Tally) -> str:
    return (
        f"{path}: {tally.seconds:.1f} s, {tally.from_client} messages of the client, "
        f"{tally.from_server} of the server, {tally.bytes / _MB:.2f} MB; look at it with  "
        f"parley inspect {path}"
    )
