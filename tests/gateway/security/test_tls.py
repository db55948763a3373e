"""Certificates that can be used, and what is said about others.

``localhost.pem`` and its key are made for these tests: self-signed, valid for a century, worthless.
"""

import ssl
from pathlib import Path

import pytest

from gateway.errors import CertificateError
from gateway.security.tls import server_context

HERE = Path(__file__).parent
CERTIFICATE, KEY = HERE / "localhost.pem", HERE / "localhost.key.pem"


def test_nothing_older_than_tls_1_2_is_spoken():
    context = server_context(CERTIFICATE, KEY)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("certificate", "key", "part"),
    [
        (HERE / "gone.pem", KEY, "gone.pem cannot be read: No such file"),
        (CERTIFICATE, HERE / "gone.pem", "gone.pem cannot be read: No such file"),
        (CERTIFICATE, CERTIFICATE, "not a certificate and its unencrypted key"),
        (KEY, CERTIFICATE, "not a certificate and its unencrypted key"),
        (Path(__file__), KEY, "not a certificate and its unencrypted key"),
        (HERE, KEY, "cannot be read"),
    ],
)
def test_files_that_cannot_be_used_are_told_in_one_line(certificate, key, part):
    with pytest.raises(CertificateError) as caught:
        server_context(certificate, key)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
