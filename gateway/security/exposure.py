"""The rule that a server reachable from elsewhere needs a key and encryption."""

from __future__ import annotations

import ipaddress
import logging
import stat
from pathlib import Path

from gateway.config import Config
from gateway.errors import ConfigError

__all__ = ["check_exposure", "is_loopback", "warn_of_exposure"]

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
    missing = _missing(config)
    if missing and not config.security.insecure:
        message = (
            f"{_shown(config)} is reachable from the network and lacks "
            f"{' and '.join(missing)}; add what is missing, "
            "or --insecure if the network itself is safe"
        )
        raise ConfigError(message)


def warn_of_exposure(config: Config) -> None:
    """Log what is exposed all the same: the server, or a secret that other users may read."""
    missing = _missing(config)
    if missing:
        log.warning("%s is reachable and lacks %s", _shown(config), " and ".join(missing))
    for path in (config.security.key_file, config.security.tls_key):
        if path is not None and _open_to_others(path):
            log.warning("%s is open to other users; run: chmod 600 %s", path, path)


def _missing(config: Config) -> list[str]:
    if is_loopback(config.server.host):
        return []
    missing = []
    if config.security.key is None:
        missing.append("a key (--key-file FILE or PARLEY_KEY)")
    if config.security.tls_certificate is None:
        missing.append("TLS (--tls-cert FILE --tls-key FILE)")
    return missing


def _shown(config: Config) -> str:
    return config.server.host or "server.host is empty: every interface"


def _open_to_others(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return bool(mode & (stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH))
