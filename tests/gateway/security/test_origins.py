"""Which pages may connect."""

import pytest

from gateway.security.origins import origin_allowed

PAGE = "https://app.example"


@pytest.mark.parametrize(
    ("presented", "allowed", "verdict"),
    [
        ([], [], True),
        ([], [PAGE], True),
        ([PAGE], [PAGE], True),
        (["HTTPS://App.Example"], [PAGE], True),
        ([PAGE], ["*"], True),
        ([PAGE], [], False),
        ([PAGE + ".evil"], [PAGE], False),
        (["http://app.example"], [PAGE], False),
        ([PAGE + ":444"], [PAGE], False),
        (["null"], [PAGE], False),
        ([""], [PAGE], False),
        ([PAGE, PAGE], [PAGE], False),
    ],
)
def test_devices_pass_and_pages_need_to_be_listed(presented, allowed, verdict):
    assert origin_allowed(presented, allowed) is verdict
