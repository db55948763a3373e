"""The rule for addresses that others can reach."""

import logging
from pathlib import Path

import pytest

from gateway.config import Config, SecurityConfig, ServerConfig
from gateway.errors import ConfigError
from gateway.security.exposure import check_exposure, is_loopback, warn_of_exposure

KEY = "a-key-of-some-length"
TLS = {"tls_certificate": Path("c.pem"), "tls_key": Path("k.pem")}


def config(host, **security):
    return Config(server=ServerConfig(host=host), security=SecurityConfig(**security))


@pytest.mark.parametrize(
    ("host", "verdict"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("LocalHost", True),
        ("", False),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.1", False),
        ("fe80::1%eth0", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
    ],
)
def test_loopback_is_told_from_what_others_can_reach(host, verdict):
    assert is_loopback(host) is verdict


@pytest.mark.parametrize(
    ("host", "security"),
    [
        ("127.0.0.1", {}),
        ("0.0.0.0", {"insecure": True}),
        ("0.0.0.0", {"key": KEY, **TLS}),
    ],
)
def test_safe_ways_to_listen_pass(host, security):
    check_exposure(config(host, **security))


@pytest.mark.parametrize(
    ("security", "named", "unnamed"),
    [
        ({}, ["--key-file", "--tls-cert"], []),
        ({"key": KEY}, ["--tls-cert"], ["--key-file"]),
        (TLS, ["--key-file"], ["--tls-cert"]),
    ],
)
def test_what_is_missing_is_named_in_one_line(security, named, unnamed):
    with pytest.raises(ConfigError) as caught:
        check_exposure(config("0.0.0.0", **security))
    message = str(caught.value)
    assert "\n" not in message
    assert "--insecure" in message
    assert all(part in message for part in named)
    assert not any(part in message for part in unnamed)


def test_an_empty_host_is_named_for_what_it_is():
    with pytest.raises(ConfigError, match="empty: every interface is reachable"):
        check_exposure(config(""))


def test_insecure_warns(caplog):
    warn_of_exposure(config("0.0.0.0", insecure=True, key=KEY))
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "TLS" in record.getMessage()
    assert KEY not in record.getMessage()


def test_a_key_file_that_others_can_read_is_warned_of(tmp_path, caplog):
    path = tmp_path / "key"
    path.write_text(KEY)
    path.chmod(0o600)
    warn_of_exposure(config("127.0.0.1", key=KEY, key_file=path))
    assert not caplog.records
    path.chmod(0o640)
    warn_of_exposure(config("127.0.0.1", key=KEY, key_file=path))
    assert f"chmod 600 {path}" in caplog.text
