"""Who may have a session."""

import pytest

from gateway.control.health import Readiness
from gateway.edge.admission import admission


@pytest.mark.parametrize(
    ("state", "sessions", "reason"),
    [
        (Readiness.READY, 0, ""),
        (Readiness.READY, 3, ""),
        (Readiness.READY, 4, "capacity"),
        (Readiness.READY, 5, "capacity"),
        (Readiness.STARTING, 0, "starting"),
        (Readiness.DRAINING, 0, "draining"),
        (Readiness.FAILED, 0, "failed"),
    ],
)
def test_a_session_needs_a_ready_server_with_room(state, sessions, reason):
    answer = admission(state, sessions=sessions, capacity=4)
    assert answer.reason == reason
    assert answer.accepted == (reason == "")
    assert (answer.retry_after_s > 0) == (reason != "")
