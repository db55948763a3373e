"""What every report says of its surroundings, and the statistics that reports share."""

from __future__ import annotations

import math
import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final

__all__ = ["Histogram", "inline", "percentile", "summary", "surroundings", "table"]

_PACKAGES: Final = (
    "parley",
    "websockets",
    "uvloop",
    "numpy",
    "ctranslate2",
    "faster-whisper",
    "llama-cpp-python",
    "piper-tts",
    "onnxruntime",
)
_SAMPLE: Final = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)$")


def surroundings() -> dict[str, str]:
    """Machine, versions, time and command line, as a report's head."""
    versions = [f"{name} {version}" for name in _PACKAGES if (version := _version(name))]
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": f"Python {platform.python_version()}, {', '.join(versions)}",
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "command": " ".join(["python -m", _module(Path(sys.argv[0])), *sys.argv[1:]]),
    }


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many per cent of the values do not exceed (nearest rank).

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("no values, no percentile")
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def summary(values: Sequence[float]) -> dict[str, float]:
    """p50, p95, smallest and largest, rounded to 0.1; empty of no values."""
    if not values:
        return {}
    numbers = {
        "p50": percentile(values, 50),
        "p95": percentile(values, 95),
        "min": min(values),
        "max": max(values),
    }
    return {name: round(value, 1) for name, value in numbers.items()}


def table(rows: Mapping[str, Mapping[str, float]], *, unit: str) -> list[str]:
    """Lines of a table: one row per name, one column per statistic."""
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    width = max((len(name) for name in rows), default=0)
    lines = [f"{'':<{width}} " + "".join(f"{column:>9}" for column in columns) + f"  {unit}"]
    for name, row in rows.items():
        cells = "".join(
            f"{row[column]:>9.1f}" if column in row else f"{'-':>9}" for column in columns
        )
        lines.append(f"{name:<{width}} {cells}")
    return lines


def inline(values: Mapping[str, float | None]) -> str:
    """Numbers in one line of text."""
    return ", ".join(
        f"{name} {'unknown' if value is None else f'{value:g}'}" for name, value in values.items()
    )


class Histogram:
    """A Prometheus histogram between two scrapes.

    Quantiles are upper bounds of buckets: "not above".

    Args:
        name: Without ``_bucket``.
        before: The metrics page at the beginning; "" counts from zero.
        after: The metrics page at the end.
    """

    def __init__(self, name: str, before: str, after: str) -> None:
        old, new = _samples(name, before), _samples(name, after)
        self._buckets = sorted(
            (float(bound), count - old.get(bound, 0.0))
            for bound, count in new.items()
            if bound not in ("sum", "count")
        )
        self.count = int(new.get("count", 0.0) - old.get("count", 0.0))
        total = new.get("sum", 0.0) - old.get("sum", 0.0)
        self.mean = total / self.count if self.count else math.nan

    def milliseconds(self, *percents: float) -> dict[str, float | None]:
        """Count, mean and bounds in ms for a report; None where nothing is known."""
        bounds = {f"p{percent:g} not above": self.not_above(percent) * 1000 for percent in percents}
        mean = self.mean * 1000
        found = {"mean": mean, **(bounds if self.count else {})}
        return {
            "count": self.count,
            **{name: round(ms, 3) if math.isfinite(ms) else None for name, ms in found.items()},
        }

    def not_above(self, percent: float) -> float:
        """A bound that so many per cent of the observations do not exceed; inf beyond all."""
        wanted = self.count * percent / 100
        return next((bound for bound, count in self._buckets if count >= wanted), math.inf)


def _samples(name: str, page: str) -> dict[str, float]:
    """Bucket bound, "sum" or "count" of a histogram without other labels -> value."""
    found: dict[str, float] = {}
    for line in page.splitlines():
        match = _SAMPLE.match(line)
        if match is None or not match["name"].startswith(name):
            continue
        part = match["name"].removeprefix(name).removeprefix("_")
        if part == "bucket":
            part = (match["labels"] or "").partition('le="')[2].partition('"')[0]
        found[part] = float(match["value"])
    return found


def _module(program: Path) -> str:
    """The name behind ``-m``; a package is run by its ``__main__.py``."""
    named = program.parent if program.name == "__main__.py" else program
    return f"benchmarks.{named.stem}"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
