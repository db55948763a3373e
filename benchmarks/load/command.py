"""`parley bench`: a crowd of devices against a server, and what they measured."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.live import Live

from benchmarks.load.cores import parse_cores, pin
from benchmarks.load.runner import Run, Target, serving
from benchmarks.load.scenario import Scenario, bundled_scenarios, describe, load_scenario
from benchmarks.load.tasks import beside
from benchmarks.load.view import show, snapshot
from benchmarks.reports.render import write_reports
from benchmarks.results import Result
from gateway.client.commands import FAILED, USER_ERROR, read_key
from gateway.client.errors import ClientError
from gateway.edge.loop import loop_factory

__all__ = ["add_arguments", "run"]

_INTERRUPTED: Final = 130
_DEFAULT_URL: Final = "ws://127.0.0.1:8765/v1/native"
_REFRESH_S: Final = 0.5
_MOST_PROCESSES: Final = 64
_STOPPED: Final = "stopped by the user"
_COSTS: Final = ("stt_ms", "llm_ms", "tts_ms")
_SERVED: Final = ("engines", "profile", "capacity", "server_cores", *_COSTS)
"""Flags about the server that --serve starts."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.epilog = (
        "Exit codes: 0 all bounds of the scenario held, 1 one was broken, 2 the run was "
        "impossible, 130 it was stopped. Ctrl-C ends a run early, with a report; twice, at once."
    )
    parser.add_argument(
        "scenario",
        nargs="?",
        help="name of a bundled scenario, or a TOML file (see --list); or `compare`, for results, "
        "or `size`, for this machine",
    )
    parser.add_argument("--list", action="store_true", help="list scenarios and their keys")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--url", help=f"the server ({_DEFAULT_URL})")
    where.add_argument("--serve", action="store_true", help="start a server for the run")
    parser.add_argument("--key", help="bearer key; PARLEY_KEY in the environment is not seen by ps")
    parser.add_argument("--key-file", type=Path, metavar="FILE", help="file with the bearer key")
    _add_server_arguments(parser)
    parser.add_argument(
        "--server-cores", metavar="LIST", help="keep the started server on these, e.g. 0 or 0,2-3"
    )
    parser.add_argument("--client-cores", metavar="LIST", help="keep the devices on these")
    parser.add_argument(
        "--client-processes",
        type=int,
        default=1,
        metavar="N",
        help="spread the devices over so many processes (default 1), which one result holds",
    )
    parser.add_argument("--sessions", type=int, metavar="N", help="devices at once, without a ramp")
    parser.add_argument("--duration", type=float, metavar="SECONDS", help="measured time of a step")
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="change any key of the scenario; may be repeated",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE.json",
        help="write the result as JSON, with a page (.html) and a summary (.md) beside it",
    )
    parser.add_argument("--quiet", action="store_true", help="no live view")


def _add_server_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engines", choices=("real", "scripted"), help="of the server that --serve starts"
    )
    parser.add_argument("--profile", help="models of its real engines")
    parser.add_argument("--stt-ms", type=float, metavar="MS", help="scripted: a recognition")
    parser.add_argument("--llm-ms", type=float, metavar="MS", help="scripted: the first token")
    parser.add_argument("--tts-ms", type=float, metavar="MS", help="scripted: a spoken segment")
    parser.add_argument(
        "--capacity", type=int, metavar="N", help="sessions that the started server admits"
    )


def run(options: argparse.Namespace) -> int:
    """Run the scenario; see the exit codes in the help."""
    console = Console(highlight=False, soft_wrap=True)
    if options.list or not options.scenario:
        return _list(console, failed=not options.list)
    return _run_command(_bench(options, console))


def _list(console: Console, *, failed: bool) -> int:
    for name, description in bundled_scenarios().items():
        console.print(f"{name:<15} {description}", markup=False)
    if failed:
        print("parley: name a scenario, e.g.  parley bench smoke --serve", file=sys.stderr)
        return USER_ERROR
    console.print("\nkeys, their defaults and what they mean:")
    for key, default, text in describe():
        shown = json.dumps(default)
        console.print(f"  {key} = {shown}  # {text}", markup=False)
    return 0


def _run_command(work: Coroutine[None, None, int]) -> int:
    """As `gateway.client.commands.run_command`, on the quicker loop where there is one."""
    try:
        with asyncio.Runner(loop_factory=loop_factory("auto")) as runner:
            return runner.run(work)
    except ClientError as error:
        sys.stdout.flush()
        print(f"parley: {' '.join(str(error).split())}", file=sys.stderr)
        return USER_ERROR
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("parley: stopped", file=sys.stderr)
        return _INTERRUPTED


