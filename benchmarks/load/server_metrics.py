"""What the server says of itself: its /metrics, read every second, as samples and totals.

`MetricsPage` and what is computed from pages are pure; `Sampler` reads the page.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.report import Histogram
from benchmarks.results import ServerSample, ServerTotals
from gateway.client.errors import Unreachable
from gateway.client.server_process import http_get

__all__ = ["SAMPLE_S", "ClientLoad", "MetricsPage", "Sampler", "server_totals", "slope"]

SAMPLE_S: Final = 1.0
"""How often the page is read; it costs the server 2 ms."""
_LOST_AFTER: Final = 5
"""Pages in a row that do not come: the server is gone."""
_LEAST_SLOPE_S: Final = 60.0
_SAMPLE: Final = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)$")
_LABEL: Final = re.compile(r'="([^"]*)"')


class MetricsPage:
    """One page in Prometheus' text format.

    Args:
        text: The page; "" has no numbers.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._values: dict[tuple[str, str], float] = {}
        for line in text.splitlines():
            match = _SAMPLE.match(line)
            if match is not None:
                label = _LABEL.search(match["labels"] or "")
                self._values[match["name"], label[1] if label else ""] = float(match["value"])

    def value(self, name: str) -> float | None:
        """A number without labels; None if it is not there."""
        return self._values.get((name, ""))

    def by_label(self, name: str) -> dict[str, float]:
        """Label -> value, of a metric with one label."""
        return {label: value for (each, label), value in self._values.items() if each == name}


class ClientLoad:
    """How busy the client itself is: its processor time, its memory, its loop's lag.

    The lags of one sampling interval are kept (20 a second); older ones are counted by bucket.

    Attributes:
        others: Processor seconds and memory of client processes, by number.
    """

    def __init__(self) -> None:
        self.others: dict[int, tuple[float, int]] = {}
        self._recent: list[float] = []
        self._all: dict[int, int] = {}

    def lag(self, seconds: float) -> None:
        """The loop ran a timer so late."""
        self._recent.append(seconds * 1000)
        bucket = _bucket(seconds * 1000)
        self._all[bucket] = self._all.get(bucket, 0) + 1

    def take_p99_ms(self) -> float | None:
        """Of the lags since this was asked before."""
        recent, self._recent = sorted(self._recent), []
        return recent[max(0, math.ceil(len(recent) * 0.99) - 1)] if recent else None

    @property
    def p99_ms(self) -> float | None:
        """Of all, to 10 %."""
        total = sum(self._all.values())
        seen = 0
        for bucket in sorted(self._all):
            seen += self._all[bucket]
            if seen >= total * 0.99:
                return float(1.1**bucket) / 100
        return None

    @property
    def all_cpu_s(self) -> float:
        """Processor seconds of this process and of all client processes."""
        return self.cpu_s() + sum(cpu_s for cpu_s, _ in self.others.values())

    @property
    def all_rss_bytes(self) -> int | None:
        """Resident memory of this process and of all client processes."""
        own = self.rss_bytes()
        return None if own is None else own + sum(rss for _, rss in self.others.values())

    @staticmethod
    def cpu_s() -> float:
        """Processor seconds of this process."""
        return time.process_time()

    @staticmethod
    def rss_bytes() -> int | None:
        """Resident memory of this process; None where it cannot be told."""
        try:
            pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        except (OSError, IndexError):
            return None
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _bucket(milliseconds: float) -> int:
    """Index of a bucket of a logarithmic scale: 10 % wide, from 0.01 ms."""
    return max(0, math.ceil(math.log(max(milliseconds, 0.01) * 100, 1.1)))


