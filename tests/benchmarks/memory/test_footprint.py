"""A process's memory is what Linux says it is."""

import mmap
import os

import pytest

from benchmarks.memory.footprint import Footprint, footprint, parse_rollup
from gateway.client.errors import ClientError

ROLLUP = """55b131174000-7ffe1c47a000 ---p 00000000 00:00 0                          [rollup]
Rss:               86652 kB
Pss_Anon:          46000 kB
Anonymous:         46784 kB
"""


def test_a_rollup_s_sums_become_bytes():
    assert parse_rollup(ROLLUP) == Footprint(86_652 * 1024, 46_784 * 1024)


def test_a_rollup_without_the_sums_is_refused():
    with pytest.raises(ClientError, match="Anonymous"):
        parse_rollup("Rss: 1 kB\n")


def test_this_process_grows_by_what_it_writes():
    before = footprint(os.getpid())
    # A mapping of its own: malloc may serve a bytes object from memory that
    # the process has already paid for.
    with mmap.mmap(-1, 20_000_000, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as held:
        held.write(b"x" * len(held))
        after = footprint(os.getpid())
        assert after.anonymous - before.anonymous > len(held) * 0.9
    assert after.resident >= after.anonymous


def test_a_process_that_is_gone_is_told_in_one_line():
    with pytest.raises(ClientError, match="cannot read /proc/999999999/"):
        footprint(999_999_999)
