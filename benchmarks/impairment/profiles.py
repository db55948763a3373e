"""Networks by name.

Where a source states a round trip, each direction has half of it. A lost segment of a thin TCP
stream comes one round trip later at best (fast retransmit) and one retransmission timeout later
else. In Linux that timeout is the round trip and at least 200 ms (`TCP_RTO_MIN` in
include/net/tcp.h); where a profile does not say otherwise, recovery takes so long.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from benchmarks.impairment.link import Cut, CutKind, Link, Profile, Stall

__all__ = ["PROFILES"]

_PROFILES: Final = (
    Profile(
        "none",
        Link(slice_bytes=16 * 1024),
        Link(slice_bytes=16 * 1024),
        why="no impairment: what the relay itself costs",
    ),
    Profile(
        "lan",
        up=Link(delay_ms=0.25, jitter_ms=0.25, rate_kbps=100_000),
        down=Link(delay_ms=0.25, jitter_ms=0.25, rate_kbps=100_000),
        why="Fast Ethernet (IEEE 802.3u: 100 Mbit/s) and two switches: well below 1 ms",
    ),
    Profile(
        "wifi",
        up=Link(delay_ms=2, jitter_ms=4, rate_kbps=20_000),
        down=Link(delay_ms=2, jitter_ms=4, rate_kbps=20_000),
        why="802.11n at 20 MHz near its access point: 72 Mbit/s on air, a third of it for one "
        "station; a few ms of waiting for the medium",
    ),
    Profile(
        "bad-wifi",
        up=Link(10, 60, 2_000, Stall(7, 400), loss=0.02, recovery_ms=230),
        down=Link(10, 110, 2_000, Stall(7, 400), loss=0.02, recovery_ms=230),
        why="one room too far: lowest rates; down, frames wait up to one beacon (102.4 ms) for a "
        "device in power save; scans of other channels silence it for some 100 ms; 2 % lost after "
        "all retries of the radio; recovery: 200 ms of RTO and the round trip",
    ),
    Profile(
        "4g",
        up=Link(delay_ms=85, jitter_ms=15, rate_kbps=9_000),
        down=Link(delay_ms=85, jitter_ms=15, rate_kbps=9_000),
        why="WebPageTest '4G': 9 Mbit/s, 170 ms round trip; jitter: scheduling grants of LTE, "
        "some 10 ms",
    ),
    Profile(
        "lossy-4g",
        up=Link(85, 40, 3_000, Stall(20, 300), loss=0.03, recovery_ms=370),
        down=Link(85, 40, 3_000, Stall(20, 300), loss=0.03, recovery_ms=370),
        why="'4g' at the edge of a cell: a third of the rate, 3 % lost, a handover of 300 ms every "
        "20 s as in a moving car; recovery: 200 ms of RTO and the round trip",
    ),
    Profile(
        "3g",
        up=Link(delay_ms=150, jitter_ms=30, rate_kbps=768),
        down=Link(delay_ms=150, jitter_ms=30, rate_kbps=1_600),
        why="WebPageTest '3G': 1.6 Mbit/s down, 768 kbit/s up, 300 ms round trip; jitter: a few "
        "10 ms transmission intervals of HSPA and their repetitions",
    ),
    Profile(
        "slow-3g",
        up=Link(delay_ms=200, jitter_ms=60, rate_kbps=400),
        down=Link(delay_ms=200, jitter_ms=60, rate_kbps=400),
        why="WebPageTest '3G Slow': 400 kbit/s, 400 ms round trip; 16 kHz PCM (256 kbit/s) fits, "
        "24 kHz PCM barely does",
    ),
    Profile(
        "edge",
        up=Link(delay_ms=420, jitter_ms=100, rate_kbps=200),
        down=Link(delay_ms=420, jitter_ms=100, rate_kbps=240),
        why="WebPageTest 'Mobile Edge': 240 kbit/s down, 200 up, 840 ms round trip; PCM does not "
        "fit, Opus does",
    ),
    Profile(
        "satellite",
        up=Link(280, 20, 3_000, loss=0.001, recovery_ms=560, buffer_bytes=512 * 1024),
        down=Link(280, 20, 20_000, loss=0.001, recovery_ms=560, buffer_bytes=1024 * 1024),
        why="geostationary: up to 279 ms per hop, 558 ms round trip (RFC 2488, section 2), "
        "recovery by fast retransmit; 20/3 Mbit/s as consumer plans; buffers hold rate x delay",
    ),
    Profile(
        "low-orbit",
        up=Link(25, 15, 10_000, Stall(15, 100), loss=0.005, recovery_ms=50),
        down=Link(
            25, 15, 100_000, Stall(15, 100), loss=0.005, recovery_ms=50, buffer_bytes=1024 * 1024
        ),
        why="Starlink: 20 to 50 ms round trip, another satellite every 15 s (Huston, APNIC, NANOG "
        "92), here at the upper end and with a silence of 100 ms each time",
    ),
    Profile(
        "flaky",
        up=Link(10, 20, 5_000),
        down=Link(10, 20, 5_000),
        cut=Cut(CutKind.RST, after_s=20),
        why="a middle box that forgets a connection after 20 s: the RST tests what reconnects",
    ),
)

PROFILES: Final[Mapping[str, Profile]] = {profile.name: profile for profile in _PROFILES}
"""All of them, from good to bad."""
