"""The key and its three doors."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.security.credentials import TOKEN_SUBPROTOCOL, Credentials, token_subprotocol

KEY = "a-key-of-some-length"


def test_without_a_key_everybody_is_welcome_whatever_they_present():
    credentials = Credentials(None)
    assert not credentials.required
    assert credentials.accepts(None)
    assert credentials.judge(["Bearer nonsense"], ["parley.token.!"]) is True


@pytest.mark.parametrize(
    ("authorization", "subprotocols", "verdict"),
    [
        ([], [], None),
        ([], ["parley.v1"], None),
        ([f"Bearer {KEY}"], [], True),
        ([f"bearer  {KEY} "], [], True),
        (["Bearer wrong"], [], False),
        (["Bearer"], [], False),
        ([KEY], [], False),
        ([f"Basic {KEY}"], [], False),
        ([f"Bearer {KEY}", f"Bearer {KEY}"], [], False),
        ([f"Bearer {KEY}"], [token_subprotocol("wrong")], True),
        (["Bearer wrong"], [token_subprotocol(KEY)], False),
        ([], ["parley.v1", token_subprotocol(KEY)], True),
        ([], [token_subprotocol("wrong")], False),
        ([], [TOKEN_SUBPROTOCOL], False),
        ([], [TOKEN_SUBPROTOCOL + "!!!"], False),
        ([], [TOKEN_SUBPROTOCOL + "A"], False),
        ([], [TOKEN_SUBPROTOCOL + base64.urlsafe_b64encode(b"\xff\xfe").decode()], False),
    ],
)
def test_a_handshake_is_judged_by_the_first_door_that_is_used(authorization, subprotocols, verdict):
    assert Credentials(KEY).judge(authorization, subprotocols) is verdict


def test_the_token_of_hello_is_compared_with_the_key():
    credentials = Credentials(KEY)
    assert credentials.required
    assert credentials.accepts(KEY)
    assert not credentials.accepts(KEY[:-1])
    assert not credentials.accepts("")
    assert not credentials.accepts(None)


def test_the_subprotocol_is_unpadded_base64url():
    assert token_subprotocol("key??>>") == "parley.token.a2V5Pz8-Pg"


def test_the_key_is_not_kept():
    assert KEY not in str(vars(Credentials(KEY)))


@given(st.text(min_size=1))
def test_every_token_comes_through_the_subprotocol(token):
    if token.encode("utf-8", "replace").decode() != token:
        return
    assert Credentials(token).judge([], [token_subprotocol(token)]) is True


@given(st.lists(st.text(), max_size=2), st.lists(st.text().map("parley.token.".__add__)))
def test_no_guess_raises_or_passes(authorization, subprotocols):
    assert Credentials(KEY).judge(authorization, subprotocols) in (None, False)
