"""What the gateway raises.

GatewayError
└─ OperatorError        whoever started Parley can fix it: one line, exit code 2
   ├─ ConfigError       a setting is unknown, of the wrong type, out of range or contradictory
   ├─ ListenError       the address cannot be listened on: busy, forbidden, not of this machine
   └─ CertificateError  the certificate or its key cannot be used
"""

from __future__ import annotations

__all__ = ["CertificateError", "ConfigError", "GatewayError", "ListenError", "OperatorError"]


class GatewayError(Exception):
    """Base of everything the gateway raises on purpose."""


class OperatorError(GatewayError):
    """Something that whoever started Parley can fix; the message is one line and says how."""


class ConfigError(OperatorError):
    """A setting is wrong; the message names where it stands, its key, and what was expected."""


class ListenError(OperatorError):
    """The server cannot listen on the configured address."""


class CertificateError(OperatorError):
    """The TLS certificate or its key is missing, unreadable, or the two do not belong together."""
