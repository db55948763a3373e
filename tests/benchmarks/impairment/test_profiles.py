"""The networks by name."""

from pathlib import Path

import pytest

from benchmarks.impairment.profiles import PROFILES

GUIDE = Path(__file__).parents[3] / "benchmarks" / "impairment" / "README.md"


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_a_buffer_never_limits_the_rate_of_its_link(profile):
    for link in (profile.up, profile.down):
        longest_s = (link.delay_ms + link.jitter_ms) / 1000
        assert link.rate_kbps * 1000 / 8 * longest_s <= link.buffer_bytes


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_every_network_says_why_and_stands_in_the_guide(profile):
    assert profile.why
    rows = [line for line in GUIDE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    [row] = [line for line in rows if line.startswith(f"| `{profile.name}` |")]
    up, down = profile.up, profile.down
    for value in (up.delay_ms, down.delay_ms, up.jitter_ms, down.jitter_ms):
        assert f"{value:g}" in row
    for rate in filter(None, (up.rate_kbps, down.rate_kbps)):
        assert f"{rate / 1000:g}" in row


def test_the_issue_s_networks_are_there():
    assert {"lan", "wifi", "bad-wifi", "3g", "satellite", "lossy-4g"} <= set(PROFILES)
