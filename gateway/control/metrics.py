"""Prometheus metrics of one server; `gateway/README.md` lists them.

Every label value comes from this program, never from a client; in case one slips through, a label
takes at most `MOST_LABELS` different values and calls the rest "other".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from gateway.version import VERSION
from pipeline.engines.thread import EngineStatistics

__all__ = ["MOST_LABELS", "Metrics"]

MOST_LABELS: Final = 64

_STAGE_BUCKETS: Final = (
    0.01,
    0.02,
    0.05,
    0.1,
    0.15,
    0.2,
    0.3,
    0.4,
    0.5,
    0.65,
    0.8,
    1.0,
    1.3,
    1.6,
    2.0,
    3.0,
    5.0,
    10.0,
)
_INTERRUPT_BUCKETS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_LAG_BUCKETS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_SESSION_BUCKETS: Final = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)

EngineReports = Mapping[str, Callable[[], EngineStatistics]]


class Metrics:
    """Counts what happens; an instance has a registry of its own, so two servers do not mix.

    Counting a message costs about 0.2 µs, a turn 20 µs, `text` 2 ms.

    Args:
        engines: Name of each engine to where its statistics come from, read at every scrape.
    """

    def __init__(self, engines: EngineReports | None = None) -> None:
        # Else each counter has a second series, which nobody reads.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        self._labels: dict[str, set[str]] = {}
        ProcessCollector(registry=registry)
        registry.register(_EngineCollector(engines or {}))
        Gauge(
            "parley_build_info", "Always 1; the label tells.", ["version"], registry=registry
        ).labels(VERSION).set(1)
        self._sessions = Gauge("parley_sessions_active", "Sessions now.", registry=registry)
        self._sessions_ended = Counter(
            "parley_sessions_total", "Sessions ended, by result.", ["result"], registry=registry
        )
        self._session_seconds = Histogram(
            "parley_session_seconds",
            "Length of a session.",
            buckets=_SESSION_BUCKETS,
            registry=registry,
        )
        self._turns = Counter(
            "parley_turns_total", "Turns ended, by outcome.", ["outcome"], registry=registry
        )
        self._stages = Histogram(
            "parley_turn_stage_seconds",
            "Latency of a turn's stages.",
            ["stage"],
            buckets=_STAGE_BUCKETS,
            registry=registry,
        )
        self._interrupts = Histogram(
            "parley_interrupt_stop_seconds",
            "Interruption detected to last audio frame sent.",
            buckets=_INTERRUPT_BUCKETS,
            registry=registry,
        )
        self._errors = Counter(
            "parley_errors_total", "Errors sent to clients, by code.", ["code"], registry=registry
        )
        self._refusals = Counter(
            "parley_refusals_total",
            "Connections refused before the upgrade, by reason.",
            ["reason"],
            registry=registry,
        )
        self._traffic = _TrafficCollector()
        registry.register(self._traffic)
        self._loop_lag = Histogram(
            "parley_loop_lag_seconds",
            "Lateness of the event loop's timers.",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )

    def session_opened(self) -> None:
        """A session began."""
        self._sessions.inc()

    def session_closed(self, result: str, *, seconds: float | None = None) -> None:
        """A session ended; ``result`` is one of few words, never a client's text."""
        self._sessions.dec()
        self._sessions_ended.labels(self._bounded("result", result)).inc()
        if seconds is not None:
            self._session_seconds.observe(seconds)

    def turn(self, outcome: str, latencies_ms: Mapping[str, float]) -> None:
        """A turn ended.

        Args:
            outcome: ``response.done``'s status.
            latencies_ms: Stage to milliseconds; the names of the ``latency`` event are welcome with
                or without their ``_ms``.
        """
        self._turns.labels(self._bounded("outcome", outcome)).inc()
        for stage, milliseconds in latencies_ms.items():
            label = self._bounded("stage", stage.removesuffix("_ms"))
            self._stages.labels(label).observe(milliseconds / 1000)

    def interrupted(self, stop_ms: float) -> None:
        """An interruption stopped a reply, ``stop_ms`` after it had been detected."""
        self._interrupts.observe(stop_ms / 1000)

    def error(self, code: str) -> None:
        """An ``error`` event went to a client."""
        self._errors.labels(self._bounded("code", str(code))).inc()

    def refused(self, reason: str) -> None:
        """A connection was refused before the upgrade."""
        self._refusals.labels(self._bounded("reason", reason)).inc()

    def received(self, size: int) -> None:
        """A message of ``size`` bytes came in."""
        traffic = self._traffic
        traffic.messages_in += 1
        traffic.bytes_in += size

    def sent(self, size: int) -> None:
        """A message of ``size`` bytes was handed to a socket."""
        traffic = self._traffic
        traffic.messages_out += 1
        traffic.bytes_out += size

    def loop_lag(self, seconds: float) -> None:
        """The event loop ran a timer so late; `measure_loop_lag` calls this."""
        self._loop_lag.observe(seconds)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format, version 0.0.4."""
        return generate_latest(self._registry)

    def _bounded(self, label: str, value: str) -> str:
        known = self._labels.setdefault(label, set())
        if value in known:
            return value
        if len(known) >= MOST_LABELS:
            return "other"
        known.add(value)
        return value


class _TrafficCollector(Collector):
    """Counts messages in plain numbers: there are hundreds a second for each session.

    A prometheus ``Counter`` takes a lock for each, 3 us for a message and its bytes.
    """

    def __init__(self) -> None:
        self.messages_in = self.messages_out = 0
        self.bytes_in = self.bytes_out = 0

    def collect(self) -> Iterator[Metric]:
        messages = CounterMetricFamily(
            "parley_messages_total", "WebSocket messages.", labels=["direction"]
        )
        octets = CounterMetricFamily(
            "parley_bytes_total", "Bytes of WebSocket messages.", labels=["direction"]
        )
        messages.add_metric(["in"], self.messages_in)
        messages.add_metric(["out"], self.messages_out)
        octets.add_metric(["in"], self.bytes_in)
        octets.add_metric(["out"], self.bytes_out)
        yield from (messages, octets)


class _EngineCollector(Collector):
    """Reads the engines' own counters when somebody asks."""

    def __init__(self, engines: EngineReports) -> None:
        self._engines = engines

    def collect(self) -> Iterator[Metric]:
        busy = CounterMetricFamily(
            "parley_engine_busy_seconds_total", "Time spent in jobs.", labels=["engine"]
        )
        jobs = CounterMetricFamily("parley_engine_jobs_total", "Jobs ended.", labels=["engine"])
        waiting = GaugeMetricFamily(
            "parley_engine_queue_jobs", "Jobs waiting now.", labels=["engine"]
        )
        for name, report in self._engines.items():
            statistics = report()
            busy.add_metric([name], statistics.busy_seconds)
            jobs.add_metric([name], statistics.jobs)
            waiting.add_metric([name], statistics.waiting)
        yield from (busy, jobs, waiting)