class Sampler:
    """Reads the server's page every `SAMPLE_S` while `run` runs; a page that fails is passed over.

    Attributes:
        samples: So far.
        pages: The first page, and the newest one.
        lost: Set while the server does not answer.
        note: Why there are no samples; None if there are.
    """

    def __init__(
        self,
        url: str,
        load: ClientLoad,
        *,
        origin: float,
        clock: Callable[[], float],
        key: str | None = None,
    ) -> None:
        self.samples: list[ServerSample] = []
        self.pages: list[MetricsPage] = []
        self.lost = asyncio.Event()
        self.note: str | None = None
        self._url = url
        self._load = load
        self._origin = origin
        self._clock = clock
        self._key = key
        self._failures = 0

    async def run(self, interval_s: float = SAMPLE_S) -> None:
        """Sample until cancelled, or until it is clear that there is nothing to sample."""
        while self.note is None:
            due = self._clock() + interval_s
            await self.sample()
            await asyncio.sleep(max(0.0, due - self._clock()))

    async def sample(self) -> None:
        """Read the page once."""
        if self._url.startswith("wss:"):
            # Neither does plain HTTP work there, nor may a key go out in the clear.
            self.note = "the server's metrics cannot be read: they are read over plain HTTP only"
            return
        try:
            status, text = await http_get(self._url, "/metrics", key=self._key)
        except Unreachable as error:
            self._failures += 1
            if not self.pages and self._failures >= _LOST_AFTER:
                self.note = f"the server's metrics cannot be read: {error}"
            elif self._failures >= _LOST_AFTER:
                self.lost.set()
            return
        self._failures = 0
        self.lost.clear()
        if status != 200:
            self.note = f"the server's metrics cannot be read: HTTP {status}"
            return
        self._take(MetricsPage(text))

    def _take(self, page: MetricsPage) -> None:
        before = self.pages[-1] if self.pages else None
        self.pages = [*self.pages[:1], page]
        lag = (
            None if before is None else Histogram("parley_loop_lag_seconds", before.text, page.text)
        )
        messages = page.by_label("parley_messages_total")
        memory = page.value("process_resident_memory_bytes")
        self.samples.append(
            ServerSample(
                at_s=self._clock() - self._origin,
                sessions=int(page.value("parley_sessions_active") or 0),
                cpu_s=page.value("process_cpu_seconds_total"),
                rss_bytes=None if memory is None else int(memory),
                loop_lag_p99_ms=None if lag is None else _finite(lag.not_above(99) * 1000),
                loop_lag_mean_ms=None if lag is None else _finite(lag.mean * 1000),
                queue_jobs={
                    name: int(jobs)
                    for name, jobs in page.by_label("parley_engine_queue_jobs").items()
                },
                busy_s=page.by_label("parley_engine_busy_seconds_total"),
                messages_in=int(messages.get("in", 0)),
                messages_out=int(messages.get("out", 0)),
                client_cpu_s=self._load.all_cpu_s,
                client_rss_bytes=self._load.all_rss_bytes,
                client_lag_p99_ms=self._load.take_p99_ms(),
            )
        )


def server_totals(pages: Sequence[MetricsPage], samples: Sequence[ServerSample]) -> ServerTotals:
    """The server's counters from the first page to the last; empty without pages."""
    if len(pages) < 2:
        return ServerTotals()
    first, last = pages[0], pages[-1]
    lag = Histogram("parley_loop_lag_seconds", first.text, last.text)
    stop = Histogram("parley_interrupt_stop_seconds", first.text, last.text)
    memory = [each.rss_bytes for each in samples if each.rss_bytes is not None]
    return ServerTotals(
        cpu_s=_grown(first, last, "process_cpu_seconds_total"),
        rss_begin_bytes=memory[0] if memory else None,
        rss_end_bytes=memory[-1] if memory else None,
        rss_peak_bytes=max(memory, default=None),
        rss_slope_bytes_per_hour=_memory_slope(samples),
        loop_lag_p99_ms=_finite(lag.not_above(99) * 1000),
        loop_lag_mean_ms=_finite(lag.mean * 1000),
        interrupt_stops=stop.count,
        interrupt_stop_mean_ms=_finite(stop.mean * 1000) if stop.count else None,
        interrupt_stop_p95_ms=_finite(stop.not_above(95) * 1000) if stop.count else None,
        engine_busy_s=_grown_by_label(first, last, "parley_engine_busy_seconds_total"),
        engine_jobs=_counts(first, last, "parley_engine_jobs_total"),
        errors=_counts(first, last, "parley_errors_total"),
        refusals=_counts(first, last, "parley_refusals_total"),
        turns=_counts(first, last, "parley_turns_total"),
    )


def slope(points: Sequence[tuple[float, float]]) -> float | None:
    """Of a straight line through points (x, y), by least squares; None of fewer than two x."""
    count = len(points)
    if count < 2:
        return None
    middle_x = math.fsum(x for x, _ in points) / count
    middle_y = math.fsum(y for _, y in points) / count
    spread = math.fsum((x - middle_x) ** 2 for x, _ in points)
    if spread == 0:
        return None
    return math.fsum((x - middle_x) * (y - middle_y) for x, y in points) / spread


def _memory_slope(samples: Sequence[ServerSample]) -> float | None:
    """Bytes per hour over the second half: the first one fills caches and pools."""
    half = samples[len(samples) // 2 :]
    if not half or half[-1].at_s - half[0].at_s < _LEAST_SLOPE_S:
        return None
    found = slope([(each.at_s, float(each.rss_bytes)) for each in half if each.rss_bytes])
    return None if found is None else found * 3600


def _grown(first: MetricsPage, last: MetricsPage, name: str) -> float | None:
    begin, end = first.value(name), last.value(name)
    return None if begin is None or end is None else end - begin


def _grown_by_label(first: MetricsPage, last: MetricsPage, name: str) -> Mapping[str, float]:
    before = first.by_label(name)
    grown = {label: value - before.get(label, 0) for label, value in last.by_label(name).items()}
    return {label: value for label, value in grown.items() if value}


def _counts(first: MetricsPage, last: MetricsPage, name: str) -> Mapping[str, int]:
    return {label: round(value) for label, value in _grown_by_label(first, last, name).items()}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
