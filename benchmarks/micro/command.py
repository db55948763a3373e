"""What each step of a session's media path costs: ``python -m benchmarks.micro``.

pytest-benchmark times every operation in rounds, the garbage collector off; the table shows the
median of the rounds, the fastest one (what it costs when nothing else runs on the core) and how
far the middle half of them lies apart.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from benchmarks.micro.operations import PATHS
from benchmarks.report import surroundings
from gateway.client.commands import USER_ERROR
from gateway.client.errors import ClientError

__all__ = ["Measured", "main", "read_measurements", "sums"]

_SOURCE: Final = Path(__file__).with_name("media_path.py")
_TIMERS: Final = {"cpu": "time.process_time", "wall": "time.perf_counter"}
_SECONDS: Final = 1.0
_QUICK_S: Final = 0.15
_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True)
class Measured:
    """What one operation costs.

    Attributes:
        name: What.
        median_us: Of the rounds.
        fastest_us: Of the rounds.
        spread: Interquartile range of the rounds by their median: how noisy the machine was.
        rounds: How many there were.
        per_second: How often a session needs it, by path.
    """

    name: str
    median_us: float
    fastest_us: float
    spread: float
    rounds: int
    per_second: Mapping[str, float]


def read_measurements(document: Mapping[str, Any]) -> tuple[Measured, ...]:
    """The operations of a result of pytest-benchmark (its JSON, as it is)."""
    return tuple(map(_measured, document["benchmarks"]))


def _measured(benchmark: Mapping[str, Any]) -> Measured:
    stats, extra = benchmark["stats"], benchmark["extra_info"]
    scale = 1e6 / extra["times"]
    median = stats["median"]
    return Measured(
        name=benchmark["param"],
        median_us=median * scale,
        fastest_us=stats["min"] * scale,
        spread=stats["iqr"] / median if median else 0.0,
        rounds=stats["rounds"],
        per_second=extra["per_second"],
    )


def sums(measured: Sequence[Measured]) -> dict[str, float]:
    """Path -> microseconds of one core per second of a session."""
    found: dict[str, float] = {}
    for each in measured:
        for path, rate in each.per_second.items():
            found[path] = found.get(path, 0.0) + rate * each.median_us
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks and print their table: 0 fine, 1 an operation failed, 2 impossible."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.micro", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="less precise, in a few seconds")
    parser.add_argument(
        "--seconds", type=float, help=f"for each operation ({_SECONDS:g}; quick {_QUICK_S:g})"
    )
    parser.add_argument(
        "--timer",
        choices=tuple(_TIMERS),
        default="cpu",
        help="processor time, which other work on the machine disturbs less, or time (cpu)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    options = parser.parse_args(arguments)
    seconds = options.seconds or (_QUICK_S if options.quick else _SECONDS)
    if seconds <= 0:
        parser.error(f"--seconds {seconds:g} is not above 0")
    try:
        document = asyncio.run(_benchmark(seconds, _TIMERS[options.timer]))
    except ClientError as error:
        print(f"parley: {error}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        return _INTERRUPTED
    if document is None:
        return 1
    measured = read_measurements(document)
    if options.json:
        rows = [asdict(each) for each in measured]
        found = {"operations": rows, "us_per_session_second": sums(measured)}
        print(json.dumps({**surroundings(), "timer": options.timer, **found}))
    else:
        print("\n".join(_text(measured)))
    return 0


async def _benchmark(seconds: float, timer: str) -> Mapping[str, Any] | None:
    """What pytest-benchmark measured, in a process of its own; None, and its words, if it failed.

    Raises:
        ClientError: It is not installed.
    """
    if find_spec("pytest_benchmark") is None:
        raise ClientError("pytest-benchmark is missing; run  pip install 'parley[bench]'")
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder, "found.json")
        # No configuration and no plugin of the surroundings: only what is named here.
        empty = Path(folder, "pytest.ini")
        empty.write_text("[pytest]\n", encoding="ascii")
        command = (
            *(sys.executable, "-m", "pytest", str(_SOURCE), "-q", "-c", str(empty)),
            *("--rootdir", folder, "-p", "pytest_benchmark.plugin", "-p", "no:cacheprovider"),
            *("--benchmark-only", "--benchmark-disable-gc", f"--benchmark-timer={timer}"),
            *(f"--benchmark-max-time={seconds}", "--benchmark-min-rounds=5"),
            *(f"--benchmark-json={found}", "--import-mode=importlib"),
        )
        path = os.pathsep.join((str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")))
        environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": path}
        with Console(stderr=True).status("measuring ..."):
            process = await asyncio.create_subprocess_exec(
                *command,
                env={**os.environ, **environment},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            try:
                said, _ = await process.communicate()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode or not found.exists():
            print(said.decode(errors="replace"), file=sys.stderr)
            return None
        document: Mapping[str, Any] = json.loads(found.read_bytes())
        return document


def _text(measured: Sequence[Measured]) -> Iterator[str]:
    for name, value in surroundings().items():
        yield f"{name}: {value}"
    yield ""
    yield f"{'us for each':<36}{'median':>9}{'fastest':>9}{'spread':>8}" + "".join(
        f"{path:>20}" for path in PATHS
    )
    for each in measured:
        cells = "".join(_cell(each, path) for path in PATHS)
        yield (
            f"{each.name:<36}{each.median_us:>9.2f}{each.fastest_us:>9.2f}{each.spread:>8.0%}"
            f"{cells}"
        )
    total = sums(measured)
    yield f"{'us per second of a session':<62}" + "".join(f"{total[path]:>20.0f}" for path in PATHS)
    yield f"{'sessions per core, of these alone':<62}" + "".join(
        f"{1e6 / total[path]:>20.0f}" for path in PATHS
    )


def _cell(each: Measured, path: str) -> str:
    rate = each.per_second.get(path)
    return f"{'-':>20}" if rate is None else f"{rate * each.median_us:>20.0f}"
