"""``python -m benchmarks.peers``: installs the peers, runs them in turn, and prints the table."""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.load.cores import parse_cores, pin
from benchmarks.load.machine import machine
from benchmarks.peers.environments import FOLDER, NotInstalled
from benchmarks.peers.figures import PeerResult
from benchmarks.peers.rounds import FULL, QUICK, Run, Sizes, run_peer
from benchmarks.peers.servers import PEERS, Environment
from benchmarks.peers.table import Comparison, rendered, write
from benchmarks.peers.terms import TERMS
from gateway.client.errors import ClientError
from gateway.edge.loop import loop_factory

__all__ = ["main"]

_INTERRUPTED: Final = 130
_USER_ERROR: Final = 2
_FAILED: Final = 1
_STOPPED: Final = "stopped by the user"
_SERVER_CORE: Final = "0"
_CLIENT_CORE: Final = "1"


@dataclass(slots=True)
class _Progress:
    """What is known of a peer so far."""

    title: str
    environment: Environment | None = None
    missing: str = ""
    runs: list[Run] = field(default_factory=list)
    failed: bool = False

    def result(self, name: str) -> PeerResult:
        versions: dict[str, str] = {}
        for run in self.runs:
            versions |= run.versions
        values = [run.values for run in self.runs]
        notes = [note for run in self.runs for note in run.notes]
        return PeerResult(name, self.title, versions, self.missing, values, notes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; see the exit codes in the help."""
    options = _parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    try:
        with asyncio.Runner(loop_factory=loop_factory("auto")) as runner:
            return runner.run(_compare(options, console))
    except (ClientError, OSError) as error:
        print(f"bench-peers: {' '.join(str(error).split())}", file=sys.stderr)
        return _USER_ERROR
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("bench-peers: stopped", file=sys.stderr)
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description="Run Parley and others side by side: same devices, same speech, same costs.",
        epilog="Exit codes: 0 all that were asked for ran, 1 one did not (the table says why), "
        "2 the run was impossible, 130 it was stopped; what was found until then is written.",
    )
    names = ",".join(PEERS)
    parser.add_argument("--only", metavar="NAMES", help=f"of {names}; separated by commas (all)")
    parser.add_argument("--runs", type=int, default=3, help="of each, in turn (3)")
    parser.add_argument("--quick", action="store_true", help="less of everything, and no ramp")
    parser.add_argument("--no-ramp", action="store_true", help="do not look for the most sessions")
    parser.add_argument(
        "--sessions", type=int, metavar="N", help=f"the fixed number of sessions ({FULL.crowd})"
    )
    parser.add_argument(
        "--calls", type=int, metavar="N", help=f"short calls in the first run ({FULL.calls})"
    )
    parser.add_argument(
        "--server-core", default=_SERVER_CORE, metavar="LIST", help="where servers run (0)"
    )
    parser.add_argument(
        "--client-core", default=_CLIENT_CORE, metavar="LIST", help="where the devices run (1)"
    )
    parser.add_argument("--no-pin", action="store_true", help="let everything run anywhere")
    parser.add_argument("--no-install", action="store_true", help="do not install peers")
    parser.add_argument(
        "--environments", type=Path, default=FOLDER, metavar="FOLDER", help=f"of peers ({FOLDER})"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("bench-peers.json"),
        metavar="FILE.json",
        help="the result, with a summary (.md) beside it (bench-peers.json)",
    )
    return parser


async def _compare(options: argparse.Namespace, console: Console) -> int:
    names = _names(options.only)
    sizes = _sizes(options)
    server, client = _cores(options)
    found = {name: _Progress(PEERS[name].title) for name in names}
    stopped = ""
    async with _ended_by_sigterm():
        try:
            await _prepare(found, options, console)
            if client:
                pin(os.getpid(), client)  # not before: what is installed may use all cores
            await _run(found, options.runs, sizes, server, console)
        except asyncio.CancelledError:
            if not any(run.values for each in found.values() for run in each.runs):
                raise
            stopped = _STOPPED
    comparison = _comparison(found, options, stopped)
    written = write(comparison, options.out)
    console.print(rendered(comparison))
    console.print(f"wrote {' and '.join(map(str, written))}", markup=False)
    if stopped:
        return _INTERRUPTED
    return _FAILED if any(each.missing or each.failed for each in found.values()) else 0


def _names(text: str | None) -> list[str]:
    asked = list(PEERS) if text is None else [name.strip() for name in text.split(",")]
    for name in asked:
        if name not in PEERS:
            raise ClientError(f"--only {name}: no such peer; there are {', '.join(PEERS)}")
    return [name for name in PEERS if name in asked]


def _sizes(options: argparse.Namespace) -> Sizes:
    if options.runs < 1:
        raise ClientError(f"--runs {options.runs} is not at least 1")
    if options.calls is not None and options.calls < 0:
        raise ClientError(f"--calls {options.calls} is not at least 0")
    if options.sessions is not None and options.sessions < 1:
        raise ClientError(f"--sessions {options.sessions} is not at least 1")
    sizes = QUICK if options.quick else FULL
    if options.sessions is not None:
        sizes = replace(sizes, crowd=options.sessions)
    if options.no_ramp:
        sizes = replace(sizes, ramp=False)
    return sizes if options.calls is None else replace(sizes, calls=options.calls)


def _cores(options: argparse.Namespace) -> tuple[frozenset[int], frozenset[int]]:
    if sys.platform != "linux":
        raise ClientError("the comparison reads /proc, which Linux alone has")
    if options.no_pin:
        return frozenset(), frozenset()
    server = parse_cores(options.server_core, "--server-core")
    client = parse_cores(options.client_core, "--client-core")
    if server & client:
        raise ClientError("--server-core and --client-core overlap; each would measure the other")
    return server, client


async def _prepare(
    found: Mapping[str, _Progress], options: argparse.Namespace, console: Console
) -> None:
    for name, progress in found.items():
        try:
            progress.environment = await Environment.prepare(
                PEERS[name],
                install=not options.no_install,
                folder=options.environments,
                report=lambda line: console.print(line, markup=False),
            )
        except NotInstalled as error:
            progress.missing = f"not installed: {error}"
            console.print(f"{name} is left out: {error}", style="yellow", markup=False)


async def _run(
    found: Mapping[str, _Progress],
    runs: int,
    sizes: Sizes,
    cores: frozenset[int],
    console: Console,
) -> None:
    """Parley, the others, Parley, the others: what disturbs the machine disturbs all."""
    with console.status("") as status:
        for number in range(1, runs + 1):
            for name, progress in found.items():
                if progress.environment is None:
                    continue
                head = f"run {number} of {runs}: {name}"
                report = _reporter(status.update, head)
                report("starting")
                run = Run()
                some = sizes if number == 1 else replace(sizes, calls=0)
                known = [run.values.get("sessions.knee") for run in progress.runs]
                progress.runs.append(run)  # what a run has found before it ends early counts
                try:
                    await run_peer(
                        progress.environment,
                        run,
                        sizes=some,
                        cores=cores,
                        before=next((each for each in reversed(known) if each), None),
                        report=report,
                    )
                except ClientError as error:
                    progress.failed = True
                    run.notes.append(f"run {number} failed: {' '.join(str(error).split())}")
                    console.print(f"{name}: {run.notes[-1]}", style="yellow", markup=False)
                else:
                    console.print(head, style="dim", markup=False)


def _reporter(update: Callable[[str], None], head: str) -> Callable[[str], None]:
    return lambda what: update(f"{head}: {what}")


def _comparison(
    found: Mapping[str, _Progress], options: argparse.Namespace, stopped: str
) -> Comparison:
    return Comparison(
        at=f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}",
        command=shlex.join(["python", "-m", "benchmarks.peers", *sys.argv[1:]]),
        machine=machine(),
        pinned=(
            "server and devices on any core"
            if options.no_pin
            else f"server on core {options.server_core}, devices on core {options.client_core}"
        ),
        terms=TERMS,
        runs=max((len(each.runs) for each in found.values()), default=0),
        results={name: progress.result(name) for name, progress in found.items()},
        incomplete=stopped,
    )


@asynccontextmanager
async def _ended_by_sigterm() -> AsyncIterator[None]:
    """SIGTERM ends a run as Ctrl-C does, so that no server outlives it."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
