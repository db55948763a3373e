"""Processor time and memory of another process, as Linux tells them (man 5 proc)."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.client.errors import ClientError

__all__ = ["cpu_s", "rss_bytes"]


def cpu_s(pid: int) -> float:
    """Processor seconds of a process and all of its threads so far, to 10 ms.

    Raises:
        ClientError: It is gone.
    """
    # The name, in brackets, may hold anything; utime and stime are the 12th and 13th behind it.
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_bytes(pid: int) -> int:
    """Resident memory.

    Raises:
        ClientError: It is gone.
    """
    return int(_read(pid, "statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8")
    except OSError as error:
        raise ClientError(f"server process {pid} is gone: {error.strerror or error}") from error
