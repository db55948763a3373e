"""The bearer key, and the three places where a client may present it.

In the order in which they are looked at (native protocol, section 1): the ``Authorization`` header,
the subprotocol ``parley.token.<unpadded base64url>`` (browsers cannot set headers), and the
``token`` of ``hello`` (small libraries can set neither).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

__all__ = ["TOKEN_SUBPROTOCOL", "Credentials", "token_subprotocol"]

TOKEN_SUBPROTOCOL: Final = "parley.token."
"""Prefix of the offered subprotocol that carries a token."""


class Credentials:
    """Checks what a client presents against the configured key.

    Only the key's digest is kept; digests are compared in constant time, so neither the key's
    length nor a common prefix shows in the time that a refusal takes.

    Args:
        key: The bearer key, or None where none is needed.
    """

    def __init__(self, key: str | None) -> None:
        self._digest = None if key is None else _digest(key)

    @property
    def required(self) -> bool:
        """Whether a client has to present the key."""
        return self._digest is not None

    def accepts(self, token: str | None) -> bool:
        """Whether ``token`` is the key, or no key is needed. For ``hello.token``, too."""
        if self._digest is None:
            return True
        return token is not None and hmac.compare_digest(_digest(token), self._digest)

    def judge(self, authorization: Iterable[str], subprotocols: Iterable[str]) -> bool | None:
        """Judge a handshake.

        Args:
            authorization: Values of the ``Authorization`` header; more than one is wrong.
            subprotocols: What the client offers in ``Sec-WebSocket-Protocol``.

        Returns:
            True if the key is right or none is needed, False if what was presented is wrong, None
            if nothing was presented: then ``hello.token`` has to.
        """
        if self._digest is None:
            return True
        values = list(authorization)
        if values:
            return len(values) == 1 and self.accepts(_bearer(values[0]))
        for offered in subprotocols:
            if offered.startswith(TOKEN_SUBPROTOCOL):
                return self.accepts(_decoded(offered.removeprefix(TOKEN_SUBPROTOCOL)))
        return None


def token_subprotocol(token: str) -> str:
    """Return the subprotocol by which a browser presents ``token``."""
    encoded = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    return TOKEN_SUBPROTOCOL + encoded


def _digest(token: str) -> bytes:
    # A header may hold what UTF-8 cannot (lone surrogates never: websockets decodes Latin-1).
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _bearer(value: str) -> str | None:
    """Return the token of ``Bearer TOKEN`` (RFC 6750, section 2.1); None for other schemes."""
    scheme, _, token = value.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _decoded(encoded: str) -> str | None:
    """Decode unpadded base64url; None if it is not."""
    padded = encoded + "=" * (-len(encoded) % 4)
    try:
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
