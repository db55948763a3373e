"""What a run and its client processes say to each other: pickles with a length, over a socket pair.

Both ends are the same code on the same machine, started by one another; nothing else is read.
"""

from __future__ import annotations

import asyncio
import pickle
import struct
from dataclasses import dataclass
from typing import Any, Final, Literal

from benchmarks.load.scenario import Scenario
from benchmarks.results import Fault, SessionRecord, TurnRecord

__all__ = ["Order", "Plan", "Report", "receive", "send"]

_LENGTH: Final = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Plan:
    """The first message to a client process.

    Attributes:
        url: Where devices connect.
        key: Bearer key.
        scenario: What they do.
        scored: Whether transcripts are compared with what was said.
        origin: The monotonic clock at the beginning of the run; all processes share that clock.
        number: Of this process, from 0.
        processes: How many there are.
        core: Where it shall stay; None for anywhere.
    """

    url: str
    key: str | None
    scenario: Scenario
    scored: bool
    origin: float
    number: int
    processes: int
    core: int | None


@dataclass(frozen=True, slots=True)
class Order:
    """What a client process shall do.

    Attributes:
        kind: "begin" a step, let a device "come" or "leave", or wait until those that leave are
            "gone" and say so.
        value: The step, the place, or for how many seconds.
    """

    kind: Literal["begin", "come", "leave", "gone"]
    value: float


@dataclass(frozen=True, slots=True)
class Report:
    """What a client process has to tell, several times a second.

    Attributes:
        turns: Turns that are over since the report before; ``sessions`` and ``faults`` alike.
        open: Sessions that are welcomed and alive.
        at: The monotonic clock.
        cpu_s: Processor seconds of the process so far.
        rss_bytes: Its memory.
        lags_s: Lateness of its timers since the report before.
        gone: How many orders to wait until devices are gone have been carried out.
    """

    turns: tuple[TurnRecord, ...]
    sessions: tuple[SessionRecord, ...]
    faults: tuple[Fault, ...]
    open: int
    at: float
    cpu_s: float
    rss_bytes: int | None
    lags_s: tuple[float, ...]
    gone: int


def send(writer: asyncio.StreamWriter, message: Plan | Order | Report) -> None:
    """Write one message."""
    content = pickle.dumps(message)
    writer.write(_LENGTH.pack(len(content)) + content)


async def receive(reader: asyncio.StreamReader) -> Any:  # noqa: ANN401
    """The next message; None when the other side is gone."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return pickle.loads(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
