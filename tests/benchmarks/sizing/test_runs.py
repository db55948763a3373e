"""Whole sessions are measured by runs of the load client, against servers of their own."""

import math

from benchmarks.sizing.runs import measure_media


async def test_sessions_without_engines_tell_what_the_rest_of_the_server_costs():
    runs = []
    found = await measure_media(
        "opus/16000/60", sessions=1, seconds=4, think_s=(0.2, 0.3), follow=runs.append
    )
    assert len(runs) == 1
    assert (found.codec, found.sessions) == ("opus/16000/60", 1)
    assert 0 < found.cpu_per_session < 1
    assert 0 <= found.reply_share < 1
    assert math.isfinite(found.client_cores)
