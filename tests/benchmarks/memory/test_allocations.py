"""Snapshots tell which line holds what."""

import tracemalloc

from benchmarks.memory.allocations import growth
from protocol.codec import parse_object


def test_growth_names_the_line_that_holds_the_memory_and_passes_over_what_is_gone():
    tracemalloc.start(12)
    try:
        gone = bytearray(300_000)
        before = tracemalloc.take_snapshot()
        del gone
        kept = [bytearray(50_000), bytearray(50_000)]
        after = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    found = growth(before, after)
    assert len(kept) == 2
    largest = found[0]
    assert largest.where.startswith("memory/test_allocations.py:")
    assert 100_000 <= largest.size < 110_000
    assert largest.blocks >= 2
    assert found[-1].size <= -300_000


def test_what_a_library_allocates_is_traced_back_to_the_line_of_parley_s():
    text = b'{"type": "ping", "t0": 1, "long": "' + b"x" * 20_000 + b'"}'
    tracemalloc.start(12)
    try:
        before = tracemalloc.take_snapshot()
        kept = parse_object(text)
        after = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    assert kept["type"] == "ping"
    assert any("protocol/" in f"{site.where} {site.through}" for site in growth(before, after))
