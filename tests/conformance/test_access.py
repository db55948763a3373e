"""Section 1: who gets in. A server with a key and room for two."""

import asyncio
import base64
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
import websockets
from websockets.exceptions import InvalidStatus

from tests.conformance.checker import connect, talking
from tests.end_to_end.servers import RunningServer, scripted_server

KEY = "correct-horse-battery-staple-0123"
ROOM = 2


def bearer(key: str) -> dict:
    return {"additional_headers": {"Authorization": f"Bearer {key}"}}


def subprotocols(key: str) -> dict:
    token = base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")
    return {"subprotocols": ["parley.v1", f"parley.token.{token}"]}


@pytest.fixture(scope="module")
def locked() -> Iterator[RunningServer]:
    with scripted_server(server={"max_sessions": ROOM}, security={"key": KEY}) as server:
        yield server


async def refusal(url: str, **options) -> tuple[int, dict]:
    with pytest.raises(InvalidStatus) as refused:
        await websockets.connect(url, compression=None, **options)
    return refused.value.response.status_code, refused.value.response.headers


@pytest.mark.parametrize("how", [bearer, subprotocols])
async def test_credentials_of_the_handshake_let_in(locked, how):
    async with talking(locked.url, **how(KEY)) as peer:
        assert peer.socket.subprotocol == "parley.v1"


async def test_the_token_of_the_hello_lets_in(locked):
    async with talking(locked.url, hello={"token": KEY}):
        pass


@pytest.mark.parametrize("how", [bearer, subprotocols])
async def test_wrong_credentials_of_the_handshake_are_401(locked, how):
    status, _ = await refusal(locked.url, **how("wrong"))
    assert status == 401


async def test_the_header_is_judged_before_the_subprotocol(locked):
    status, _ = await refusal(locked.url, **bearer("wrong"), **subprotocols(KEY))
    assert status == 401
    async with talking(locked.url, hello={"token": "wrong"}, **bearer(KEY)):
        pass


@pytest.mark.parametrize("token", [None, "wrong", ""])
async def test_a_missing_or_wrong_token_of_the_hello_closes_with_4401(locked, token):
    async with connect(locked.url) as peer:
        await peer.hello(wait=False, token=token)
        assert (await peer.until("error")).has(code="unauthorized", fatal=True)
        assert await peer.close_code() == 4401


async def test_a_token_in_the_query_string_is_refused(locked):
    status, _ = await refusal(f"{locked.url}?token={KEY}")
    assert status == 401


async def test_without_room_a_connection_gets_503_and_when_to_come_back(locked):
    async with AsyncExitStack() as stack:
        for _ in range(ROOM):
            await stack.enter_async_context(talking(locked.url, **bearer(KEY)))
        status, headers = await refusal(locked.url, **bearer(KEY))
        assert status == 503
        assert int(headers["Retry-After"]) > 0
    async with asyncio.timeout(10):  # both have gone, so there is room again
        while True:
            try:
                async with talking(locked.url, **bearer(KEY)):
                    return
            except InvalidStatus:
                await asyncio.sleep(0.05)
