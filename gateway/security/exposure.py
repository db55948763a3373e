"""The rule that a server reachable from elsewhere needs a key and encryption."""

from __future__ import annotations

import ipaddress
import logging
import stat
from pathlib import Path

from gateway.config import Config
from gateway.errors import ConfigError

__all__ = ["check_exposure", "is_loopback", "warn_of_readable_secrets"]

log = logging.getLogger(__name__)


def is_loopback(host: str) -> bool:
    """Whether ``host`` is reachable from this machine only: localhost, 127.0.0.0/8, ::1.

    Names other than localhost are taken for reachable, whatever they resolve to now.
    """
    if host.lower() in {"localhost", "localhost.localdomain", "ip6-localhost"}:
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def check_exposure(config: Config) -> None:
    """Refuse to expose speech, and the machine, to the network by accident.

    Raises:
        ConfigError: If ``server.host`` is not loopback, and a key or TLS is missing, and
            ``security.insecure`` is not set.
    """
    host, security = config.server.host, config.security
    missing = []
    if security.key is None:
        missing.append("a key (--key-file FILE or PARLEY_KEY)")
    if security.tls_certificate is None:
        missing.append("TLS (--tls-cert FILE --tls-key FILE)")
    if is_loopback(host) or not missing:
        return
    if security.insecure:
        log.warning("%s is reachable from the network without %s", host, " and ".join(missing))
        return
    message = (
        f"{host} is reachable from the network and lacks {' and '.join(missing)}; "
        "add what is missing, or --insecure if the network itself is safe"
    )
    raise ConfigError(message)


def warn_of_readable_secrets(config: Config) -> None:
    """Log a warning for each secret file that other users of the machine may read."""
    for path in (config.security.key_file, config.security.tls_key):
        if path is not None and _readable_by_others(path):
            log.warning("%s can be read by other users; run: chmod 600 %s", path, path)


def _readable_by_others(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return bool(mode & (stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH))
