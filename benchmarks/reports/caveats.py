"""What a reader must know before believing a figure, and what may not be compared with what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.reports.measures import MEASURES, distribution
from benchmarks.reports.percentiles import least_observations
from benchmarks.reports.quantities import bytes_text, number_text
from benchmarks.results import Machine, Result

__all__ = ["caveats", "differences", "machine_text", "settings_rows"]

_BUSY: Final = 0.5
"""Load per core before the run above which other work moves the figures."""
_NOT_COMPARED: Final = frozenset({"name", "description"})


def caveats(result: Result) -> tuple[str, ...]:
    """What limits the figures of a run, in sentences; what the run noted itself comes first."""
    found = (*result.notes, *_ended(result), *_surroundings(result), *_numbers(result))
    return tuple(dict.fromkeys(found))


def differences(base: Result, new: Result) -> tuple[str, ...]:
    """Why two results cannot be compared as they stand; () if nothing is known against it."""
    # Another scenario has other settings: to name it is enough.
    is_same = base.scenario == new.scenario
    pairs = {
        "scenario": (base.scenario, new.scenario),
        "processor": (base.machine.processor, new.machine.processor),
        "cores": (base.machine.cores, new.machine.cores),
        "system": (base.machine.system, new.machine.system),
        "server started by the run": (base.served, new.served),
        **(_setting_pairs(base.settings, new.settings) if is_same else {}),
        **_version_pairs(base, new),
    }
    return tuple(
        f"{name}: {_shown(old)} and {_shown(now)}" for name, (old, now) in pairs.items()
        if old != now
    )  # fmt: skip


def machine_text(machine: Machine) -> str:
    """The machine in one line."""
    parts = [machine.processor, f"{machine.cores} cores"]
    if machine.memory_bytes is not None:
        parts.append(bytes_text(machine.memory_bytes))
    parts.append(machine.system)
    if machine.load_average is not None:
        parts.append(f"load before the run {number_text(machine.load_average)}")
    return ", ".join(parts)


def settings_rows(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings with their sections in front, such as ``server.engines``."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from settings_rows(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _ended(result: Result) -> Iterator[str]:
    if result.incomplete is not None:
        yield f"The run ended early: {result.incomplete}. Its figures stop there."


def _surroundings(result: Result) -> Iterator[str]:
    settings = dict(settings_rows(result.settings))
    if result.served or urlsplit(result.url).hostname in ("127.0.0.1", "::1", "localhost"):
        yield (
            "Client and server shared one machine: they took cores from each other, and no "
            "network lay between them."
        )
    if settings.get("server.engines") == "scripted":
        yield (
            "Engines were scripted with stated costs: these latencies are the gateway's, not "
            "those of speech and language models."
        )
    if profile := settings.get("network.profile"):
        yield f"The network was impaired on purpose ({profile}): latencies hold its delays."
    load = result.machine.load_average
    if load is not None and load / max(1, result.machine.cores) > _BUSY:
        yield (
            f"The machine was busy before the run (load {number_text(load)} on "
            f"{result.machine.cores} cores): latencies hold other programs' work."
        )


def _numbers(result: Result) -> Iterator[str]:
    few = [
        measure.title
        for measure in MEASURES
        if 0 < distribution(result.totals, measure).n < least_observations(95)
    ]
    if few:
        yield (
            f"Fewer than {least_observations(95)} observations bound no p95 from above, and fewer "
            f"than {least_observations(99)} no p99: {', '.join(few)}."
        )
    if result.samples:
        yield "Loop lag comes from the server's histogram: a bucket's edge that is not exceeded."
    else:
        yield "The server's metrics were not read: nothing is known of its processor, memory, lag."


def _setting_pairs(
    base: Mapping[str, Any], new: Mapping[str, Any]
) -> dict[str, tuple[object, object]]:
    old, now = dict(settings_rows(base)), dict(settings_rows(new))
    names = [name for name in {**old, **now} if name not in _NOT_COMPARED]
    return {f"setting {name}": (old.get(name), now.get(name)) for name in names}


def _version_pairs(base: Result, new: Result) -> dict[str, tuple[object, object]]:
    """Of everything but Parley itself: that it differs is what comparing is for."""
    names = [name for name in {**base.versions, **new.versions} if name != "parley"]
    return {
        f"version of {name}": (base.versions.get(name), new.versions.get(name)) for name in names
    }


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    return number_text(value, 6) if isinstance(value, float) else str(value)
