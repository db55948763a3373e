"""Which browser pages may connect (cross-site WebSocket hijacking, RFC 6455 section 10.2)."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["origin_allowed"]


def origin_allowed(presented: Sequence[str], allowed: Sequence[str]) -> bool:
    """Judge the ``Origin`` headers of a handshake.

    Devices send none, browsers always send one, which a page cannot forge.

    Args:
        presented: All values of the header; more than one is refused.
        allowed: Exact origins, compared without regard to case (RFC 6454, section 4); "*" is any.
    """
    if not presented:
        return True
    if len(presented) > 1:
        return False
    return "*" in allowed or presented[0].lower() in {origin.lower() for origin in allowed}
