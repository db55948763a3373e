"""`parley proxy`: the bad network as a command, with live counters."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from benchmarks.impairment.link import Admission, Cut, CutKind, Direction, Link, Profile, Stall
from benchmarks.impairment.profiles import PROFILES
from benchmarks.impairment.pump import Traffic
from benchmarks.impairment.relay import Counters, Relay
from gateway.client.commands import run_command
from gateway.client.errors import ClientError

__all__ = ["Target", "add_arguments", "network", "parse_listen", "parse_target", "run"]

_REFRESH_S: Final = 0.5
_SHORTEST_TIMEOUT_MS: Final = 200
_DEFAULT_PORTS: Final = {"ws": 80, "wss": 443, "http": 80, "https": 443, "tcp": None}


@dataclass(frozen=True, slots=True)
class Target:
    """Where connections go.

    Attributes:
        host: Name or address.
        port: Its port.
        url: The address as it was given; clients use it with the relay in place of the host.
    """

    host: str
    port: int
    url: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument(
        "--profile", default="none", metavar="NAME", help="network (none); see --list"
    )
    parser.add_argument("--list", action="store_true", help="show the networks and leave")
    parser.add_argument(
        "--listen", default="127.0.0.1:9000", metavar="HOST:PORT", help="(127.0.0.1:9000)"
    )
    parser.add_argument(
        "--to",
        default="ws://127.0.0.1:8765",
        metavar="URL",
        help="the server, as URL or HOST:PORT (ws://127.0.0.1:8765)",
    )
    parser.add_argument(
        "--only",
        choices=[each.value for each in Direction],
        help="the flags below change this direction only: up is client to server (both)",
    )
    parser.add_argument("--delay-ms", type=float, metavar="MS", help="delay of each direction")
    parser.add_argument("--jitter-ms", type=float, metavar="MS", help="at most so much on top")
    parser.add_argument("--rate-kbps", type=float, metavar="N", help="1000 bits/s; 0: no limit")
    parser.add_argument(
        "--stall", metavar="S:MS", help="nothing passes for MS, every S seconds; 0: never"
    )
    parser.add_argument("--loss", type=float, metavar="SHARE", help="0 to 1: slices sent twice")
    parser.add_argument("--slice", type=int, metavar="BYTES", help="write at most so many at once")
    parser.add_argument(
        "--cut", choices=[each.value for each in CutKind], help="end connections early"
    )
    parser.add_argument("--at-byte", type=int, metavar="N", help="... after N bytes downwards")
    parser.add_argument("--at-frame", type=int, metavar="N", help="... after N WebSocket frames")
    parser.add_argument("--after", type=float, metavar="S", help="... after S seconds")
    parser.add_argument("--cut-times", type=int, metavar="N", help="... only the first N")
    parser.add_argument(
        "--new",
        choices=[each.value for each in Admission],
        default=Admission.PASS.value,
        help="what happens to new connections (pass)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of jitter and loss (0)")


def run(options: argparse.Namespace) -> int:
    """Relay until SIGINT or SIGTERM; 0 then, 2 if a flag or an address is wrong."""
    if options.list:
        Console(highlight=False).print(_profiles())
        return 0
    return run_command(_relay(options))


def network(options: argparse.Namespace) -> Profile:
    """The network that the flags ask for.

    Raises:
        ClientError: There is no such profile, or a number makes no sense.
    """
    profile = PROFILES.get(options.profile)
    if profile is None:
        raise ClientError(
            f"--profile {options.profile} is not known; there are {', '.join(PROFILES)}"
        )
    try:
        changes = _changes(options)
        up = profile.up if options.only == Direction.DOWN else _changed(profile.up, changes)
        down = profile.down if options.only == Direction.UP else _changed(profile.down, changes)
        cut = _cut(options, profile.cut)
    except ValueError as error:
        raise ClientError(str(error)) from error
    changed = (up, down, cut) != (profile.up, profile.down, profile.cut)
    name = f"{profile.name}, changed" if changed else profile.name
    return replace(profile, name=name, up=up, down=down, cut=cut)


def parse_target(text: str) -> Target:
    """Read ``--to``: a URL, or host and port.

    Raises:
        ClientError: It is neither.
    """
    try:
        parts = urlsplit(text if "://" in text else f"ws://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    port = port or _DEFAULT_PORTS.get(parts.scheme)
    if not host or not port:
        raise ClientError(f"--to {text} is no address; expected ws://HOST:PORT or HOST:PORT")
    return Target(host, port, parts.geturl())


def parse_listen(text: str) -> tuple[str, int]:
    """Read ``--listen``; a port alone means this machine only, port 0 a free one.

    Raises:
        ClientError: It is no host and port.
    """
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ClientError(f"--listen {text} has no port; expected HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def _changes(options: argparse.Namespace) -> dict[str, Any]:
    changes: dict[str, Any] = {
        name: value
        for name, value in (
            ("delay_ms", options.delay_ms),
            ("jitter_ms", options.jitter_ms),
            ("rate_kbps", options.rate_kbps),
            ("loss", options.loss),
            ("slice_bytes", options.slice),
        )
        if value is not None
    }
    if options.stall is not None:
        changes["stall"] = _stall(options.stall)
    return changes


def _changed(link: Link, changes: dict[str, Any]) -> Link:
    changed = replace(link, **changes)
    if changed.loss == link.loss:
        return changed
    # As in the profiles: a round trip, and Linux's shortest retransmission timeout.
    return replace(changed, recovery_ms=_SHORTEST_TIMEOUT_MS + 2 * changed.delay_ms)


def _stall(text: str) -> Stall | None:
    if text == "0":
        return None
    every, separator, length = text.partition(":")
    try:
        if separator:
            return Stall(float(every), float(length.removesuffix("ms")))
    except ValueError as error:
        if "stall" in str(error):
            raise
    raise ValueError(f"--stall {text} is not S:MS, such as 10:800 for 800 ms every 10 s")


def _cut(options: argparse.Namespace, usual: Cut | None) -> Cut | None:
    given = (options.at_byte, options.after, options.cut_times, options.at_frame)
    if options.cut is None:
        if any(value is not None for value in given):
            raise ValueError(
                "--at-byte, --at-frame, --after and --cut-times belong to --cut fin or --cut rst"
            )
        return usual
    direction = Direction(options.only) if options.only else Direction.DOWN
    at_byte, after_s, times, at_frame = given
    return Cut(CutKind(options.cut), at_byte, after_s, direction, times, at_frame)


async def _relay(options: argparse.Namespace) -> int:
    profile, target = network(options), parse_target(options.to)
    listen = parse_listen(options.listen)
    relay = Relay(target.host, target.port, profile, listen=listen, seed=options.seed)
    relay.admission = Admission(options.new)
    stopped = asyncio.Event()
    with _on_signals(stopped.set):
        try:
            await relay.__aenter__()
        except OSError as error:
            raise ClientError(
                f"cannot listen at {options.listen}: {error.strerror or error}; choose another "
                "port with --listen"
            ) from error
        try:
            print(f"{profile.name}: {relay.url(target.url)} -> {target.url}", flush=True)
            await _show(relay.counters, stopped)
        finally:
            await relay.__aexit__(None, None, None)
    Console(highlight=False).print(_counters(relay.counters))
    return 0


async def _show(counters: Counters, stopped: asyncio.Event) -> None:
    """Wait until it is over; on a terminal, show the counters meanwhile."""
    if not sys.stdout.isatty():
        await stopped.wait()
        return
    with Live(_counters(counters), transient=True, auto_refresh=False) as live:
        while not stopped.is_set():
            try:
                async with asyncio.timeout(_REFRESH_S):
                    await stopped.wait()
            except TimeoutError:
                live.update(_counters(counters), refresh=True)


class _on_signals:  # noqa: N801  reads as a statement
    """SIGINT and SIGTERM call a function instead of ending the process."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(each, self._call)

    def __exit__(self, *_: object) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            self._loop.remove_signal_handler(each)