async def _bench(options: argparse.Namespace, console: Console) -> int:
    scenario = load_scenario(options.scenario, _changes(options))
    _check(options)
    cores = _cores(options.client_cores, "--client-cores")
    _check_processes(options.client_processes, cores)
    async with _target(options, scenario, console) as target:
        processes = options.client_processes
        if cores and processes == 1:
            pin(os.getpid(), cores)  # not before: a started server would inherit it
        run = Run(scenario, target, command=_command(), processes=processes, cores=cores)
        gc.freeze()  # what is there now stays: not to be looked at again and again
        with _stoppable(run):
            result = await _watched(run, console, quiet=options.quiet)
    written = () if options.out is None else write_reports(result, options.out)
    show(result, console)
    for path in written:
        console.print(f"wrote {path}", style="dim", markup=False)
    if result.incomplete == _STOPPED:
        return _INTERRUPTED
    return 0 if result.passed else FAILED


def _changes(options: argparse.Namespace) -> list[str]:
    """Assignments that flags stand for; ``--set`` comes last and wins."""
    found = []
    if options.sessions is not None:
        found += [f"sessions.count={options.sessions}", "sessions.ramp=[]"]
    if options.duration is not None:
        found.append(f"sessions.duration_s={options.duration}")
    for name in ("engines", "profile"):
        value = getattr(options, name)
        found += [] if value is None else [f"server.{name}={json.dumps(value)}"]
    for name in _COSTS:
        value = getattr(options, name)
        found += [] if value is None else [f"server.{name}={value}"]
    if options.capacity is not None:
        if options.capacity < 1:
            raise ClientError(f"--capacity {options.capacity} is not at least 1")
        found.append(f"server.max_sessions={options.capacity}")
        if options.scenario == "shed":
            excess = max(1, options.capacity // 2)
            found.append(f"sessions.ramp=[{options.capacity}, {options.capacity + excess}]")
    return [*found, *options.changes]


def _check(options: argparse.Namespace) -> None:
    """Refuse flags that would have no effect, and files that would overwrite each other."""
    if options.out is not None and options.out.suffix in (".html", ".md"):
        raise ClientError(f"--out {options.out} names the page or the summary; name the .json")
    if options.serve:
        return
    given = [name for name in _SERVED if getattr(options, name) is not None]
    if given:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise ClientError(f"{flags}: for the server that --serve starts; add --serve")


def _check_processes(processes: int, cores: frozenset[int]) -> None:
    if not 1 <= processes <= _MOST_PROCESSES:
        raise ClientError(f"--client-processes {processes} is not 1 to {_MOST_PROCESSES}")
    if processes > 1 and sys.platform == "win32":
        raise ClientError("--client-processes works on Linux and macOS only; leave it out")
    if processes > 1 and cores and len(cores) < processes:
        raise ClientError(
            f"--client-processes {processes} need a core each, and --client-cores names "
            f"{len(cores)}; name more of them, or none"
        )


def _cores(text: str | None, flag: str) -> frozenset[int]:
    return frozenset() if text is None else parse_cores(text, flag)


@asynccontextmanager
async def _target(
    options: argparse.Namespace, scenario: Scenario, console: Console
) -> AsyncIterator[Target]:
    if not options.serve:
        yield Target(options.url or _DEFAULT_URL, key=read_key(options.key, options.key_file))
        return
    cores = _cores(options.server_cores, "--server-cores")
    async with AsyncExitStack() as stack:
        with console.status("starting a server ..."):
            target = await stack.enter_async_context(serving(scenario, cores=cores))
        yield target


@contextmanager
def _stoppable(run: Run) -> Iterator[None]:
    """While the context lasts, Ctrl-C ends the run with a report; a second one at once."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None, "called from a coroutine"

    def stop() -> None:
        if run.is_stopped:
            task.cancel()
        run.stop(_STOPPED)

    # Windows has no signal handlers on loops: there Ctrl-C ends the run at once.
    with suppress(NotImplementedError):
        loop.add_signal_handler(signal.SIGINT, stop)
    try:
        yield
    finally:
        with suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGINT)


async def _watched(run: Run, console: Console, *, quiet: bool) -> Result:
    """Run, and show how it goes: live in a terminal, else one line per phase."""
    if quiet:
        return await run.execute()

    def crashed(name: str, error: Exception) -> None:
        console.print(f"the {name} crashed, the run goes on: {error!r}", markup=False)

    async with beside({"view": partial(_view, run, console)}, crashed=crashed):
        return await run.execute()


async def _view(run: Run, console: Console) -> None:
    if console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(snapshot(run.progress), refresh=True)
                await asyncio.sleep(_REFRESH_S)
    phase = ""
    while True:
        progress = run.progress
        if progress.phase != phase:
            phase = progress.phase
            console.print(f"{progress.elapsed_s:6.1f} s  {phase}", style="dim", markup=False)
        await asyncio.sleep(_REFRESH_S)


def _command() -> str:
    """The command line without the key."""
    words, shown, hide = sys.argv[1:], [], False
    for word in words:
        shown.append("***" if hide else "--key=***" if word.startswith("--key=") else word)
        hide = word == "--key"
    return shlex.join(["parley", *shown])
