"""A traced server names the lines of Parley's that hold what sessions brought."""

from benchmarks.memory.calls import Call
from benchmarks.memory.tracing import traced_calls


async def test_what_calls_leave_is_named_line_by_line():
    flags = ("--engines", "scripted", "--max-sessions", "8")
    found = await traced_calls(flags, Call.SILENT, calls=4, warm_up=2, parallel=2)
    assert found
    assert list(found) == sorted(found, key=lambda site: -site.size)
    assert any(site.where.startswith(("gateway/", "pipeline/", "protocol/")) for site in found)
    assert sum(site.size for site in found) < 4 * 100_000
