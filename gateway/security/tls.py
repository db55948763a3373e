"""Transport encryption: a server context from a certificate and its key."""

from __future__ import annotations

import ssl
from pathlib import Path

from gateway.errors import CertificateError

__all__ = ["server_context"]


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a context that serves ``certificate``; TLS 1.2 or later (mbedTLS devices need 1.2).

    Args:
        certificate: PEM; the server's certificate first, then the chain.
        key: PEM, not encrypted.

    Raises:
        CertificateError: If a file is missing or unreadable, or the two do not belong together.
    """
    for path in (certificate, key):
        try:
            path.read_bytes()
        except OSError as error:
            message = f"{path} cannot be read: {error.strerror}; correct security.tls_*"
            raise CertificateError(message) from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # No HTTP/2 here: clients that could choose must take HTTP/1.1, where WebSocket lives.
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        reason = f" ({error.reason.replace('_', ' ').lower()})" if error.reason else ""
        message = (
            f"{certificate} and {key} are not a certificate and its unencrypted key "
            f"in PEM{reason}; correct security.tls_*"
        )
        raise CertificateError(message) from error
    return context


def _no_password() -> str:
    """Answer OpenSSL's question for a passphrase, which would otherwise wait at the terminal."""
    return ""
