"""What making, reading and installing a bundle raises."""

from __future__ import annotations

from gateway.errors import OperatorError

__all__ = ["BundleError"]


class BundleError(OperatorError):
    """A bundle cannot be made, read or installed; the message is one line and says what to do."""