def _counters(counters: Counters) -> Group:
    table = Table(box=None, pad_edge=False)
    for title in ("", "read", "passed on", "on the way", "waits", "relay late"):
        table.add_column(title, justify="left" if not title else "right")
    for name, traffic in (("up", counters.up), ("down", counters.down)):
        table.add_row(name, *_cells(traffic))
    endings = (
        ("refused", counters.refused),
        ("swallowed", counters.swallowed),
        ("server unreachable", counters.unreachable),
        ("cut", counters.cut),
        ("idle", counters.idle),
    )
    shown = [f"{counters.open} open of {counters.accepted}"]
    shown += [f"{number} {name}" for name, number in endings if number]
    return Group(Text("connections: " + ", ".join(shown)), table)


def _cells(traffic: Traffic) -> tuple[str, ...]:
    return (
        _bytes(traffic.read),
        _bytes(traffic.passed),
        _bytes(traffic.held),
        str(traffic.pauses),
        f"{traffic.latest_ms:.1f} ms",
    )


def _bytes(number: int) -> str:
    return f"{number} B" if number < 10_000 else f"{number / 1000:,.0f} kB"


def _profiles() -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("name", "delay up/down", "jitter", "Mbit/s", "stalls", "loss", "why"):
        table.add_column(title, overflow="fold")
    for profile in PROFILES.values():
        up, down = profile.up, profile.down
        table.add_row(
            profile.name,
            f"{_pair(up.delay_ms, down.delay_ms)} ms",
            f"{_pair(up.jitter_ms, down.jitter_ms)} ms",
            _pair(*(link.rate_kbps / 1000 for link in (up, down))) if up.rate_kbps else "-",
            f"{up.stall.for_ms:g} ms / {up.stall.every_s:g} s" if up.stall else "-",
            f"{up.loss:.1%}" if up.loss else "-",
            escape(profile.why),
        )
    return table


def _pair(up: float, down: float) -> str:
    return f"{up:g}" if up == down else f"{up:g}/{down:g}"
