"""Puts client and server on cores of their own, so that neither measures the other (Linux)."""

from __future__ import annotations

import os
import sys
from collections.abc import Set as AbstractSet
from pathlib import Path

from gateway.client.errors import ClientError

__all__ = ["parse_cores", "pin"]


def parse_cores(text: str, flag: str) -> frozenset[int]:
    """Core numbers such as ``0,2-3``.

    Args:
        text: The numbers.
        flag: Where they come from, for the message.

    Raises:
        ClientError: They are none, or this machine does not have them, or cannot pin.
    """
    if sys.platform != "linux":
        raise ClientError(f"{flag} works on Linux only; leave it out")
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ClientError(f"{flag} {text} is no list of cores; expected e.g. 0 or 0,2-3")
        found.update(range(int(first), int(last if dash else first) + 1))
    usable = os.sched_getaffinity(0)
    if not found or not found <= usable:
        shown = ",".join(map(str, sorted(usable)))
        raise ClientError(f"{flag} {text} names cores that cannot be used; there are {shown}")
    return frozenset(found)


def pin(pid: int, cores: AbstractSet[int]) -> None:
    """Keep all threads of a process on these cores; threads to come inherit it.

    Raises:
        ClientError: The process may not be touched, or is gone.
    """
    if sys.platform != "linux":
        return
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)
    except OSError as error:
        raise ClientError(f"cannot pin process {pid}: {error.strerror or error}") from error
